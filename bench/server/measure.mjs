import { setTimeout as wait } from 'node:timers/promises'

/** Runs an operation the given number of times, `parallel` at once; returns the seconds it took. */
export async function repeat(operation, { times, parallel }) {
  const begun = performance.now()
  let left = times
  await Promise.all(
    Array.from({ length: Math.min(parallel, times) }, async () => {
      while (left-- > 0) await operation()
    }),
  )
  return (performance.now() - begun) / 1000
}

/**
 * CPU time of the tested processes and of the database's processes per operation, in microseconds, and the number of operations per second.
 */
export async function measureRound({ read, operations }, operation, { times, parallel }) {
  const before = await read()
  const seconds = await repeat(operations[operation], { times, parallel })
  const after = await read()
  return {
    micros: (after.cpu - before.cpu) / times,
    databaseMicros: (after.databaseCpu - before.databaseCpu) / times,
    rate: times / seconds,
  }
}

/**
 * Starts `rate` operations per second for a number of seconds, regardless of whether earlier operations have completed; returns their
 * durations in milliseconds.
 */
export async function measureTimes({ watchDelay, readDelay, operations }, operation, { rate, seconds }) {
  const times = []
  const running = []
  await watchDelay()
  const begun = performance.now()
  for (let number = 0; number < rate * seconds; number++) {
    // Independent arrivals: on schedule on average, but not evenly spaced.
    const due = begun + ((number + Math.random()) / rate) * 1000
    const ahead = due - performance.now()
    if (ahead > 0) await wait(ahead)
    running.push(timed(operations[operation], due).then((time) => times.push(time)))
  }
  await Promise.all(running)
  const delay = await readDelay()
  times.sort((a, b) => a - b)
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), delay: delay.p99 }
}

async function timed(operation, due) {
  const begun = Math.max(due, performance.now())
  await operation()
  return performance.now() - begun
}

function percentile(sorted, part) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
}
