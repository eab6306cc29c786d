/** A package whatever its version: what installs of different days have in common. */
export interface PackageName {
  readonly name: string
  /** As the file's name has it; undefined where it doesn't say. */
  readonly architecture: string | undefined
}

/**
 * Which package a file is, by its name alone; undefined for what is no package of a system.
 *
 * `NAME_VERSION_ARCHITECTURE.deb` (Debian policy 5.6), `NAME-VERSION-RELEASE.ARCHITECTURE.rpm`, `NAME-VERSION-rRELEASE.apk`,
 * `NAME-VERSION-RELEASE-ARCHITECTURE.pkg.tar.zst`.
 * @param path Canonical, without a query.
 */
export function packageNameOf(path: string): PackageName | undefined {
  const file = path.slice(path.lastIndexOf('/') + 1)
  for (const [ending, form] of forms) {
    if (!file.endsWith(ending)) continue
    const { name, architecture } = form.exec(file)?.groups ?? {}
    return name === undefined ? undefined : { name, architecture }
  }
  return undefined
}

const forms: readonly (readonly [ending: string, form: RegExp])[] = [
  ['.deb', /^(?<name>[^_]+)_[^_]+_(?<architecture>[^_.]+)\.deb$/],
  ['.rpm', /^(?<name>.+)-[^-]+-[^-]+\.(?<architecture>[^.]+)\.rpm$/],
  ['.apk', /^(?<name>.+)-[^-]+-r\d+\.apk$/],
  ['.pkg.tar.zst', /^(?<name>.+)-[^-]+-[^-]+-(?<architecture>[^-.]+)\.pkg\.tar\.zst$/],
  ['.pkg.tar.xz', /^(?<name>.+)-[^-]+-[^-]+-(?<architecture>[^-.]+)\.pkg\.tar\.xz$/],
]
