import type { MaybePromise } from '../../lib/maybe-promise.js'
import type { AdmissionTools, AdmittedMessage } from './admit-message.js'

/** Notes whose a session is that the server opened, and forgets one that was closed. */
export function noteSession(
  { sessions, shown }: AdmissionTools,
  { message, caller, sessionId, verified }: AdmittedMessage,
  opened: string | null | undefined,
  ok: boolean,
): MaybePromise<void> {
  if (!ok) return
  if (message?.method === 'initialize' && opened) return sessions.open(opened, caller)
  if (verified.method !== 'DELETE' || sessionId === undefined) return
  shown.delete(sessionId)
  return sessions.close(sessionId)
}
