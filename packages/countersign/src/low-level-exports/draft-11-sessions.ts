/**
 * Sessions of draft -11: an API lets agents in on its own page, without person servers. A separate entry point, so that other programs do
 * not load it. Also the parts that pages for users have in common.
 *
 * @packageDocumentation
 */

export { callbackAddress, failedCallback } from '../editions/draft-11/callback-address.js'
export {
  type AccessRequest,
  createSessions,
  type SessionHandler,
  type Sessions,
  type SessionsOptions,
} from '../editions/draft-11/create-sessions.js'
export { codeOfBytes, displayCode, handleOf, readCode } from '../editions/draft-11/interaction-code.js'
export { type PendingInteraction, pendingResponse, preferredWait } from '../editions/draft-11/pending-response.js'
export type { AdmittedCall, Session, SessionGate, SessionResource } from '../editions/session-gate.js'
export { createSessionStore, type SessionRecord, type SessionStore } from '../editions/session-store.js'
