import type { Storage, StorageOptions } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import { afterAll, beforeAll } from 'vitest'
import { contracts } from '../contracts.js'
import { inTurn } from '../in-turn.js'
import { openPostgres, type PostgresServer } from './postgres-server.js'

/** A machine that runs other tests may be slow. */
const patient = { timeouts: { connection: 15, lock: 15, statement: 15 } }

let server: PostgresServer
let template: string

beforeAll(async () => {
  server = await openPostgres()
  const database = await server.createDatabase()
  await (await postgresStorage(database.url, { sweepInterval: 0 })).close()
  template = database.name
})
afterAll(() => server?.close())

async function inPostgres(options: StorageOptions): Promise<Storage> {
  const { url } = await server.createDatabase(template)
  return postgresStorage(url, { ...options, ...patient })
}

/** As two instances of a server have them. */
async function inPostgresInTurn(options: StorageOptions): Promise<Storage> {
  const { url } = await server.createDatabase(template)
  return inTurn([
    await postgresStorage(url, { ...options, ...patient }),
    await postgresStorage(url, { ...options, ...patient }),
  ])
}

for (const contract of contracts) {
  contract('postgresStorage', inPostgres)
  contract('two engines on one PostgreSQL database', inPostgresInTurn)
}
