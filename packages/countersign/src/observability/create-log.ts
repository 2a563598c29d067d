import { type Logger, pino } from 'pino'
import type { CountersignEvent } from '../lib/events.js'
import { type LogFields, type LogLevel, lineOf } from './line-of.js'
import { openLineWriter } from './open-line-writer.js'
import { redactSecrets } from './redact-secrets.js'

export interface LogOptions {
  /** Where lines go: a file descriptor, such as 1 for standard output, or a stream. @default 1 */
  to?: number | NodeJS.WritableStream | undefined
}

/** A log: one JSON object on each line, without secrets. */
export interface Log {
  /** Writes events: give it to a part as its `onEvent`. */
  readonly onEvent: (event: CountersignEvent) => void
  /** Writes a line of your own. */
  write(level: LogLevel, event: string, fields?: LogFields): void
  /** Writes an error and what caused it. */
  failure(event: string, error: unknown, fields?: LogFields): void
  /** Writes that failed, and lines that were left out since too many wait. */
  readonly writeErrors: number
  /** Writes what waits, for a second at most, and closes the file. Nothing is written after it. */
  close(): Promise<void>
}

/**
 * Creates a log, written by pino. Tokens, codes and session ids are cut, and what strangers made up is escaped, so that no
 * terminal acts on it. What takes no lines, such as a full disk or a reader that does not read, stops nothing: up to 1 MiB
 * waits, and the rest is left out and counted.
 *
 * @example
 * ```ts
 * const log = createLog()
 * const server = createAuthServer({ issuer, keys, storage, onEvent: log.onEvent })
 * ```
 */
export function createLog({ to = 1 }: LogOptions = {}): Log {
  const writer = openLineWriter(to)
  const logger: Logger = pino(
    {
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    { write: (line) => writer.write(`${asPlain(line.trimEnd())}\n`) },
  )

  function write(level: LogLevel, event: string, fields: LogFields = {}): void {
    logger[level]({ event, ...fields })
  }

  return {
    write,
    onEvent(event) {
      const line = lineOf(event)
      if (line) write(line.level, line.event, line.fields)
    },
    failure(event, error, fields = {}) {
      write('error', event, { ...fields, error: describe(error) })
    },
    get writeErrors() {
      return writer.errors
    },
    close: () => writer.close(),
  }
}

// Strangers have a say in what is logged: no terminal or reader of lines is to act on it.
function asPlain(line: string): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  return redactSecrets(line).replaceAll(/[^\x20-\x7e…]/g, escaped)
}

const longestDescription = 16_384

function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined || depth === 5 ? '' : `\ncaused by ${describe(error.cause, depth + 1)}`
  return ((error.stack ?? String(error)) + cause).slice(0, longestDescription)
}
