import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  type RawBuilder,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { expect, it } from 'vitest'
import { cachedQuery, cachedQueryOfRows, type Placeholders } from '../../../src/storage/sql/kept-query.js'

type Statement = Parameters<ReturnType<typeof cachedQuery>>[0]
type Form = Statement['form']

const db: Statement['db'] = new Kysely({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (introspected) => new SqliteIntrospector(introspected),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})
const locking: Statement['locking'] = (query) => query
const given: Form = { parts: { db, locking }, clock: (at) => at }
const own: Form = { parts: { db, locking }, clock: () => sql`the_clock()` }

/** A statement that records its executions and results. */
function statementOf(form: Form, at: number | undefined) {
  const executed: Pick<CompiledQuery, 'sql' | 'parameters'>[] = []
  const statement: Statement = {
    db,
    async ask<R>(query: CompiledQuery<R>) {
      executed.push(query)
      return [{ id: 7 } as R]
    },
    clock: sql`not used`,
    at,
    behind: 0,
    form,
    locking,
  }
  return { statement, executed }
}

it('is built once, and executed with the values and the time of each call', async () => {
  let written = 0
  const late = cachedQuery((parts, { user }: Placeholders<{ user: number }>) => {
    written += 1
    return parts.db
      .selectFrom('session')
      .select('id')
      .where('user_id', '=', user)
      .where('expires_at', '>', parts.clock)
      .where('amr', '=', 'pwd')
  })
  const { statement, executed } = statementOf(given, 100)
  expect(await late(statement, { user: 1 })).toEqual([{ id: 7 }])
  await late({ ...statement, at: 200 }, { user: 2 })
  expect(executed.map(({ parameters }) => parameters)).toEqual([
    [1, 100, 'pwd'],
    [2, 200, 'pwd'],
  ])
  expect(new Set(executed.map((query) => query.sql)).size).toBe(1)
  expect(written).toBe(1)
})

it('is built for each form: if the database has its own clock, no time is passed', async () => {
  const clocks: RawBuilder<number>[] = []
  const seen = cachedQuery((parts, { user }: Placeholders<{ user: number }>) => {
    clocks.push(parts.clock)
    return parts.db
      .updateTable('session')
      .set({ last_seen_at: parts.clock })
      .where('user_id', '=', user)
      .returning('id')
  })
  const one = statementOf(given, 100)
  const other = statementOf(own, undefined)
  await seen(one.statement, { user: 1 })
  await seen(other.statement, { user: 2 })
  await seen(one.statement, { user: 3 })
  expect(clocks).toHaveLength(2)
  expect(one.executed.map(({ parameters }) => parameters)).toEqual([
    [100, 1],
    [100, 3],
  ])
  expect(other.executed).toMatchObject([{ sql: expect.stringContaining('= the_clock()'), parameters: [2] }])
})

it('has one query per number of rows, and fills in the values of each row', async () => {
  let written = 0
  const insertion = cachedQueryOfRows((parts, rows: readonly Placeholders<{ source: string; held: number }>[]) => {
    written += 1
    const values = rows.map(({ source, held }) => ({ kind: 'agent' as const, source, held }))
    return parts.db.insertInto('nonce_count').values(values)
  })
  const { statement, executed } = statementOf(given, 0)
  const rows = (count: number) => Array.from({ length: count }, (_, held) => ({ source: `source ${held}`, held }))
  for (const count of [1, 2, 1, 2, 17, 17]) await insertion(statement, rows(count))
  expect(executed.map(({ parameters }) => parameters.length / 3)).toEqual([1, 2, 1, 2, 17, 17])
  expect(executed[3]?.parameters).toEqual(['agent', 'source 0', 0, 'agent', 'source 1', 1])
  // For long lists, there would be a query for each length: they are not cached.
  expect(written).toBe(4)
})
