import { setImmediate as nextTurn } from 'node:timers/promises'
import { CompiledQuery } from 'kysely'
import type { Pool } from 'pg'
import { expect, it } from 'vitest'
import { PoolDriver } from '../../../src/storage/postgres/pool-driver.js'
import { fakeConnection, respond, type SubmittedQuery } from './fake-connection.js'

type Sent = string | { text: string; values: unknown[]; name?: string }

/** A pool of one connection, which answers as told, or fails. */
function open(
  answer: (sql: string) => unknown = () => ({ command: 'SELECT', rowCount: 0, rows: [] }),
  committed = 'COMMIT',
) {
  const sent: Sent[] = []
  const released: boolean[] = []
  const writes: string[] = []
  const client = {
    connection: { stream: { cork: () => writes.push('cork'), uncork: () => writes.push('uncork') } },
    release: (isBroken: boolean) => released.push(isBroken),
    query(query: Sent | SubmittedQuery) {
      return typeof query === 'object' && 'submit' in query ? submit(query) : execute(query)
    },
  }

  async function execute(query: Sent) {
    sent.push(query)
    await nextTurn()
    const sql = typeof query === 'string' ? query : query.text
    return sql === 'commit' ? { command: committed, rowCount: null, rows: [] } : answer(sql)
  }

  function submit(query: SubmittedQuery): void {
    const connection = fakeConnection()
    query.submit(connection as never)
    const values = connection.messages.find(([kind]) => kind === 'bind')?.[1] as unknown[]
    execute({ name: query.name, text: query.text, values: values.slice(1) }).then(
      () => respond(query, connection, {}),
      (error) => query.handleError(error, connection),
    )
  }

  const driver = new PoolDriver({ connect: async () => client } as unknown as Pool)
  return { driver, sent, released, writes }
}

const raw = (sql: string, parameters: unknown[] = []) => CompiledQuery.raw(sql, parameters)
const reported = (code: string, message = 'the message', routine = 'errfinish') =>
  Object.assign(new Error(message), { code, severity: 'ERROR', routine })

it('begins a transaction together with its first statement, and commits it', async () => {
  const { driver, sent, released, writes } = open()
  const outcome = await driver.transaction(async (connection) => {
    await Promise.all([connection.executeQuery(raw('select 1')), connection.executeQuery(raw('select 2'))])
    return 'done'
  })
  expect(outcome).toBe('done')
  expect(sent).toEqual(['begin; select 1', 'select 2', 'commit'])
  expect(released).toEqual([false])
  // Both statements of one turn are sent in one write.
  expect(writes).toEqual(['cork', 'uncork', 'cork', 'uncork'])
  await driver.transaction((connection) => connection.executeQuery(raw('select $1', [1])))
  expect(sent.slice(3)).toMatchObject(['begin', { text: 'select $1', values: ['1'] }, 'commit'])
})

it('rolls back work that rejects, and keeps the connection', async () => {
  const { driver, sent, released } = open()
  const failing = driver.transaction(async (connection) => {
    await connection.executeQuery(raw('select 1'))
    throw new RangeError('refused')
  })
  await expect(failing).rejects.toThrow('refused')
  expect(sent).toEqual(['begin; select 1', 'rollback'])
  expect(released).toEqual([false])
})

it.each([
  [new Error('reset'), true],
  [reported('57P01'), true],
  [reported('57014'), false],
])('after %s, the connection is closed: %s', async (cause, isBroken) => {
  const { driver, sent, released } = open((sql) => {
    if (sql.includes('select')) throw cause
    return { command: 'ROLLBACK', rowCount: null, rows: [] }
  })
  const query = driver.executeQuery(raw('select 1'))
  await expect(query).rejects.toMatchObject({ name: 'DatabaseFailure', cause })
  await expect(driver.transaction((connection) => connection.executeQuery(raw('select 1')))).rejects.toThrow()
  expect(sent).toEqual(['select 1', 'begin; select 1', ...(isBroken ? [] : ['rollback'])])
  expect(released).toEqual([isBroken, isBroken])
})

it('reports a commit that PostgreSQL turned into a rollback', async () => {
  const { driver, released } = open(undefined, 'ROLLBACK')
  const failing = driver.transaction((connection) => connection.executeQuery(raw('select 1')))
  await expect(failing).rejects.toThrow('the transaction was rolled back')
  expect(released).toEqual([false])
})

it('returns how many rows a change affected, and the rows of the last of several statements', async () => {
  const counts: Record<string, number | null> = { INSERT: 1, UPDATE: 2, DELETE: 3, SELECT: 4 }
  for (const [command, rowCount] of Object.entries(counts)) {
    const { driver } = open(() => ({ command, rowCount, rows: [{ id: 1 }] }))
    const { rows, numAffectedRows } = await driver.executeQuery(raw('a statement'))
    expect(rows).toEqual([{ id: 1 }])
    expect(numAffectedRows, command).toBe(command === 'SELECT' ? undefined : BigInt(rowCount ?? 0))
  }
  const several = open(() => [1, 2].map((id) => ({ command: 'SELECT', rowCount: 1, rows: [{ id }] })))
  expect((await several.driver.executeQuery(raw('one; two'))).rows).toEqual([{ id: 2 }])
})

it('prepares each statement under a name, up to 500 of them, and again after the schema has changed', async () => {
  let isStale = false
  const { driver, sent } = open(() => {
    if (isStale) throw reported('0A000', 'a stale plan', 'RevalidateCachedQuery')
    return { command: 'SELECT', rowCount: 0, rows: [] }
  })
  const names = () => sent.splice(0).map((query) => (typeof query === 'string' ? query : query.name))
  for (const number of [1, 2, 1]) await driver.executeQuery(raw(`select ${number}, $1`, [0]))
  expect(names()).toEqual(['countersign-0-0', 'countersign-0-1', 'countersign-0-0'])
  for (let number = 3; number <= 501; number += 1) await driver.executeQuery(raw(`select ${number}, $1`, [0]))
  expect(names().slice(-2)).toEqual(['countersign-0-499', undefined])
  isStale = true
  await expect(driver.executeQuery(raw('select 1, $1', [0]))).rejects.toThrow('a stale plan')
  isStale = false
  names()
  await driver.executeQuery(raw('select 1, $1', [0]))
  expect(names()).toEqual(['countersign-1-0'])
})

it('replaces the only character that PostgreSQL cannot store', async () => {
  const { driver, sent } = open()
  await driver.executeQuery(raw('select $1, $2, $3', ['a\0b\0', 'c', 5]))
  expect(sent).toMatchObject([{ values: ['a\u{FFFD}b\u{FFFD}', 'c', '5'] }])
})

it('is out of order if no connection can be opened', async () => {
  const driver = new PoolDriver({ connect: () => Promise.reject(new Error('refused')) } as unknown as Pool)
  for (const work of [() => driver.executeQuery(raw('select 1')), () => driver.transaction(async () => 1)])
    await expect(work()).rejects.toMatchObject({ name: 'DatabaseFailure', message: 'refused' })
})
