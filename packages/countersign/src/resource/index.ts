/**
 * References in comments: `W12` and `S§9.3` are in `docs/reference/protocol.md`, `K25` is in `docs/security/attacks.md`, both in the package `countersign`.
 *
 * @packageDocumentation
 */

export type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
export { createMemoryNonces, type MemoryNoncesOptions } from '../httpsig/memory-nonces.js'
export type { NonceClaim } from '../httpsig/nonces.js'
export { AAuthError, type ErrorCode } from '../lib/errors.js'
export type { CountersignEvent, OnEvent } from '../lib/events.js'
export { createResource, type Resource } from './create-resource.js'
export { type CountedRequest, createRateLimit, type RateLimit, type RateLimitOptions } from './rate-limit.js'
export type { VerifyRequestOptions } from './request-verifier.js'
export type { DenyListOptions, ResourceInterop, ResourceOptions } from './resource-options.js'
export { onAuthorizationEnd } from './watch-authorization.js'
