import type { CountersignEvent } from '../lib/events.js'

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
