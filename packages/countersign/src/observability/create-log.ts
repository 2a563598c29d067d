import { type Logger, pino } from 'pino'
import sonicBoom from 'sonic-boom'
import type { CountersignEvent } from '../lib/events.js'

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

/** What a line of the log may say. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

export type LogLevel = 'info' | 'warn' | 'error'

interface Line {
  level: LogLevel
  event: string
  fields: LogFields
}

/** Seconds from which a verb of the storage is slow. */
const slow = 1

/** What the log says of an event; undefined: nothing, since it is told too often to be read. */
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

function line(level: LogLevel, event: string, fields: LogFields): Line {
  return { level, event, fields }
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 10_000) / 10
}

/** Bytes that may wait to be written. */
const mostWaiting = 1_048_576

/** Milliseconds that what waits may take at the end. */
const patience = 1000

/** Writes lines without waiting for whoever reads them. */
export interface LineWriter {
  write(line: string): void
  /** Writes that failed, and lines that were left out since too many wait. */
  readonly errors: number
  /** Resolves when what waits is written, or cannot be for a second. */
  close(): Promise<void>
}

/** @param to a file descriptor, or a stream */
export function openLineWriter(to: number | NodeJS.WritableStream): LineWriter {
  return typeof to === 'number' ? toDescriptor(to) : toStream(to)
}

function toDescriptor(fd: number): LineWriter {
  let errors = 0
  let isClosing = false
  // A pipe that is full says so again and again until somebody reads; what comes meanwhile waits.
  const boom = new sonicBoom.SonicBoom({ fd, sync: false, maxLength: mostWaiting, retryEAGAIN: () => !isClosing })
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
      if (waiting() > mostWaiting) errors++
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
 * Tokens, codes and session ids by their prefixes, and anything in the form of a JWT. Whatever stands before them: a path may
 * run into them, and in JSON a line ends with the letter n.
 */
const secrets = /(aa(?:rq|cd|rt|sn|br)_|eyJ)[\w.-]+/g

/** A text without the secrets in it: only how they begin. */
export function redactSecrets(text: string): string {
  return text.replaceAll(secrets, '$1…')
}
