import type { ClientBase } from 'pg'
import { expect, it } from 'vitest'
import { migrate, versionOf } from '../../../src/storage/postgres/migrate.js'

const steps = ['step 0', 'step 1', 'step 2', 'step 3']

/** A connection to a database with this schema version, whose steps fail with these codes, one after the other. */
function connect({ version: first = 0, tables = '0', failures = [] as string[] }) {
  const executed: string[] = []
  let version = first
  let isOurs = version > 0
  const answer = (sql: string): object[] => {
    if (sql.includes('to_regclass')) return [{ ours: isOurs, tables }]
    if (sql.startsWith('select version')) return [{ version }]
    executed.push(sql)
    const [code] = sql.startsWith('step') ? failures.splice(0, 1) : []
    if (code !== undefined) throw Object.assign(new Error('the message'), { code, severity: 'ERROR' })
    if (sql.startsWith('step')) {
      version += 1
      isOurs = true
    }
    return []
  }
  const client = { query: async (sql: string) => ({ rows: answer(sql) }) } as unknown as ClientBase
  const ran = () =>
    executed.filter((sql) => /^(?:step|begin|commit|rollback)/.test(sql)).map((sql) => sql.split(';')[0])
  return { client, ran, executed }
}

it('runs the missing steps in order, in one transaction, one process at a time', async () => {
  const { client, ran, executed } = connect({ version: 2 })
  await migrate(client, steps)
  expect(ran()).toEqual(['begin', 'step 2', 'step 3', 'commit'])
  expect(executed[1]).toContain('pg_advisory_xact_lock')
  // Requests queue behind a change that waits for a lock.
  expect(executed[2]).toContain("lock_timeout = '100ms'")
  const empty = connect({})
  await migrate(empty.client, steps)
  expect(empty.ran()).toEqual(['begin', ...steps, 'commit'])
})

it('leaves a current schema unchanged', async () => {
  const { client, executed } = connect({ version: 4 })
  await migrate(client, steps)
  expect(executed).toEqual([])
})

it.each([
  ['of another program', { tables: '3' }, 'not_ours'],
  ['of a newer version', { version: 5 }, 'schema_newer'],
])('leaves the database %s unchanged', async (_, state, code) => {
  const { client, executed } = connect(state)
  await expect(migrate(client, steps)).rejects.toMatchObject({ code })
  await expect(versionOf(client, steps)).rejects.toMatchObject({ code })
  expect(executed).toEqual([])
})

it.each(['40P01', '40001', '55P03'])('tries again after %s, which a request causes', async (failure) => {
  const { client, ran } = connect({ version: 3, failures: [failure] })
  await migrate(client, steps)
  expect(ran()).toEqual(['begin', 'step 3', 'rollback', 'begin', 'step 3', 'commit'])
})

it.each([
  ['42501', { code: 'not_writable', cause: { code: '42501' } }],
  ['42P01', { code: '42P01' }],
])('does not try again after %s', async (failure, error) => {
  const { client, ran } = connect({ version: 3, failures: [failure] })
  await expect(migrate(client, steps)).rejects.toMatchObject(error)
  expect(ran()).toEqual(['begin', 'step 3', 'rollback'])
})

it('reads the version of a schema, which is 0 in an empty database', async () => {
  expect(await versionOf(connect({}).client, steps)).toBe(0)
  expect(await versionOf(connect({ version: 3 }).client, steps)).toBe(3)
})
