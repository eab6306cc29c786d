import { CausewayError } from '../../base/errors.ts'

const longest = 4096

/**
 * The file that a request's path names: without query, escapes, empty and `.` segments, so that all spellings of one file
 * are the same text. Undefined for what no file of an origin can be: a wrong escape, a control character, a climbing `..`.
 */
export function plainPath(path: string): string | undefined {
  const query = path.indexOf('?')
  let file = query < 0 ? path : path.slice(0, query)
  if (file.includes('%')) {
    try {
      file = decodeURIComponent(file)
    } catch {
      return undefined
    }
  }
  if (!/\/\/|\/\.\.?(?:\/|$)/.test(file)) return file.startsWith('/') && !hasTricks(file) ? file : undefined
  const segments = file.split('/').filter((segment) => segment !== '' && segment !== '.')
  if (segments.includes('..') || hasTricks(file) || !file.startsWith('/')) return undefined
  return `/${segments.join('/')}${file.endsWith('/') && segments.length > 0 ? '/' : ''}`
}

function hasTricks(file: string): boolean {
  // oxlint-disable-next-line no-control-regex
  return file.length > longest || /[\u0000-\u001f\u007f\\]/.test(file)
}

/**
 * The path of a file that an index names, which must lie below the index's root: nothing that comes from outside leads out.
 * @param root Ends with `/`.
 * @param relative As the index says it, without escapes.
 * @throws CausewayError `MalformedOutput`
 */
export function below(root: string, relative: string): string {
  const segments = relative.split('/').filter((segment) => segment !== '' && segment !== '.')
  const climbs = relative.startsWith('/') || segments.includes('..') || segments.length === 0
  if (climbs || hasTricks(relative)) {
    throw new CausewayError(
      'MalformedOutput',
      `an index names a file that can't be: ${JSON.stringify(relative.slice(0, 200))}`,
    )
  }
  return root + segments.join('/')
}

/** The folder of a file, with a `/` at the end. */
export function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/') + 1)
}

/** The last segment of a path. */
export function nameOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1)
}

/** Where a URL in an index leads: to a file of the index's own origin when it names no host. Undefined: to no file. */
export function linkedFrom(file: string, link: string): { host: string | undefined; path: string } | undefined {
  const url = URL.parse(link, `http://origin.invalid${encodeURI(file)}`)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return undefined
  const path = plainPath(url.pathname)
  if (path === undefined) return undefined
  return { host: url.hostname === 'origin.invalid' ? undefined : url.hostname, path }
}
