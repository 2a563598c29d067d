// Loaded before the server with `node --import`. Kills the process, as `kill -9` does, at a named point of a request, or of its work on
// emails. The file FAULT_FILE specifies the point, as { point, target, held }; without that file nothing happens.

import { readFileSync, writeFileSync } from 'node:fs'
import { ServerResponse } from 'node:http'
import Database from 'better-sqlite3'
import pg from 'pg'

const file = process.env.FAULT_FILE

/** How the relevant statement begins, and the method and path of the request, if there is one. */
const targets = {
  exchange: { begins: /^update "code" set "consumed_at/, request: /^POST \/agent\/token$/ },
  decision: { begins: /^update "auth_request" set "status/, request: /^POST \/(agent\/auth|person\/interact)$/ },
  delivery: { begins: /^update "code" set "consumed_at/, request: /^GET \/person\/pending\// },
  issue: { begins: /^insert into "token_issue"/, request: /^POST \/person\/token$/ },
  notification: { begins: /^update "agent" set "notified_up_to/ },
  claim: { begins: /^update "email" set "attempts/ },
  settlement: { begins: /^update "email" set "outcome/ },
}
/** Milliseconds that other requests have to reach the same point. */
const patience = 150

function armed() {
  try {
    const { target, ...fault } = JSON.parse(readFileSync(file, 'utf8'))
    return { ...fault, ...targets[target] }
  } catch {
    return undefined
  }
}

let hits = 0

/**
 * Holds the caller at this point if the fault is armed for it, and returns whether it does. The process is killed immediately, or once as
 * many callers are held as the fault allows.
 */
function isHeld(point) {
  const fault = armed()
  if (!fault || fault.point !== point) return false
  hits += 1
  writeFileSync(`${file}.hits`, String(hits))
  if (hits >= fault.held) process.kill(process.pid, 'SIGKILL')
  else if (hits === 1) setTimeout(() => process.kill(process.pid, 'SIGKILL'), patience)
  return true
}

function methodOf({ prototype }, name) {
  return Object.getOwnPropertyDescriptor(prototype, name).value
}

const never = new Promise(() => undefined)
let commits = 0
/** Connections whose current transaction includes the relevant statement. */
const inside = new WeakSet()

/** Returns the points before and after a statement. The second is reached once the statement has been executed. */
function pointsOf(connection, sql) {
  const fault = armed()
  if (fault?.begins.test(sql)) {
    if (fault.point === 'bug') {
      void Promise.reject(new Error('this rejection is not handled'))
      throw new Error('a bug in a handler')
    }
    inside.add(connection)
    return ['before_consume', 'after_consume']
  }
  if (!sql.startsWith('commit') || !inside.delete(connection)) return []
  return ['before_commit', 'after_commit']
}

const prepare = methodOf(Database, 'prepare')
Object.defineProperty(Database.prototype, 'prepare', {
  value(sql) {
    const statement = prepare.call(this, sql)
    for (const method of ['all', 'run']) {
      const execute = statement[method].bind(statement)
      statement[method] = (...values) => {
        const [before, after] = pointsOf(this, sql)
        isHeld(before)
        const result = execute(...values)
        if (after === 'after_commit') commits += 1
        isHeld(after)
        return result
      }
    }
    return statement
  },
})

// With FAULT_PATIENT, a database that is slow because the machine is slow counts as available.
if (process.env.FAULT_PATIENT) {
  const time = 60_000
  const times = { connectionTimeoutMillis: time, lock_timeout: time, statement_timeout: time, query_timeout: time }
  pg.Pool = class extends pg.Pool {
    constructor(options) {
      super({ ...options, ...times })
    }
  }
}

const query = methodOf(pg.Client, 'query')
pg.Client.prototype.query = function send(statement, ...rest) {
  const [before, after] = pointsOf(this, statement?.text ?? statement)
  if (before === undefined) return query.call(this, statement, ...rest)
  return (async () => {
    if (isHeld(before)) await never
    const result = await Promise.resolve(query.call(this, statement, ...rest))
    if (after === 'after_commit') commits += 1
    if (isHeld(after)) await never
    return result
  })()
}

const writeHead = methodOf(ServerResponse, 'writeHead')
ServerResponse.prototype.writeHead = function write(...head) {
  const { method, url } = this.req
  const isAnswer = commits > 0 && armed()?.request?.test(`${method} ${url.split('?', 1)[0]}`)
  if (isAnswer && isHeld('before_write')) {
    this.end = () => this
    this.write = () => true
    return this
  }
  return writeHead.apply(this, head)
}
