import { readFile } from 'node:fs/promises'
import {
  KeyError,
  parseMasterKey,
  type Rotation,
  readMasterKey,
  rotateKeys,
  StorageError,
} from 'countersign-server/operate'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import { tokenLifetimeOf } from '../editions/server-editions.js'
import { formatTime, renderTable } from '../terminal/table.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { type ChangeOptions, inStorage, type Operation, type OperationOptions, operatorName } from './operation.js'

/** `countersign server keys list`: lists the server's keys and their states, without their private parts. */
export const keysList: Run<OperationOptions> = async (flags, terminal) => {
  const stored = await inStorage(flags, terminal, ({ storage }) => storage.listKeys())
  const keys = stored.map(({ private: _private, ...key }) => key)
  const rows = keys.map((key) => [
    key.kid,
    key.purpose,
    key.purpose === 'secret' ? '' : key.edition,
    key.state,
    formatTime(key.createdAt),
    formatTime(key.notBefore),
    formatTime(key.retireAt),
  ])
  const table = () => renderTable(['ID', 'FOR', 'EDITION', 'STATE', 'MADE', 'SIGNS FROM', 'PUBLISHED UNTIL'], rows)
  terminal.write(flags.json ? `${JSON.stringify(keys, null, 2)}\n` : table())
  return exitStatus.done
}

interface Options extends ChangeOptions {
  now?: true
  edition?: string
  masterKeyFile?: string
}

/** The longest auth token lifetime that a configuration allows, in seconds. */
const longestToken = 86_400

/**
 * `countersign server keys rotate`: moves keys from next to active, from active to retiring, and from retiring to gone, while the server is
 * running.
 */
export const keysRotate: Run<Options> = async (flags, terminal) => {
  const { edition = 'january' } = flags
  const { rotation, others } = await inStorage(flags, terminal, async (operation) => {
    const editions = new Set((await operation.storage.listKeys()).map((key) => key.edition))
    if (flags.edition !== undefined && !editions.has(edition)) throw unknownEdition(edition, editions)
    const masterKey = await masterKeyFor(operation, flags, terminal)
    const how = { edition, allowUnpublished: flags.now === true, by: operatorName(flags) }
    return {
      rotation: await rotate(operation, masterKey, how),
      others: [...editions].filter((other) => other !== edition),
    }
  })
  if (flags.edition === undefined) {
    for (const other of others)
      terminal.notify(`The keys of the ${other} edition were not rotated: for those, add --edition ${other}.`)
  }
  if (rotation.early) {
    terminal.notify(
      'Warning: the new key was published only moments ago. Resources may refuse new tokens for a few minutes.',
    )
  }
  terminal.write(flags.json ? `${JSON.stringify(rotation)}\n` : describe(rotation))
  return exitStatus.done
}

async function rotate(
  { storage, config }: Operation,
  masterKey: Uint8Array,
  how: { edition: string; allowUnpublished: boolean; by: string },
) {
  const configured = config?.settings.lifetimes.authToken ?? longestToken
  const tokenLifetime = Math.max(configured, (await tokenLifetimeOf(how.edition)) ?? 0)
  try {
    return await rotateKeys(storage, { masterKey, tokenLifetime, ...how })
  } catch (error) {
    if (error instanceof KeyError) {
      const hint =
        error.code === 'next_key_too_new' ? ' Run this command again at that time; --now is for emergencies.' : ''
      throw new CommandError(error.message + hint, { cause: error })
    }
    if (error instanceof StorageError && error.code === 'keys_changed') {
      throw new CommandError('Another rotation was running at the same time, so this one changed nothing.', {
        cause: error,
      })
    }
    throw error
  }
}

function unknownEdition(edition: string, editions: ReadonlySet<string>): CommandError {
  const known = [...editions].sort().join(', ')
  const list = known === '' ? 'The database contains no keys yet' : `The database contains keys for: ${known}`
  return new CommandError(`The database contains no keys for the edition ${edition}. ${list}.`)
}

async function masterKeyFor({ config }: Operation, { masterKeyFile }: Options, { env }: Terminal): Promise<Uint8Array> {
  if (config) return readMasterKey(config)
  const text = masterKeyFile === undefined ? env.COUNTERSIGN_MASTER_KEY : await readKeyFile(masterKeyFile)
  if (!text)
    throw usageError('The master key is missing: pass --config or --master-key-file, or set COUNTERSIGN_MASTER_KEY.')
  const parsed = parseMasterKey(text)
  if ('masterKey' in parsed) return parsed.masterKey
  throw new CommandError(`The master key ${parsed.problem}.`)
}

async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new CommandError(`The master key file ${path} cannot be read.`, { cause })
  }
}

function describe({ activated, retiring, gone, next, nextReadyAt }: Rotation): string {
  const lines = [
    activated === undefined
      ? 'There was no next key, so the active key stays in use.'
      : `${activated} is now the signing key.`,
    ...retiring.map(({ kid, until }) => `${kid} no longer signs, but remains published until ${formatTime(until)}.`),
    ...gone.map((kid) => `${kid} is no longer published.`),
    `${next} is published as the next key, and can be used for signing from ${formatTime(nextReadyAt)} on.`,
  ]
  return `${lines.join('\n')}\n`
}
