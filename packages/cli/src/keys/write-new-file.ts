import { writeFile } from 'node:fs/promises'
import { CommandError } from '../command/command-error.js'
import { errorCode } from '../command/error-code.js'

/** Writes a file that only its owner can read. @throws CommandError where it exists, for the reason given, or cannot be written */
export async function writeNewFile(path: string, text: string, whyKept: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const code = errorCode(cause)
    const why = code === 'EEXIST' ? whyKept : `cannot be written (${code})`
    throw new CommandError(`${path} ${why}.`, { cause })
  }
}
