/**
 * A date of HTTP in milliseconds since the epoch, in any of its three forms (RFC 9110, section 5.6.7); NaN for anything else,
 * such as the `0` and `-1` that some origins send in `Expires`, which `Date.parse` takes for years.
 */
export function httpDate(text: string | undefined): number {
  if (text === undefined || !/^[A-Z][a-z]{2,8},? [\w -]{6,11} [\d: ]{8,13}( GMT)?$/.test(text)) return Number.NaN
  return Date.parse(text.endsWith(' GMT') ? text : `${text} GMT`)
}
