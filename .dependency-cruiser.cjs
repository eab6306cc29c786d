/**
 * The import boundaries drawn in docs/design/001-layers.md: control flows down, facts flow up.
 * A folder may import the folders listed for it, and itself.
 */
const may = {
  base: [],
  config: ['base'],
  store: ['base'],
  cache: ['base', 'config'],
  sites: ['base', 'config'],
  network: ['base', 'config', 'sites'],
  elastic: ['base', 'config', 'store', 'sites', 'network'],
  hooks: ['base', 'config', 'store', 'elastic'],
  cli: ['base', 'config', 'store', 'cache', 'sites', 'network', 'elastic', 'hooks'],
}

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: '^src/main[.]ts$' },
      to: {},
    },
    ...Object.entries(may).map(([folder, allowed]) => ({
      name: `${folder}-imports-only-below`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
    })),
    {
      name: 'src-knows-no-lab-or-test',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(lab|test|bench)/' },
    },
    {
      name: 'the-planner-reads-and-writes-nothing',
      severity: 'error',
      comment: 'Deciding is pure: no I/O module may be reached from src/elastic/plan.',
      from: { path: '^src/elastic/plan/' },
      to: { dependencyTypes: ['core', 'npm'] },
    },
    {
      name: 'no-dev-dependency-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
    },
  },
}
