import type { Authorization } from '../../editions/verified-request.js'
import { onAuthorizationEnd } from '../watch-authorization.js'
import type { AdmittedMessage, McpContext } from './mcp-context.js'
import { type McpSession, sessionName } from './mcp-sessions.js'

/** Interval at which to check whether a user has authorized anything in a session, in milliseconds. */
const interval = 2000

/**
 * Calls back when the authorization for a stream ends. Returns a function that stops watching. If a stream was opened before a user
 * authorized anything, it continues under the authorization that is later used in its session, on any instance, and ends when that
 * authorization ends (attacks M21).
 */
export function onAccessEnd(
  { resource, sessions }: Pick<McpContext, 'resource' | 'sessions'>,
  { verified, caller, endpoint, session: admitted }: AdmittedMessage,
  onEnd: () => void,
): () => void {
  if (verified.authorization || !admitted) return onAuthorizationEnd(resource, verified, onEnd)
  const name = sessionName(endpoint, admitted.id)
  let isStopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let stop = () => {
    clearTimeout(timer)
  }

  async function findSession(): Promise<McpSession | undefined> {
    try {
      return await sessions.use(name, caller)
    } catch {
      // Ends the stream: a client that is still connected opens a new one.
      return undefined
    }
  }

  /** @param ended the authorization under which the stream continued until now */
  async function poll(ended?: Authorization): Promise<void> {
    const owner = await findSession()
    if (isStopped) return
    const allowed = owner?.authorization
    const isNewer = allowed !== undefined && allowed.claims.exp > (ended?.claims.exp ?? 0)
    if (isNewer) follow(allowed)
    else if (owner && owner.person === undefined) wait()
    else onEnd()
  }

  function follow(authorization: Authorization): void {
    stop = onAuthorizationEnd(resource, { authorization }, () => void poll(authorization))
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
