import { existsSync } from 'node:fs'
import {
  isPostgresUrl,
  KeyError,
  type LoadedConfig,
  requireOwnDatabase,
  rotationDueAt,
  type Storage,
  StorageError,
  type StoredKey,
  shownDatabase,
  storedKeys,
} from 'countersign-server'
import { errorReason } from '../command/errors.js'
import { databaseProblem, openStorage, readSchema } from '../database/open-storage.js'
import { checking, type Finding } from './finding.js'

const day = 86_400

/** Opens the database that a configuration names as serve does, unless that would change its schema, and looks into it. */
export async function checkDatabase(config: LoadedConfig, masterKey: Uint8Array | undefined): Promise<Finding[]> {
  const { database } = config.settings
  const path = shownDatabase(database)
  const report = checking('database')
  const isFile = !isPostgresUrl(database)
  if (isFile && !existsSync(database)) {
    return [
      report.warning(`There is none at ${path} yet.`, 'Start countersign serve: it makes the database and the keys.'),
    ]
  }
  let storage: Storage | undefined
  try {
    const { found, newest } = await readSchema(database)
    if (found < newest) {
      return [report.warning(`Its schema has version ${found}, and this program makes ${newest}.`, mendSchema(isFile))]
    }
    storage = await openStorage(database, { sweepInterval: 0 })
    await requireOwnDatabase(storage, config.settings.issuer)
    const fine = report.ok(
      `${path} opens, takes writes, belongs to ${config.settings.issuer}, and has schema ${found}.`,
    )
    return [fine, ...(await checkKeys(config, storage, masterKey)), await checkTime(storage)]
  } catch (error) {
    const problem = databaseProblem(database, error)
    const isOutage = error instanceof StorageError && error.code === 'unavailable'
    const mend = isOutage ? mendOutage(isFile) : 'Do what this says; the server does not start otherwise.'
    return [report.problem(errorReason(problem), mend)]
  } finally {
    await storage?.close()
  }
}

function mendSchema(isFile: boolean): string {
  return isFile
    ? 'Make a backup first (countersign db backup): the next start brings it up to date.'
    : 'Make a backup first (pg_dump): countersign db migrate brings it up to date.'
}

function mendOutage(isFile: boolean): string {
  return isFile
    ? 'Check the space and the rights of its folder, and that nothing holds the file locked.'
    : 'Check that the database runs, and that this machine and this role may connect to it.'
}

async function checkKeys(
  { settings, file }: LoadedConfig,
  storage: Storage,
  masterKey: Uint8Array | undefined,
): Promise<Finding[]> {
  const report = checking('keys')
  const keys = await storage.listKeys()
  if (keys.length === 0) return [report.warning('There are none yet.', 'Start countersign serve: it makes them.')]
  if (masterKey === undefined) return [report.unknown('They cannot be opened without the master key.')]
  try {
    await storedKeys({ storage, masterKey })
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    return [report.problem(error.message, 'Put back the master key that the server had when it made this database.')]
  }
  return [report.ok('The master key opens them.'), judgeRotation(keys, settings.keyRotation.rotateAfter, file)]
}

function judgeRotation(keys: readonly StoredKey[], rotateAfter: number, file: string): Finding {
  const report = checking('key rotation')
  const now = Date.now() / 1000
  const byHand = `countersign keys rotate --config ${file}`
  if (rotateAfter === 0) {
    const age = Math.floor((now - Math.max(...keys.map(({ createdAt }) => createdAt))) / day)
    const found = `It is by hand, and the last one was ${age} days ago.`
    return age > 100 ? report.warning(found, `Rotate every 90 days: ${byHand}`) : report.ok(found)
  }
  const due = rotationDueAt(keys, rotateAfter)
  const date = new Date(due * 1000).toISOString().slice(0, 10)
  // Instances look every hour.
  if (now < due + day) return report.ok(`The next one is due on ${date}, and happens by itself.`)
  return report.problem(
    `It was due on ${date}, and did not happen.`,
    `Check that serve runs, and look for keys.rotation_failed in its log. By hand: ${byHand}`,
  )
}

/** Whether the clock has gone back since something was recorded. */
async function checkTime(storage: Storage): Promise<Finding> {
  const report = checking('clock and records')
  const [latest] = await storage.listEvents({ newest: true, limit: 1 })
  const ahead = latest ? latest.at - Math.floor(Date.now() / 1000) : 0
  if (ahead <= 5) return report.ok('Nothing is recorded later than now.')
  return report.problem(
    `The last event is ${ahead} s later than the clock of this machine.`,
    'Set the clock by NTP. What ended may seem alive until it has caught up.',
  )
}
