import { readFileSync } from 'node:fs'

/** Clock ticks per second of /proc/stat: 100 on every Linux (USER_HZ). */
const ticksPerSecond = 100

/** Seconds that all cores of this machine have worked since it was started, whoever for; what a hypervisor took not among them. */
export function machineSeconds(stat = readFileSync('/proc/stat', 'utf8')): number {
  // proc(5): user nice system idle iowait irq softirq steal ...
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (stat.split('\n')[0] ?? '')
    .split(/ +/)
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq) / ticksPerSecond
}
