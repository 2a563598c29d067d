import { onAuthorizationEnd } from '../watch-authorization.js'
import type { AdmittedMessage, McpContext } from './admit-message.js'

/** Interval at which to check whether a user has authorized anything in a session, in milliseconds. */
const interval = 1000

/** Number of polls after which the session store, which all instances share, is also queried. */
const pollsPerSharedCheck = 4

/**
 * Calls back when the authorization for a stream ends. Returns a function that stops watching. If a stream was opened before a user
 * authorized anything, it continues under the authorization that is later used in its session, and ends when that authorization ends
 * (attacks M21).
 */
export function onAccessEnd(
  { resource, sessions, access, now }: McpContext,
  { verified, caller, session: admitted }: AdmittedMessage,
  onEnd: () => void,
): () => void {
  if (verified.authorization || !admitted) return onAuthorizationEnd(resource, verified, onEnd)
  const session = admitted.id
  let polls = 0
  let isStopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let stop = () => {
    clearTimeout(timer)
  }

  function follow(allowed: NonNullable<ReturnType<typeof access.get>>): void {
    stop = onAuthorizationEnd(resource, allowed, () => {
      const newer = access.get(session, now())
      if (newer && newer !== allowed) follow(newer)
      else onEnd()
    })
  }

  /** Whether no user has authorized anything in the session, on any instance. */
  async function isUnclaimed(): Promise<boolean> {
    try {
      const owner = await sessions.use(session, caller)
      return owner !== undefined && owner.person === undefined
    } catch {
      // Ends the stream: a client that is still connected opens a new one.
      return false
    }
  }

  async function poll(): Promise<void> {
    polls++
    const holds = polls % pollsPerSharedCheck !== 0 || (await isUnclaimed())
    if (isStopped) return
    const allowed = access.get(session, now())
    if (allowed) follow(allowed)
    else if (holds) wait()
    else onEnd()
  }

  function wait(): void {
    timer = setTimeout(() => void poll(), interval)
    if (typeof timer === 'object') timer.unref()
  }

  wait()
  return () => {
    isStopped = true
    stop()
  }
}
