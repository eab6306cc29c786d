const replacements: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Characters that XML 1.0 can't write, and other controls that nobody wants to read: all but tab and line ends. */
const unwritable = /[^\P{Cc}\t\n\r]|\ufffe|\uffff/gu

/** A text as it must be written between tags and in quoted attributes of HTML and SVG. */
export function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(unwritable, '\ufffd')
    .replace(/[&<>"']/g, (character) => replacements[character] ?? '')
}
