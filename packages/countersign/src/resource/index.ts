/**
 * APIs that verify the agents that call them. `createResource` verifies a request and, if it is refused, creates the challenge and the
 * response. The middleware for frameworks is in `countersign/resource/express`, `/fastify`, `/hono` and `/koa`.
 *
 * @packageDocumentation
 */

export type { ProtectedResource } from '../editions/bearer-protocol.js'
export type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
export { createMemoryNonces, type MemoryNoncesOptions } from '../httpsig/memory-nonces.js'
export type { NonceClaim } from '../httpsig/nonces.js'
export { AAuthError, type ErrorCode } from '../lib/errors.js'
export type { CountersignEvent, OnEvent } from '../lib/events.js'
export type { Risk } from '../protocol/risk-order.js'
export { type RiskPatterns, riskOf } from '../protocol/scope-risk.js'
export { createResource, type Resource } from './create-resource.js'
export type { OAuthEndpointOptions } from './oauth-endpoint.js'
export { type CountedRequest, createRateLimit, type RateLimit, type RateLimitOptions } from './rate-limit.js'
export type { VerifyRequestOptions } from './request-verifier.js'
export type {
  AcceptedProof,
  AuthServerSelection,
  DenyListOptions,
  ResourceInterop,
  ResourceOptions,
  ScopeOptions,
} from './resource-options.js'
export { serveEditions } from './serve-editions.js'
export { onAuthorizationEnd } from './watch-authorization.js'
