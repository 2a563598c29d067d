import type { AdmissionTools, AdmittedMessage } from './admit-message.js'

/** Notes whose a session is that the server opened, and forgets one that was closed. */
export function noteSession(
  { sessions }: AdmissionTools,
  { message, caller, sessionId, verified }: AdmittedMessage,
  opened: string | null | undefined,
  ok: boolean,
): void {
  if (!ok) return
  if (message?.method === 'initialize' && opened) sessions.open(opened, caller)
  if (verified.method === 'DELETE' && sessionId !== undefined) sessions.close(sessionId)
}
