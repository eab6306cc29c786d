import { alone, type BenchReport, type BenchRow } from '../report.ts'
import { manyAtOnce } from './at-once.ts'
import { boots } from './boots.ts'

export const usage =
  '  --stock   also the stock image, and the same with Slurm in it (golden), which takes minutes\n  --rounds N   boots of the light image; default 3'

/**
 * How fast virtual machines become nodes, without KVM, and what of that the driver takes itself. There is no peer: the goals
 * are the project's own, and for a machine that does nothing else meanwhile.
 */
export async function run(argv: readonly string[]): Promise<BenchReport> {
  const rounds = Number(argv[argv.indexOf('--rounds') + 1] ?? 3) || 3
  const light = await boots('light', rounds)
  const stock = argv.includes('--stock') ? await boots('stock', 1) : []
  const golden = argv.includes('--stock') ? await boots('golden', 1) : []
  const { exchanges, seconds, each } = await manyAtOnce(20)
  return {
    name: 'boots',
    rows: [
      ...rowsOf('light image', light, 10),
      ...(stock.length > 0 ? rowsOf('stock image, packages through the cache', stock, 90) : []),
      ...(golden.length > 0 ? rowsOf('golden image, packages in it', golden, 90) : []),
      alone({
        case: '20 machines made at once at one host: exchanges that make them',
        unit: 'exchanges',
        ours: exchanges,
        goal: 1,
      }),
      alone({ case: '20 machines made at once at one host', unit: 's', ours: seconds, goal: null }),
      alone({ case: 'one machine made alone at the same host (SSH, define, start)', unit: 's', ours: each, goal: 1 }),
    ],
  }
}

function rowsOf(image: string, lives: readonly Readonly<Record<string, number>>[], goal: number): BenchRow[] {
  const middle = (of: (phasesMs: Readonly<Record<string, number>>) => number) => {
    const sorted = lives.map(of).toSorted((a, b) => a - b)
    return (sorted[Math.floor(sorted.length / 2)] ?? Number.NaN) / 1000
  }
  const sum = (phasesMs: Readonly<Record<string, number>>) =>
    ['creating', 'booting', 'installing', 'enrolling'].reduce((total, phase) => total + (phasesMs[phase] ?? 0), 0)
  return [
    alone({
      case: `${image}: from create to idle in Slurm, median of ${lives.length}`,
      unit: 's',
      ours: middle(sum),
      goal,
    }),
    ...['creating', 'booting', 'installing', 'enrolling'].map((phase) =>
      alone({
        case: `${image}: of it ${phase}`,
        unit: 's',
        ours: middle((phasesMs) => phasesMs[phase] ?? 0),
        goal: null,
      }),
    ),
  ]
}
