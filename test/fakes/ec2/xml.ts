/** What an answer holds; lists become `<item>` elements, undefined is left out. */
export type Xml = string | number | boolean | Date | undefined | readonly Xml[] | { readonly [name: string]: Xml }

/** An answer of the EC2 API. */
export function answerXml(action: string, content: { readonly [name: string]: Xml }): string {
  const namespace = 'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
  const body = render({ requestId: 'f0e1d2c3-0000-4000-8000-000000000000', ...content })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response ${namespace}>${body}</${action}Response>`
}

/** A refusal of the EC2 API. */
export function errorXml(code: string, message: string): string {
  const errors = render({
    Errors: { Error: { Code: code, Message: message } },
    RequestID: 'f0e1d2c3-0000-4000-8000-00000000000e',
  })
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Response>${errors}</Response>`
}

function render(value: Xml): string {
  if (value === undefined) return ''
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return (value as readonly Xml[]).map((item) => `<item>${render(item)}</item>`).join('')
  if (typeof value !== 'object') {
    return String(value).replace(/[&<>]/g, (mark) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[mark] ?? mark)
  }
  return Object.entries(value)
    .filter(([, content]) => content !== undefined)
    .map(([name, content]) => `<${name}>${render(content)}</${name}>`)
    .join('')
}
