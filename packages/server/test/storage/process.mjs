// Works on a SQLite file as one of several processes: opens it before or when told to start, and reports.

import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'

const { path, opens, calls, atOnce, killAt } = JSON.parse(process.argv[2])

let reached = 0

function reach(point) {
  if (point !== killAt?.point) return
  reached += 1
  if (reached === killAt.visit) process.kill(process.pid, 'SIGKILL')
}

/** Before and after the relevant statements, identified by their first words. */
const points = [
  [
    /^update "(code" set "consumed_at|auth_request" set "status|refresh_token" set "token_hash)"/,
    'before_consume',
    'after_consume',
  ],
  [/^commit/, 'before_commit', 'after_commit'],
]

/** A statement that kills the process before or after it is executed. */
function watch(statement, [, before, after]) {
  for (const method of ['all', 'run']) {
    const execute = statement[method].bind(statement)
    statement[method] = (...values) => {
      reach(before)
      const result = execute(...values)
      reach(after)
      return result
    }
  }
  return statement
}

const watched = {
  apply(prepare, database, [sql]) {
    const statement = Reflect.apply(prepare, database, [sql])
    const point = points.find(([begins]) => begins.test(sql))
    return point ? watch(statement, point) : statement
  },
}
Object.defineProperty(Database.prototype, 'prepare', {
  value: new Proxy(Object.getOwnPropertyDescriptor(Database.prototype, 'prepare').value, watched),
})

async function work() {
  storage ??= open()
  if (atOnce) await Promise.all(calls.map(call))
  else for (const each of calls) await call(each)
  await storage.close()
  process.disconnect()
}

async function call([verb, argument]) {
  const result = await storage[verb](argument)
  process.send({ of: argument.codeHash ?? argument.family, outcome: result?.reason ?? result?.outcome })
}

const open = () => sqliteStorage(path, { sweepInterval: 0 })

let storage = opens === 'when told' ? undefined : open()
process.once('message', () => void work())
process.send('ready')
