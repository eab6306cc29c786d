import type { Random } from '../random.ts'

/** Walltimes that people ask for, minutes. */
const customaryMinutes = [5, 10, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 7200, 10_080, 20_160]

/** How many users share an account. */
const usersPerAccount = 4

/**
 * Chooses among `count` users with shares that fall by Zipf's law: the k-th has 1/k^`exponent` of the first one's. They are called
 * `user1` to `userN`, in accounts `group1`, ... of four each.
 */
export function zipfUsers(count: number, exponent: number): (random: Random) => { user: string; account: string } {
  const users: { user: string; account: string; upTo: number }[] = []
  let sum = 0
  for (let k = 1; k <= count; k++) {
    sum += k ** -exponent
    users.push({ user: `user${k}`, account: `group${Math.ceil(k / usersPerAccount)}`, upTo: sum })
  }
  return (random) => {
    const draw = random.next() * sum
    const { user, account } = users.find((one) => draw < one.upTo) ?? { user: 'user1', account: 'group1' }
    return { user, account }
  }
}

/**
 * The walltime that a user asks for, ms: a guess somewhat above the run time, rounded up to a customary one. Never below
 * the run time. People's guesses are long and round: Mu'alem and Feitelson, IEEE TPDS 12(6), 2001.
 */
export function askedWallMs(runMs: number, random: Random): number {
  const guess = runMs * (1 + random.exponential(1.5))
  const minutes = customaryMinutes.find((one) => one * 60_000 >= guess)
  return minutes === undefined ? Math.ceil(guess / 86_400_000) * 86_400_000 : minutes * 60_000
}
