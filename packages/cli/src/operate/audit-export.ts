import { eventNames, type RecordedEvent } from 'countersign-server/operate'
import { exitStatus, usageError } from '../command/errors.js'
import type { Run } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'
import { findUser } from './find-user.js'
import { inStorage, type OperationOptions } from './operation.js'

interface Options extends OperationOptions {
  user?: string
  agent?: string
  event?: string
  since?: string
  until?: string
}

const pageSize = 1000

/** `countersign server audit export`: prints the audit events as JSON lines, oldest first. */
export const auditExport: Run<Options> = async (flags, terminal) => {
  const since = parseTime('--since', flags.since)
  const until = parseTime('--until', flags.until)
  const { agent, event } = flags
  const found = await inStorage(flags, terminal, async ({ storage }) => {
    let count = 0
    const userId = flags.user === undefined ? undefined : (await findUser(storage, flags.user)).id
    let after: RecordedEvent | undefined
    for (;;) {
      const events = await storage.listEvents({ userId, agent, event, since, until, after, limit: pageSize })
      count += events.length
      terminal.write(events.map((recorded) => `${JSON.stringify(exported(recorded))}\n`).join(''))
      if (events.length < pageSize) return count
      after = events.at(-1)
    }
  })
  // Applications may record their own events, so an unknown name is treated as a typo only if no events were found.
  if (found === 0 && event !== undefined && !isKnown(event)) {
    throw usageError(
      wrapText(
        '',
        `No event ${event} was found, and the server writes none with this name. It writes: ${eventNames.join(', ')}.`,
      ),
    )
  }
  return exitStatus.done
}

/** Writes the time as the log and `--since` do, so that people and log collectors can read it: `2026-01-31T12:00:00Z`. */
function exported({ id, at, ...event }: RecordedEvent): object {
  return { id, at: new Date(at * 1000).toISOString().replace('.000Z', 'Z'), ...event }
}

function isKnown(event: string): boolean {
  const known: readonly string[] = eventNames
  return known.includes(event)
}

function parseTime(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = unixForm.test(text) ? Number(text) : secondsOf(text)
  if (Number.isFinite(seconds)) return seconds
  throw usageError(`${flag} must be Unix seconds, a date such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z.`)
}

/** Unix seconds from 1973 to 2286. Fewer or more digits are a year, a compact date, or milliseconds: `2026`, `20260131`. */
const unixForm = /^\d{9,10}$/

/** A date, which begins at midnight UTC, or a time with its offset from UTC (RFC 3339). */
const timeForm = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/

/** Unix seconds; NaN if it is no time. `Date.parse` alone would read `yesterday-1` as a day in 2001, and 31 February as 3 March. */
function secondsOf(text: string): number {
  const date = timeForm.exec(text)?.[1] ?? ''
  const exists = new Date(date).getUTCDate() === Number(date.slice(-2))
  return exists ? Math.floor(Date.parse(text) / 1000) : Number.NaN
}
