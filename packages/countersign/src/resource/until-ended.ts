import type { VerifiedRequest } from '../editions/verified-request.js'
import type { Resource } from './create-resource.js'

/**
 * Milliseconds between two looks whether a permission still holds. The first look 3 seconds after a list was fetched has a newer one
 * fetched, and the next look sees it: all of it within 5 seconds (G08).
 */
const interval = 900

/**
 * Calls back when what a request was allowed by ends while its answer goes on: its token is over, or was taken back. Gives what
 * stops looking.
 */
export function whenEnded(resource: Resource, verified: VerifiedRequest, onEnd: () => void): () => void {
  if (!verified.authorization) return () => undefined
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => {
    stopped = true
    clearTimeout(timer)
  }
  async function look(): Promise<void> {
    const holds = await resource.stillHolds(verified).catch(() => false)
    if (stopped) return
    if (holds) return wait()
    stop()
    onEnd()
  }
  const { exp } = verified.authorization.claims
  function wait(): void {
    // Not later than its end, where that comes before the next look.
    const left = Math.max(50, exp * 1000 - Date.now())
    timer = setTimeout(() => void look(), Math.min(interval, left))
    if (typeof timer === 'object') timer.unref()
  }
  wait()
  return stop
}
