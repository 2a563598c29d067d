/**
 * The server of an agent with many installations: it publishes the agent's document and keys, enrolls installations, and issues their agent
 * tokens. The installations themselves use `countersign/delegate`.
 *
 * @packageDocumentation
 */

export type { DelegatePage, DelegateStore, EnrollmentOutcome, StoredDelegate } from '../agent/delegate-store.js'
export type { IssuedToken, ReportOutcome } from '../editions/agent-server-edition.js'
export type { CountersignEvent, OnEvent } from '../lib/events.js'
export {
  type CountedRequest,
  createRateLimit,
  type RateLimit,
  type RateLimitOptions,
} from '../resource/rate-limit.js'
export type { AgentServerOptions, Enrollment, EnrollmentRequest } from './agent-server-options.js'
export { type AgentServer, createAgentServer } from './create-agent-server.js'
export { DelegateRefusal, type DelegateRefusalCode, writeDelegateRefusal } from './delegate-refusal.js'
export { memoryDelegates } from './memory-delegates.js'
export { type KeyRequest, type KeyRequestTools, requireKeyRate, verifyKeyRequest } from './signed-by-key.js'
export type { RevocationReport } from './token-revocations.js'
export {
  type BindPlatformToken,
  identifyingClaims,
  type Workload,
} from './workloads.js'
