import { LruCache } from 'countersign/node'
import type { ServerContext } from '../../http/context.js'

/** Maximum number of reports in each window, in seconds: about one subject, and in all. */
const most = { ofSubject: 1, all: 20 } as const
const window = 600

/** How many subjects are remembered. */
const subjects = 1000

/**
 * Reports an error to the operator, unless an error about the same subject, or many others, were reported recently. Whatever others can cause
 * at any rate must not fill the operator's log.
 */
export type BoundedReport = (error: unknown, of: { subject: string; requestId: string }) => void

interface Window {
  since: number
  count: number
}

export function createBoundedReports({ onError, now }: Pick<ServerContext, 'onError' | 'now'>): BoundedReport {
  const windows = new LruCache<Window>(subjects)
  const all: Window = { since: Number.NEGATIVE_INFINITY, count: 0 }

  /** Counts a report, and returns whether it is within the limit. A window also ends if the clock is set back. */
  function isWithin(counted: Window, limit: number, at: number): boolean {
    if (at < counted.since || at >= counted.since + window) Object.assign(counted, { since: at, count: 0 })
    counted.count += 1
    return counted.count <= limit
  }

  return (error, { subject, requestId }) => {
    const at = now()
    const ofSubject = windows.get(subject, at) ?? { since: at, count: 0 }
    windows.set(subject, ofSubject, at + window)
    if (isWithin(ofSubject, most.ofSubject, at) && isWithin(all, most.all, at)) onError(error, requestId)
  }
}
