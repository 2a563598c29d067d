import { setTimeout as wait } from 'node:timers/promises'

/** Does something so many times, `parallel` at once; gives the seconds it took. */
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

/** What the tested processes, and those of the database, take for one operation, in microseconds of CPU, and how many there are in a second. */
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

/** Begins `rate` operations a second for some seconds, whatever becomes of them; gives their times in milliseconds. */
export async function measureTimes({ watchDelay, readDelay, operations }, operation, { rate, seconds }) {
  const times = []
  const running = []
  await watchDelay()
  const begun = performance.now()
  for (let number = 0; number < rate * seconds; number++) {
    // As strangers come: on average in time, and not one after the other.
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
