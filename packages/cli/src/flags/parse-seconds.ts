import { usageError } from '../command/command-error.js'

/** The Unix seconds that a flag gives, or undefined where it is not given. */
export function parseSeconds(flag: string, text: unknown): number | undefined {
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^\d{1,12}$/.test(text)) return Number(text)
  throw usageError(`${flag} takes Unix seconds, such as 1769900000.`)
}
