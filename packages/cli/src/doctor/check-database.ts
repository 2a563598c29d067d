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
} from 'countersign-server/operate'
import { errorReason } from '../command/errors.js'
import {
  databaseProblem,
  describeOutage,
  isMissing,
  openStorage,
  outageAdvice,
  readSchema,
} from '../database/open-storage.js'
import { loadOtherEditions } from '../editions/server-editions.js'
import { checking, type Finding } from './finding.js'

const day = 86_400

/**
 * Opens the configured database as the server does, and inspects it. If opening it would change its schema, only the schema version is
 * read.
 */
export async function checkDatabase(config: LoadedConfig, masterKey: Uint8Array | undefined): Promise<Finding[]> {
  const { database } = config.settings
  const path = shownDatabase(database)
  const report = checking('database')
  const isFile = !isPostgresUrl(database)
  if (isFile && isMissing(database)) {
    return [
      report.warning(
        `There is no database at ${path} yet.`,
        'Run countersign server start: it creates the database and the keys.',
      ),
    ]
  }
  let storage: Storage | undefined
  try {
    const { found, newest } = await readSchema(database)
    if (found < newest) {
      return [
        report.warning(
          `The schema is at version ${found}; this program needs version ${newest}.`,
          upgradeAdvice(isFile),
        ),
      ]
    }
    storage = await openStorage(database, { sweepInterval: 0 })
    // Claiming the database for the issuer in a wrong configuration could not be undone.
    if ((await storage.findIssuer()) === undefined) {
      return [
        report.warning(
          `${path} belongs to no issuer yet.`,
          'Run countersign server start: it claims the database and creates the keys.',
        ),
      ]
    }
    await requireOwnDatabase(storage, config.settings.issuer)
    const opened = report.ok(
      `${path} can be opened and written to, belongs to ${config.settings.issuer}, and is at schema version ${found}.`,
    )
    return [opened, ...(await checkKeys(config, storage, masterKey)), await checkClock(storage)]
  } catch (error) {
    if (error instanceof StorageError && error.code === 'unavailable')
      return [report.problem(describeOutage(database, error), outageAdvice(database))]
    const fix = 'Do what the message says; until then, the server cannot start.'
    return [report.problem(errorReason(databaseProblem(database, error)), fix)]
  } finally {
    await storage?.close()
  }
}

function upgradeAdvice(isFile: boolean): string {
  return isFile
    ? 'Make a backup first (countersign server db backup). The server upgrades the schema the next time it starts.'
    : 'Make a backup first (pg_dump), then run countersign server db migrate.'
}

async function checkKeys(
  { settings, file }: LoadedConfig,
  storage: Storage,
  masterKey: Uint8Array | undefined,
): Promise<Finding[]> {
  const report = checking('keys')
  const keys = await storage.listKeys()
  // Opening the keys of an edition that has none would create them.
  const hasKeys = (name: string) => keys.some(({ edition }) => edition === name)
  if (!hasKeys(defaultEdition)) {
    const found = keys.length === 0 ? 'There are no keys yet.' : `There are no keys for the ${defaultEdition} edition.`
    return [report.warning(found, 'Run countersign server start: it creates them.')]
  }
  if (masterKey === undefined) return [report.unknown('They cannot be decrypted without the master key.')]
  const others = (await loadOtherEditions(settings)).filter(({ name }) => hasKeys(name))
  try {
    await storedKeys({ storage, masterKey })
    for (const { openKeys } of others) await openKeys({ storage, masterKey })
  } catch (error) {
    if (!(error instanceof KeyError)) throw error
    return [
      report.problem(
        error.message,
        'Restore the master key that was set when the keys were created, or restore the database from a backup.',
      ),
    ]
  }
  return [
    report.ok('They can be decrypted with the master key.'),
    ...[defaultEdition, ...others.map(({ name }) => name)].map((edition) =>
      checkRotation(keys, settings.keyRotation.rotateAfter, { edition, file }),
    ),
  ]
}

/** The edition whose keys `keys rotate` rotates by default. */
const defaultEdition = 'january'

/** @param rotateAfter seconds between two rotations; 0 if an operator rotates the keys */
function checkRotation(
  keys: readonly StoredKey[],
  rotateAfter: number,
  { edition, file }: { edition: string; file: string },
): Finding {
  const isDefault = edition === defaultEdition
  const report = checking(isDefault ? 'key rotation' : `key rotation of ${edition}`)
  const now = Date.now() / 1000
  const rotate = `countersign server keys rotate ${isDefault ? '' : `--edition ${edition} `}--config ${file}`
  if (rotateAfter === 0) {
    const own = keys.filter((key) => key.edition === edition)
    const age = Math.floor((now - Math.max(...own.map(({ createdAt }) => createdAt))) / day)
    const found = `Keys are rotated manually; the last rotation was ${age} days ago.`
    return age > 100 ? report.warning(found, `Rotate every 90 days: ${rotate}`) : report.ok(found)
  }
  const due = rotationDueAt(keys, rotateAfter, edition)
  const date = new Date(due * 1000).toISOString().slice(0, 10)
  // Instances check this once an hour.
  if (now < due + day) return report.ok(`The next rotation is due on ${date}, and runs automatically.`)
  return report.problem(
    `Rotation was due on ${date} but did not run.`,
    `Check that the server is running, and look for keys.rotation_failed in its log. To rotate manually: ${rotate}`,
  )
}

/** Checks whether the clock has been set back since the last event was recorded. */
async function checkClock(storage: Storage): Promise<Finding> {
  const report = checking('clock and records')
  const [latest] = await storage.listEvents({ newest: true, limit: 1 })
  const ahead = latest ? latest.at - Math.floor(Date.now() / 1000) : 0
  if (ahead <= 5) return report.ok('No recorded event is in the future.')
  return report.problem(
    `The last event is ${ahead} s ahead of this machine’s clock.`,
    'Set the clock with NTP. Until it has caught up, expired sessions and tokens may still be accepted.',
  )
}
