import { postgresStorage } from 'countersign-server/postgres'
import type { PostgresServer } from './postgres-server.js'

/** A machine that runs other tests may be slow. */
export const patient = { timeouts: { connection: 15, lock: 15, statement: 15 } }

/** Creates a database with our tables and no rows; returns its name, to be copied. */
export async function createTemplate(server: PostgresServer): Promise<string> {
  const { name, url } = await server.createDatabase()
  await (await postgresStorage(url, { sweepInterval: 0, ...patient })).close()
  return name
}
