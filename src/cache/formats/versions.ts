/**
 * Debian's order of versions: epoch, upstream version, revision. Debian policy, section 5.6.12.
 * Below 0 when `a` is older, 0 when they are the same, above 0 when `a` is newer. Of what is no version the order is some order.
 */
export function compareDebian(a: string, b: string): number {
  const [one, other] = [splitDebian(a), splitDebian(b)]
  return (
    compareNumbers(one.epoch, other.epoch) ||
    compareDebianPart(one.upstream, other.upstream) ||
    compareDebianPart(one.revision, other.revision)
  )
}

function splitDebian(version: string) {
  const colon = version.indexOf(':')
  const rest = version.slice(colon + 1)
  const dash = rest.lastIndexOf('-')
  return {
    epoch: colon < 0 ? '' : version.slice(0, colon),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  }
}

/** Parts that are not digits and parts that are, in turn. */
function compareDebianPart(a: string, b: string): number {
  let [i, j] = [0, 0]
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = debianOrder(a, i) - debianOrder(b, j)
      if (difference !== 0) return difference
      i += 1
      j += 1
    }
    const [from, since] = [i, j]
    while (isDigit(a, i)) i += 1
    while (isDigit(b, j)) j += 1
    const difference = compareNumbers(a.slice(from, i), b.slice(since, j))
    if (difference !== 0) return difference
  }
  return 0
}

/** `~` before the end, the end (and a digit) before letters, letters before the rest. */
function debianOrder(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (Number.isNaN(code) || isDigit(text, at)) return 0
  if (code === 0x7e) return -1
  return isLetter(code) ? code : code + 256
}

/**
 * RPM's order of `[epoch:]version[-release]`, as in rpmvercmp: parts of digits and of letters; digits are newer than letters, `~`
 * is older than the end, `^` newer than the end and older than anything else. A release counts only where both have one.
 */
export function compareRpm(a: string, b: string): number {
  const [one, other] = [splitRpm(a), splitRpm(b)]
  const versions = compareNumbers(one.epoch, other.epoch) || compareRpmPart(one.version, other.version)
  if (versions !== 0 || one.release === undefined || other.release === undefined) return versions
  return compareRpmPart(one.release, other.release)
}

function splitRpm(text: string) {
  const [, epoch = '0', version = '', release] = /^(?:(\d+):)?([^-]*)(?:-(.*))?$/s.exec(text) ?? [undefined, '0', text]
  return { epoch, version, release }
}

function compareRpmPart(a: string, b: string): number {
  const parts = /~|\^|\d+|[A-Za-z]+/g
  const [ones, others] = [a.match(parts) ?? [], b.match(parts) ?? []]
  for (let at = 0; ; at += 1) {
    const [one, other] = [ones[at], others[at]]
    if (one === undefined && other === undefined) return 0
    if (one === '~' || other === '~') {
      if (one !== other) return one === '~' ? -1 : 1
      continue
    }
    if (one === undefined) return -1
    if (other === undefined) return 1
    if (one === '^' || other === '^') {
      if (one !== other) return one === '^' ? -1 : 1
      continue
    }
    const [digits, otherDigits] = [isDigit(one, 0), isDigit(other, 0)]
    if (digits !== otherDigits) return digits ? 1 : -1
    const difference = digits ? compareNumbers(one, other) : compareText(one, other)
    if (difference !== 0) return difference
  }
}

const alpineSuffixes = ['alpha', 'beta', 'pre', 'rc', '', 'cvs', 'svn', 'git', 'hg', 'p']

/** Alpine's order: `1.2.3a_rc1-r4`, see apk-package(5). */
export function compareAlpine(a: string, b: string): number {
  const [one, other] = [splitAlpine(a), splitAlpine(b)]
  for (let at = 0; at < Math.max(one.numbers.length, other.numbers.length); at += 1) {
    const [number, otherNumber] = [one.numbers[at], other.numbers[at]]
    if (number === undefined) return -1
    if (otherNumber === undefined) return 1
    // From the second on a leading zero makes a fraction of it.
    const fraction = at > 0 && (number.startsWith('0') || otherNumber.startsWith('0'))
    const difference = fraction ? compareText(number, otherNumber) : compareNumbers(number, otherNumber)
    if (difference !== 0) return difference
  }
  if (one.letter !== other.letter) return compareText(one.letter, other.letter)
  for (let at = 0; at < Math.max(one.suffixes.length, other.suffixes.length); at += 1) {
    const [, name = '', number = ''] = /^([a-z]*)(\d*)$/.exec(one.suffixes[at] ?? '') ?? []
    const [, otherName = '', otherNumber = ''] = /^([a-z]*)(\d*)$/.exec(other.suffixes[at] ?? '') ?? []
    const difference =
      alpineSuffixes.indexOf(name) - alpineSuffixes.indexOf(otherName) || compareNumbers(number, otherNumber)
    if (difference !== 0) return difference
  }
  return compareNumbers(one.revision, other.revision)
}

function splitAlpine(version: string) {
  const [, numbers = '', letter = '', suffixes = '', revision = ''] =
    /^([\d.]*)([a-z]?)((?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?/.exec(version) ?? []
  return { numbers: numbers.split('.'), letter, suffixes: suffixes.split('_').slice(1), revision }
}

/** Numbers of any length, in decimal; none is 0. */
function compareNumbers(a: string, b: string): number {
  const [one, other] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  return one.length - other.length || compareText(one, other)
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0x30 && code <= 0x39
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)
}
