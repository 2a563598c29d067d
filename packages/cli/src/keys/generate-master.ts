import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'

/** `countersign keys generate-master`: 32 random bytes that encrypt the keys in the database. */
export const keysGenerateMaster: Run = async ({ out, json }, terminal) => {
  const masterKey = randomBytes(32).toString('base64url')
  if (typeof out !== 'string') {
    terminal.write(`${json ? JSON.stringify({ masterKey }) : masterKey}\n`)
    return exitStatus.done
  }
  try {
    await writeFile(out, `${masterKey}\n`, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    const why = code === 'EEXIST' ? 'exists, and may be what opens a database' : `cannot be written (${code})`
    throw new CommandError(`${out} ${why}; nothing was changed.`, { cause })
  }
  const advice = `The master key is in ${out}. Keep a copy apart from the database: without it nobody can read the keys.`
  terminal.write(`${json ? JSON.stringify({ file: out }) : advice}\n`)
  return exitStatus.done
}
