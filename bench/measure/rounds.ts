// Contestants measured turn by turn. Guarantee: every round runs each of them once, each round begins with another
// one, and the first rounds are thrown away as warm-up.

/** Runs once and returns its cost, in whatever unit all contestants share. */
export type Contestant = () => Promise<number> | number

export async function rounds<Name extends string>(
  contestants: Record<Name, Contestant>,
  count: number,
  warmUp = 1,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(contestants) as Name[] // the keys of a record over Name
  const costs = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]> // one list a name
  for (let round = -warmUp; round < count; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round + warmUp) % names.length]
      if (name === undefined) continue
      const cost = await contestants[name]()
      if (round >= 0) costs[name].push(cost)
    }
  }
  return costs
}
