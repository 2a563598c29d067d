import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { openPools } from '../../../src/storage/postgres/connections.js'

type Options = ReturnType<typeof openPools>['durable']['options'] & { onConnect: (client: object) => unknown }

const optionsOf = ({ options }: ReturnType<typeof openPools>['durable']) => options as Options

it('gives up on a database that does not respond, after the documented times', () => {
  const { durable, quick } = openPools('postgres://user@db.example/name')
  for (const pool of [durable, quick])
    expect(optionsOf(pool)).toMatchObject({
      connectionString: 'postgres://user@db.example/name?uselibpqcompat=true',
      application_name: 'countersign',
      keepAlive: true,
      pipeline: true,
      max: 10,
      connectionTimeoutMillis: 500,
      lock_timeout: 1500,
      statement_timeout: 2000,
      query_timeout: 2250,
      idle_in_transaction_session_timeout: 10_000,
    })
})

it('takes the number of connections and the times from the options', () => {
  const options = { connections: 3, timeouts: { connection: 1, lock: 4, statement: 5 } }
  const { durable, quick } = openPools('postgres://user@/name?host=/run/postgresql', options)
  for (const pool of [durable, quick])
    expect(optionsOf(pool)).toMatchObject({
      connectionString: 'postgres://user@/name?host=/run/postgresql&uselibpqcompat=true',
      max: 3,
      connectionTimeoutMillis: 1000,
      lock_timeout: 4000,
      statement_timeout: 5000,
      query_timeout: 5250,
    })
})

it('isolates every transaction in the same way, and waits for the disk unless writes are quick', () => {
  const { durable, quick } = openPools('postgres://user@db.example/name')
  const started = [durable, quick].map((pool) => {
    const executed: string[] = []
    optionsOf(pool).onConnect({ query: (sql: string) => executed.push(sql) })
    return executed
  })
  const isolation = "set default_transaction_isolation = 'read committed'"
  expect(started).toEqual([[isolation], [`${isolation}; set synchronous_commit = off`]])
})

it('survives the loss of a connection', () => {
  const { durable } = openPools('postgres://user@db.example/name')
  const client = new EventEmitter()
  durable.emit('connect', client)
  for (const emitter of [durable, client]) expect(emitter.emit('error', new Error('lost'))).toBe(true)
})

it.each([
  [20, '9007199254740991', 9_007_199_254_740_991],
  [1700, '1.5', 1.5],
  [1016, '{1,22,NULL}', [1, 22]],
  [1016, '{}', []],
  [25, '{1}', '{1}'],
])('reads a value of type %i, %s, as %o', (oid, text, value) => {
  const { types } = optionsOf(openPools('postgres://user@db.example/name').durable)
  const parse = types?.getTypeParser(oid, 'text') as (text: string) => unknown
  expect(parse(text)).toEqual(value)
})
