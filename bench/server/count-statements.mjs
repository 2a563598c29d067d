import Database from 'better-sqlite3'
import pg from 'pg'

const bounds = /^\s*(?:begin|commit|rollback|savepoint|release|pragma)/i

/** Counts the statements executed from now on, except those that begin and end transactions; returns a function that reads the count. */
export function countStatements() {
  let count = 0
  const counted = (object, method, isCounted) => {
    const execute = object[method]
    object[method] = function executeCounted(...values) {
      if (isCounted(...values)) count += 1
      return execute.apply(this, values)
    }
  }
  counted(pg.Client.prototype, 'query', (query) => !bounds.test(query.text ?? query))
  const prepare = Object.getOwnPropertyDescriptor(Database.prototype, 'prepare').value
  Object.defineProperty(Database.prototype, 'prepare', {
    value(sql) {
      const statement = prepare.call(this, sql)
      if (!bounds.test(sql)) for (const method of ['all', 'get', 'run']) counted(statement, method, () => true)
      return statement
    },
  })
  return () => count
}
