import { randomBytes } from 'node:crypto'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { writeNewFile } from './write-new-file.js'

/** `countersign keys generate-master`: 32 random bytes that encrypt the keys in the database. */
export const keysGenerateMaster: Run = async ({ out, json }, terminal) => {
  const masterKey = randomBytes(32).toString('base64url')
  if (typeof out !== 'string') {
    terminal.write(`${json ? JSON.stringify({ masterKey }) : masterKey}\n`)
    return exitStatus.done
  }
  await writeNewFile(out, `${masterKey}\n`, 'exists, and may be what opens a database; nothing was changed')
  const advice = `The master key is in ${out}. Keep a copy apart from the database: without it nobody can read the keys.`
  terminal.write(`${json ? JSON.stringify({ file: out }) : advice}\n`)
  return exitStatus.done
}
