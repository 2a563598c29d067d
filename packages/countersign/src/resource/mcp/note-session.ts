import type { MaybePromise } from '../../lib/maybe-promise.js'
import type { AdmissionTools, AdmittedMessage } from './admit-message.js'
import type { McpSession } from './mcp-sessions.js'

/** Notes whose a session is that the server opened, and forgets one that was closed; gives the session that the answer is in. */
export function noteSession(
  { sessions, shown }: AdmissionTools,
  { message, caller, session, verified }: AdmittedMessage,
  opened: string | null | undefined,
  ok: boolean,
): MaybePromise<McpSession | undefined> {
  if (!ok) return session?.owner
  if (message?.method === 'initialize' && opened) {
    const noted = sessions.open(opened, caller)
    const use = () => sessions.use(opened, caller)
    return noted ? Promise.resolve(noted).then(use) : use()
  }
  if (verified.method !== 'DELETE' || !session) return session?.owner
  shown.delete(session.id)
  const closed = sessions.close(session.id)
  return closed ? Promise.resolve(closed).then(() => undefined) : undefined
}
