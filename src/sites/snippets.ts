import { readFile } from 'node:fs/promises'
import { CausewayError } from '../base/errors.ts'

/** Where an admin's own programs for a node are: before and after the role has installed its packages. */
export interface SnippetPaths {
  readonly before?: string | undefined
  readonly after?: string | undefined
}

/** Their texts; null: there is none. */
export interface Snippets {
  readonly before: string | null
  readonly after: string | null
}

/** The snippets of a node by its site and type. */
export type SnippetsOf = (node: { readonly site: string; readonly type: string }) => Snippets

/** The part of the controller's configuration that names snippets. */
export interface SnippetSource {
  readonly sites: Readonly<
    Record<
      string,
      {
        readonly seed?: SnippetPaths | undefined
        readonly types?: Readonly<Record<string, { readonly seed?: SnippetPaths | undefined }>> | undefined
      }
    >
  >
}

export const noSnippets: Snippets = { before: null, after: null }

/**
 * Reads all snippets that a configuration names. What a type does not say is its site's.
 * @throws CausewayError `InvalidConfig` for a file that can't be read or names no interpreter
 */
export async function readSnippets({ sites }: SnippetSource): Promise<SnippetsOf> {
  const found = new Map<string, Snippets>()
  for (const [site, { seed, types = {} }] of Object.entries(sites)) {
    const ofSite = await readPair(seed, `sites.${site}.seed`)
    found.set(site, ofSite)
    for (const [type, { seed: own }] of Object.entries(types)) {
      const ofType = await readPair(own, `sites.${site}.types.${type}.seed`)
      found.set(`${site}/${type}`, { before: ofType.before ?? ofSite.before, after: ofType.after ?? ofSite.after })
    }
  }
  return ({ site, type }) => found.get(`${site}/${type}`) ?? found.get(site) ?? noSnippets
}

async function readPair(paths: SnippetPaths | undefined, place: string): Promise<Snippets> {
  return {
    before: await readSnippet(paths?.before, `${place}.before`),
    after: await readSnippet(paths?.after, `${place}.after`),
  }
}

async function readSnippet(path: string | undefined, place: string): Promise<string | null> {
  if (path === undefined) return null
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new CausewayError('InvalidConfig', `${place}: ${path} can't be read: ${(cause as Error).message}`, { cause })
  }
  if (!text.startsWith('#!/')) {
    throw new CausewayError('InvalidConfig', `${place}: ${path} does not begin with its interpreter, such as #!/bin/sh`)
  }
  return text
}
