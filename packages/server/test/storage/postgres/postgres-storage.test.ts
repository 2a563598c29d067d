import type { Storage, StorageOptions } from 'countersign-server'
import { postgresStorage } from 'countersign-server/postgres'
import { isLong } from '../../long.js'
import { requestContract } from '../contract/requests.js'
import { contracts } from '../contracts.js'
import { inTurn } from '../in-turn.js'
import { readBefore } from '../read-before.js'
import { emptyDatabase, openTwoStorages } from './in-postgres.js'
import { patient } from './template.js'

const few = { connections: 5, ...patient }

async function inPostgres(options: StorageOptions): Promise<Storage> {
  const { url } = await emptyDatabase()
  return postgresStorage(url, { ...options, ...few })
}

/** Like two instances of a server. They stay open, unless a test needs other options. */
async function inPostgresInTurn(options: StorageOptions): Promise<Storage> {
  const { now, sweepInterval, usageDelay, ...others } = options
  if (sweepInterval === 0 && usageDelay === 0 && Object.keys(others).length === 0)
    return inTurn(await openTwoStorages(now))
  const { url } = await emptyDatabase()
  const open = async () => postgresStorage(url, { ...options, ...few })
  return inTurn([await open(), await open()])
}

for (const contract of contracts) {
  contract('two engines on one PostgreSQL database', inPostgresInTurn)
  if (isLong) contract('one engine on a PostgreSQL database', inPostgres)
}

requestContract('a PostgreSQL database called with previously read values', async (options) =>
  readBefore(await inPostgresInTurn(options)),
)
