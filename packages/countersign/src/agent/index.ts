/**
 * Agents: programs that call APIs, on behalf of a user or on their own. `createAgent` is for one user, `createWebAgent` for the users of a
 * web app. Both provide a `fetch` that signs each request, satisfies the challenge in a 401 response, and waits for the user's consent.
 *
 * @packageDocumentation
 */

export type {
  AgentDescription,
  AgentInterop,
  ConsentCallback,
  ConsentRequest,
  OpenConsent,
} from '../editions/agent-protocol.js'
export type { AuthClaims } from '../editions/verified-request.js'
export {
  AgentError,
  type AgentErrorCode,
  type ConsentDetails,
  type ConsentReason,
  type RequestedPermission,
} from '../lib/agent-error.js'
export type { CountersignEvent, OnEvent } from '../lib/events.js'
export type { AgentActions, SharedAgentOptions, SignInRequest, TokenSummary } from './agent-options.js'
export type { AgentRecord, AgentStore, RecordName } from './agent-store.js'
export type { CallbackOutcome } from './callback-messages.js'
export type { ConsentPrompt } from './consent-prompt.js'
export { type Agent, type AgentOptions, createAgent } from './create-agent.js'
export { createWebAgent, type WebAgent, type WebAgentOptions, type WebConsentRequest } from './create-web-agent.js'
export { memoryStore } from './memory-store.js'
