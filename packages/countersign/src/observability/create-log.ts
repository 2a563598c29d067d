import { type Logger, pino } from 'pino'
import sonicBoom from 'sonic-boom'
import type { CountersignEvent } from '../lib/events.js'
import type { EventLogLine } from './event-log-lines.js'

export interface LogOptions {
  /** Destination of the log: a file descriptor, such as 1 for standard output, or a stream. @default 1 */
  to?: number | NodeJS.WritableStream | undefined
}

/** A log with one JSON object per line, without secrets. */
export interface Log {
  /** Logs events: pass it to a role as the role's `onEvent`. */
  readonly onEvent: (event: CountersignEvent) => void
  /** Writes a custom line. */
  write(level: LogLevel, event: string, fields?: LogFields): void
  /** Writes an error and its causes. */
  failure(event: string, error: unknown, fields?: LogFields): void
  /** Number of failed writes, plus lines dropped because the buffer was full. */
  readonly writeErrors: number
  /** Flushes the buffer, for up to a second, and closes the file. Nothing is written afterwards. */
  close(): Promise<void>
}

/**
 * Creates a log, written by pino. Tokens, codes and session ids are truncated, and untrusted text is escaped so that no terminal interprets
 * it. A destination that accepts no lines, such as a full disk or a stalled reader, blocks nothing: up to 1 MiB is buffered; further lines
 * are dropped and counted.
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

// Clients may control logged values, which must not affect a terminal or a line-based reader.
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

/** Values allowed in a log line. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export type LogLevel = 'info' | 'warn' | 'error'

interface Line {
  level: LogLevel
  event: EventLogLine
  fields: LogFields
}

/** Duration above which a storage operation is logged as slow, in seconds. */
const slow = 1

/** The log line for an event. Undefined for events that are too frequent to log. */
export function lineOf(event: CountersignEvent): Line | undefined {
  switch (event.kind) {
    case 'request': {
      const { kind, duration, requestId: id, role, method, path, host, route, outcome, status, ...who } = event
      const ms = milliseconds(duration)
      return line('info', kind, Object.assign({ id, role, method, path, host, route, outcome, status }, who, { ms }))
    }
    case 'refusal': {
      const { kind, requestId: id, role, ...refusal } = event
      return line('info', kind, { id, role, ...refusal })
    }
    case 'decision': {
      const { kind, ...decision } = event
      return line('info', kind, { ...decision })
    }
    case 'revocation': {
      const { kind, role: _role, duration, ...revocation } = event
      const fields = { ...revocation, ms: milliseconds(duration) }
      return event.outcome === 'delivered' ? line('info', kind, fields) : line('warn', 'revocation.failed', fields)
    }
    case 'lookup': {
      const { kind, cached, duration, ...lookup } = event
      if (event.outcome === 'found' || cached) return undefined
      return line('info', kind, { ...lookup, ms: milliseconds(duration) })
    }
    case 'storage': {
      const { verb, outcome, duration } = event
      return duration < slow ? undefined : line('warn', 'storage.slow', { verb, outcome, ms: milliseconds(duration) })
    }
    case 'password': {
      const { outcome, waiting } = event
      return outcome === 'ok' ? undefined : line('warn', 'password', { outcome, waiting })
    }
    case 'upstream': {
      const { kind, duration, ...upstream } = event
      if (event.outcome === 'answered') return undefined
      return line('warn', kind, { ...upstream, ms: milliseconds(duration) })
    }
    case 'upload':
    case 'socket': {
      const { kind, duration, ...told } = event
      return line('info', kind, { ...told, ms: milliseconds(duration) })
    }
    default:
      return undefined
  }
}

function line<Level extends 'info' | 'warn'>(level: Level, event: EventLogLine<Level>, fields: LogFields): Line {
  return { level, event, fields }
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 10_000) / 10
}

/** Maximum size of the buffer, in bytes. */
const maxWaiting = 1_048_576

/** Time allowed for flushing the buffer on close, in milliseconds. */
const patience = 1000

/** Writes lines without blocking on a slow reader. */
export interface LineWriter {
  write(line: string): void
  /** Number of failed writes, plus lines dropped because the buffer was full. */
  readonly errors: number
  /** Resolves when the buffer has been flushed, or after a second without success. */
  close(): Promise<void>
}

/** @param to a file descriptor or a stream */
export function openLineWriter(to: number | NodeJS.WritableStream): LineWriter {
  return typeof to === 'number' ? toDescriptor(to) : toStream(to)
}

function toDescriptor(fd: number): LineWriter {
  let errors = 0
  let isClosing = false
  // A full pipe keeps reporting an error until its reader catches up; in the meantime, new lines are buffered.
  const boom = new sonicBoom.SonicBoom({ fd, sync: false, maxLength: maxWaiting, retryEAGAIN: () => !isClosing })
  boom.on('error', () => errors++)
  boom.on('drop', () => errors++)
  return {
    write: (line) => void boom.write(line),
    get errors() {
      return errors
    },
    close: () =>
      within(patience, (done) => {
        boom.once('close', done)
        boom.once('error', done)
        boom.end()
      }).finally(() => {
        isClosing = true
      }),
  }
}

function toStream(stream: NodeJS.WritableStream): LineWriter {
  let errors = 0
  stream.on('error', () => errors++)
  const waiting = () => ('writableLength' in stream ? Number(stream.writableLength) : 0)
  return {
    write(line) {
      if (waiting() > maxWaiting) errors++
      else stream.write(line)
    },
    get errors() {
      return errors
    },
    close: () => within(patience, (done) => stream.write('', () => done())),
  }
}

function within(milliseconds: number, begin: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds)
    begin(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/**
 * Matches tokens, codes and session ids by their prefixes, and any string that looks like a JWT. No word boundary is required: secrets may
 * be part of a path, and in JSON an escaped line feed ends with the letter n.
 */
const secrets = /(aa(?:rq|cd|dc|rt|sn|br)_|eyJ)[\w.-]+/g

/** The text with all secrets truncated to their first characters. */
export function redactSecrets(text: string): string {
  return text.replaceAll(secrets, '$1…')
}
