// Opens one new file per round, at the same moment as the other threads, and reports errors.
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { sqliteStorage } from 'countersign-server/sqlite'

const { folder, rounds, threads, arrivals } = workerData
const counter = new Int32Array(arrivals)

function meet(round) {
  const expected = threads * round
  if (Atomics.add(counter, 0, 1) + 1 === expected) Atomics.notify(counter, 0)
  for (let seen = Atomics.load(counter, 0); seen < expected; seen = Atomics.load(counter, 0)) {
    Atomics.wait(counter, 0, seen, 50)
  }
}

const failures = []
for (let round = 1; round <= rounds; round += 1) {
  meet(round)
  try {
    await sqliteStorage(join(folder, `${round}.db`), { sweepInterval: 0 }).close()
  } catch (error) {
    failures.push(String(error.cause))
  }
}
parentPort.postMessage(failures)
