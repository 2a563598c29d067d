import type { Authorized } from '../editions/verified-request.js'
import type { Resource } from './create-resource.js'

/**
 * Interval between checks of an authorization, in milliseconds. If a check takes place more than 3 seconds after the list was fetched, it
 * triggers a new fetch, and the next check sees the result. A revocation therefore takes effect within 5 seconds (G08).
 */
const interval = 900

/**
 * Calls back when a request's authorization ends during a long response because its token has expired or was revoked. Returns a function
 * that stops watching.
 */
export function onAuthorizationEnd(resource: Resource, verified: Authorized, onEnd: () => void): () => void {
  const claims = verified.claims ?? verified.authorization?.claims
  if (!claims) return () => undefined
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => {
    stopped = true
    clearTimeout(timer)
  }
  async function look(): Promise<void> {
    const holds = await resource.isStillAuthorized(verified).catch(() => false)
    if (stopped) return
    if (holds) return wait()
    stop()
    onEnd()
  }
  const { exp } = claims
  function wait(): void {
    // No later than the token's expiry, if that comes before the next check.
    const left = Math.max(50, exp * 1000 - Date.now())
    timer = setTimeout(() => void look(), Math.min(interval, left))
    if (typeof timer === 'object') timer.unref()
  }
  wait()
  return stop
}
