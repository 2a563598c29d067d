import { escapeUnit } from '../text/escape-unit.js'
import { redactSecrets } from './redact-secrets.js'

/** What a line of the log may say. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** The log of the server: one JSON object on each line, without secrets. */
export interface Log {
  write(level: 'info' | 'warn' | 'error', event: string, fields?: LogFields): void
  /** An error and what caused it. */
  failure(event: string, error: unknown, fields?: LogFields): void
  /** Lines that could not be written. */
  readonly writeErrors: number
}

/** Writes to a stream; one that takes nothing, such as a full disk, is counted and stops no request. */
export function createLog(stream: NodeJS.WritableStream): Log {
  let writeErrors = 0
  stream.on('error', () => {
    writeErrors++
  })

  function write(level: string, event: string, fields: LogFields = {}): void {
    // Strangers have a say in what is logged: no terminal or reader of lines is to act on it.
    const line = JSON.stringify({ time: new Date().toISOString(), level, event, ...fields })
    stream.write(`${redactSecrets(line).replaceAll(/[^\x20-\x7e…]/g, escapeUnit)}\n`)
  }

  return {
    write,
    failure(event, error, fields = {}) {
      write('error', event, { ...fields, error: describe(error) })
    },
    get writeErrors() {
      return writeErrors
    },
  }
}

const longestDescription = 16_384

function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined || depth === 5 ? '' : `\ncaused by ${describe(error.cause, depth + 1)}`
  return ((error.stack ?? String(error)) + cause).slice(0, longestDescription)
}
