/**
 * References in comments: `W12` and `S§9.3` are in `docs/reference/protocol.md`, `K25` is in `docs/security/attacks.md`, both in the package `countersign`.
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
export type { CallbackOutcome } from './callback-page.js'
export type { ConsentPrompt } from './consent-prompt.js'
export { type Agent, type AgentOptions, createAgent } from './create-agent.js'
export { createWebAgent, type WebAgent, type WebAgentOptions, type WebConsentRequest } from './create-web-agent.js'
export { memoryStore } from './memory-store.js'
