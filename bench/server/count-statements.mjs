import Database from 'better-sqlite3'

const bounds = /^\s*(?:begin|commit|rollback|savepoint|release|pragma)/i

/** Counts what is executed in SQLite from now on, without what begins and ends transactions; gives the number so far. */
export function countStatements() {
  let count = 0
  const prepare = Object.getOwnPropertyDescriptor(Database.prototype, 'prepare').value
  Object.defineProperty(Database.prototype, 'prepare', {
    value(sql) {
      const statement = prepare.call(this, sql)
      if (bounds.test(sql)) return statement
      for (const method of ['all', 'get', 'run']) {
        const execute = statement[method].bind(statement)
        statement[method] = (...values) => {
          count += 1
          return execute(...values)
        }
      }
      return statement
    },
  })
  return () => count
}
