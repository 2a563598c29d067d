const passesPerRound = 4
const sliceSeconds = 0.01
const warmUpSeconds = 0.15

/**
 * Runs all contenders in turn, in small slices in a new random order each time, so that other load on the machine affects all of them
 * equally. Each round yields a contender's rate divided by the rate of its limit in the same round. A second is a second of CPU time,
 * summed over all threads: as on one core, and excluding the time in which other programs ran.
 */
export async function measure(contenders, { rounds }) {
  for (const contender of contenders) await contender.check?.()
  const counts = []
  for (const contender of contenders) counts.push(await warmUp(contender))

  const perRound = contenders.map(() => [])
  for (let round = 0; round < rounds; round++) {
    const seconds = contenders.map(() => 0)
    for (let pass = 0; pass < passesPerRound; pass++) {
      for (const index of shuffled(contenders.length)) {
        seconds[index] += await secondsOf(contenders[index], counts[index])
      }
    }
    for (const [index, total] of seconds.entries()) perRound[index].push((counts[index] * passesPerRound) / total)
  }
  return compare(contenders, perRound)
}

/**
 * A new random order for each pass: each contender leaves its code and branches in the processor's caches, so its predecessor must not
 * always be the same.
 */
function shuffled(length) {
  const order = Array.from({ length }, (_, index) => index)
  for (let last = length - 1; last > 0; last--) {
    const chosen = Math.floor(Math.random() * (last + 1))
    ;[order[last], order[chosen]] = [order[chosen], order[last]]
  }
  return order
}

function compare(contenders, perRound) {
  const limits = {}
  for (const [index, { limit }] of contenders.entries()) if (limit) limits[limit] = perRound[index]
  return {
    limit: Object.fromEntries(Object.entries(limits).map(([name, rates]) => [name, Math.round(spread(rates).median)])),
    results: contenders.flatMap(({ name, of, goal }, index) =>
      of ? [{ name, of, goal, ratio: spread(perRound[index].map((rate, round) => rate / limits[of][round])) }] : [],
    ),
  }
}

/** The number of operations that fill a slice once the code is compiled. */
async function warmUp(contender) {
  let count = 4
  let rate = 0
  for (let spent = 0; spent < warmUpSeconds; ) {
    const seconds = await secondsOf(contender, count)
    spent += seconds
    rate = count / seconds
    count = Math.min(count * 2, Math.max(1, Math.round(rate * sliceSeconds)))
  }
  return Math.max(1, Math.round(rate * sliceSeconds))
}

async function secondsOf(contender, count) {
  await contender.prepare?.(count)
  const start = process.cpuUsage()
  const running = contender.run(count)
  if (running) await running
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1e6
}

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { min: sorted[0], median, max: sorted.at(-1) }
}
