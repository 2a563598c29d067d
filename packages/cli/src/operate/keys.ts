import { readFile } from 'node:fs/promises'
import { KeyError, parseMasterKey, type Rotation, readMasterKey, rotateKeys, StorageError } from 'countersign-server'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import {
  type ChangeOptions,
  formatTime,
  inStorage,
  type Operation,
  type OperationOptions,
  operatorName,
  renderTable,
} from './operation.js'

/** `countersign keys list`: the server's keys and their states; never their private parts. */
export const keysList: Run<OperationOptions> = async (flags, terminal) => {
  const stored = await inStorage(flags, terminal, ({ storage }) => storage.listKeys())
  const keys = stored.map(({ private: _private, ...key }) => key)
  const rows = keys.map((key) => [
    key.kid,
    key.purpose,
    key.state,
    formatTime(key.createdAt),
    formatTime(key.notBefore),
    formatTime(key.retireAt),
  ])
  const table = () => renderTable(['ID', 'FOR', 'STATE', 'MADE', 'MAY SIGN FROM', 'PUBLISHED UNTIL'], rows)
  terminal.write(flags.json ? `${JSON.stringify(keys, null, 2)}\n` : table())
  return exitStatus.done
}

interface Options extends ChangeOptions {
  now?: true
  masterKeyFile?: string
}

/** The longest life that a configuration may give an auth token. */
const longestToken = 86_400

/** `countersign keys rotate`: next → active → retiring → gone, while the server runs. */
export const keysRotate: Run<Options> = async (flags, terminal) => {
  const rotation = await inStorage(flags, terminal, async (operation) =>
    rotate(operation, await masterKeyFor(operation, flags, terminal), {
      evenUnpublished: flags.now === true,
      by: operatorName(flags),
    }),
  )
  if (rotation.early) {
    terminal.notify(
      'Warning: the new key was published only a moment ago. Resources may refuse new tokens for some minutes.',
    )
  }
  terminal.write(flags.json ? `${JSON.stringify(rotation)}\n` : describe(rotation))
  return exitStatus.done
}

async function rotate(
  { storage, config }: Operation,
  masterKey: Uint8Array,
  how: { evenUnpublished: boolean; by: string },
) {
  const tokenLifetime = config?.settings.lifetimes.authToken ?? longestToken
  try {
    return await rotateKeys(storage, { masterKey, tokenLifetime, ...how })
  } catch (error) {
    if (error instanceof KeyError) {
      const hint = error.code === 'next_key_too_new' ? ' Run this again then; --now is for emergencies.' : ''
      throw new CommandError(error.message + hint, { cause: error })
    }
    if (error instanceof StorageError && error.code === 'keys_changed') {
      throw new CommandError('Another rotation came first; nothing more was changed.', { cause: error })
    }
    throw error
  }
}

async function masterKeyFor({ config }: Operation, { masterKeyFile }: Options, { env }: Terminal): Promise<Uint8Array> {
  if (config) return readMasterKey(config)
  const text = masterKeyFile === undefined ? env.COUNTERSIGN_MASTER_KEY : await readKeyFile(masterKeyFile)
  if (!text) throw usageError('The master key is missing: give --config, --master-key-file or COUNTERSIGN_MASTER_KEY.')
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
    activated === undefined ? 'There was no next key, so the active one goes on.' : `${activated} signs from now on.`,
    ...retiring.map(({ kid, until }) => `${kid} signs no more, and stays published until ${formatTime(until)}.`),
    ...gone.map((kid) => `${kid} is gone.`),
    `${next} is published as the next one, and may sign from ${formatTime(nextReadyAt)}.`,
  ]
  return `${lines.join('\n')}\n`
}
