import type { Storage, StorageOptions } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import { afterAll, beforeAll } from 'vitest'
import { start } from '../contract/in-storage.js'
import { fillWithEverything, violationContract } from '../contract/violations.js'
import { contracts } from '../contracts.js'
import { inTurn } from '../in-turn.js'
import { openPostgres, type PostgresServer } from './postgres-server.js'
import { createTemplate, patient } from './template.js'

let server: PostgresServer
let template: string

beforeAll(async () => {
  server = await openPostgres()
  template = await createTemplate(server)
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

const atStart = { now: () => start, sweepInterval: 0, ...patient }
let filled: string

beforeAll(async () => {
  const { name, url } = await server.createDatabase(template)
  const storage = await postgresStorage(url, atStart)
  await fillWithEverything(storage)
  await storage.close()
  filled = name
})

violationContract('postgresStorage', async () => {
  const { name, url } = await server.createDatabase(filled)
  return {
    storage: await postgresStorage(url, atStart),
    async run(statement) {
      await server.query(`set session_replication_role = replica; ${statement}`, name)
    },
  }
})
