// Works on a SQLite file as one of several processes: opens it before or when it is told to start, and reports.

import { sqliteEngine } from '../../dist/storage/engines/sqlite/sqlite-engine.js'
import { sqlStorage } from '../../dist/storage/sql-storage.js'

const { path, opens, calls, killAt } = JSON.parse(process.argv[2])

let reached = 0

function faultPoint(point) {
  if (point !== killAt?.point) return
  reached += 1
  if (reached === killAt.visit) process.kill(process.pid, 'SIGKILL')
}

async function work() {
  storage ??= open()
  for (const [verb, argument] of calls) {
    const result = await storage[verb](argument)
    process.send({ of: argument.codeHash, outcome: result?.reason ?? result?.outcome })
  }
  await storage.close()
  process.disconnect()
}

const open = () => sqlStorage(sqliteEngine(path), { sweepInterval: 0, faultPoint })

let storage = opens === 'when told' ? undefined : open()
process.once('message', () => void work())
process.send('ready')
