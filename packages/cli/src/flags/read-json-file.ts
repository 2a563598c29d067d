import { readFile } from 'node:fs/promises'
import { usageError } from '../command/command-error.js'

/** The JSON object in a file that a flag names. */
export async function readJsonFile(flag: string, path: string): Promise<Record<string, unknown>> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as unknown
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
    throw usageError(`${flag}: ${path} ${code ? `cannot be read (${code})` : 'is not JSON'}.`, cause)
  }
  throw usageError(`${flag}: ${path} is not a JSON object.`)
}
