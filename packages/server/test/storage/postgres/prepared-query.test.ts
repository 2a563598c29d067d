import type { ClientBase } from 'pg'
import { Query } from 'pg'
import { expect, it } from 'vitest'
import { areValues, executePrepared } from '../../../src/storage/postgres/prepared-query.js'
import { fakeConnection, respond, type SubmittedQuery } from './fake-connection.js'

const statement = { name: 'n-1', text: 'select $1', values: [1] }

/** A client with one connection, whose queries the test submits and completes. */
function open() {
  const connection = fakeConnection()
  const queries: SubmittedQuery[] = []
  const client = {
    getTypeParser: (oid: number) => (oid === 20 ? Number : String),
    query: (query: SubmittedQuery) => {
      expect(query).toBeInstanceOf(Query)
      queries.push(query)
      query.submit(connection as never)
    },
  } as unknown as ClientBase
  const execute = (values: readonly (string | number | null)[] = [1]) =>
    executePrepared(client, { ...statement, values })
  const complete = (response: Parameters<typeof respond>[2]) =>
    respond(queries.shift() as SubmittedQuery, connection, response)
  const sent = () => connection.messages.splice(0).map(([kind]) => kind)
  return { connection, client, queries, execute, complete, sent }
}

it('prepares and describes a statement once per connection', async () => {
  const { execute, complete, sent, connection } = open()
  const first = execute()
  expect(connection.messages).toEqual([
    ['parse', { name: 'n-1', text: 'select $1', types: [] }],
    ['bind', [{ statement: 'n-1' }, '1']],
    ['describe', { type: 'P' }],
    ['execute', undefined],
    ['sync', undefined],
  ])
  complete({
    complete: 'SELECT 2',
    columns: ['id', 'read_at'],
    rows: [
      ['a', '5'],
      ['b', null],
    ],
  })
  const rows = [
    { id: 'a', read_at: 5 },
    { id: 'b', read_at: null },
  ]
  expect(await first).toEqual({ command: 'SELECT', rowCount: 2, rows })
  sent()
  const second = execute()
  expect(sent()).toEqual(['bind', 'execute', 'sync'])
  complete({ complete: 'SELECT 1', rows: [['c', '7']] })
  expect(await second).toEqual({ command: 'SELECT', rowCount: 1, rows: [{ id: 'c', read_at: 7 }] })
  const other = open()
  void other.execute()
  expect(other.sent()).toEqual(['parse', 'bind', 'describe', 'execute', 'sync'])
})

it('asks for the description again while the first one is on its way', async () => {
  const { execute, complete, sent } = open()
  const [first, second] = [execute(), execute()]
  expect(sent()).toEqual(['parse', 'bind', 'describe', 'execute', 'sync', 'bind', 'describe', 'execute', 'sync'])
  for (const id of ['a', 'b']) complete({ complete: 'SELECT 1', columns: ['id'], rows: [[id]] })
  expect([(await first).rows, (await second).rows]).toEqual([[{ id: 'a' }], [{ id: 'b' }]])
})

it('does not ask again for the description of a statement without result columns', async () => {
  const { execute, complete, sent } = open()
  const first = execute()
  complete({ complete: 'INSERT 0 3' })
  expect(await first).toEqual({ command: 'INSERT', rowCount: 3, rows: [] })
  sent()
  const second = execute()
  expect(sent()).toEqual(['bind', 'execute', 'sync'])
  complete({ complete: 'LISTEN' })
  expect(await second).toEqual({ command: 'LISTEN', rowCount: null, rows: [] })
})

it('rejects with the reported error, and prepares the statement again only if it was not prepared', async () => {
  const { execute, queries, connection, sent } = open()
  const fail = async () => {
    const failing = execute()
    queries.shift()?.handleError(new Error('refused'), connection)
    await expect(failing).rejects.toThrow('refused')
  }
  await fail()
  sent()
  await fail()
  expect(sent()).toEqual(['parse', 'bind', 'describe', 'execute', 'sync'])
  connection.parsedStatements[statement.name] = statement.text
  await fail()
  sent()
  await fail()
  expect(sent()).toEqual(['bind', 'describe', 'execute', 'sync'])
})

it.each([[['a']], [['a', 'b', 'surplus']]])('rejects a row that does not match the description: %j', async (row) => {
  const { execute, complete } = open()
  const first = execute()
  complete({ complete: 'SELECT 1', columns: ['id', 'name'], rows: [row] })
  await expect(first).rejects.toThrow(TypeError)
})

it('sends binary data as a buffer, and other values as text', async () => {
  const { client, connection } = open()
  const bytes = new Uint8Array([0, 1, 2, 3]).subarray(1, 3)
  const values = ['a', 5, 7n, true, null, bytes]
  expect(areValues(values)).toBe(true)
  void executePrepared(client, { ...statement, values: values as never })
  expect(connection.messages[1]).toEqual([
    'bind',
    [{ statement: 'n-1' }, 'a', '5', '7', 'true', null, Buffer.from([1, 2])],
  ])
  for (const value of [[1], {}, new Date(), undefined]) expect(areValues([1, value])).toBe(false)
})
