import type { Requirement, ResolvedKey } from '../editions/verified-request.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { LruCache } from '../lib/lru-cache.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { networkOf } from '../lib/network-of.js'

/** The values by which requests are counted: only what the signature proved, and where the request came from. */
export interface CountedRequest {
  /** The proven level, which may be higher than the required one. */
  level: Requirement
  /** RFC 7638 thumbprint of the signing key. A signer can create any number of keys. Undefined for an access token without a signature. */
  thumbprint: string | undefined
  /** Present at the level `identity` and above, except for tokens of a resource that is its own agent. */
  agent: string | undefined
  /** The token's issuer and subject, at the levels `user` and `authorization`. */
  iss: string | undefined
  sub: string | undefined
  /** The client's address, if the platform provides it. */
  remoteAddress: string | undefined
}

/** Counts a request. If there were too many, resolves to the number of seconds to wait; otherwise, to undefined. */
export type RateLimit = (request: CountedRequest) => MaybePromise<number | undefined>

/** Requests per minute by proven level (the numbers are from S§4.5). */
export interface RateLimitOptions {
  /** Requests by each key without an agent. @default 10 */
  signature?: number
  /**
   * Requests by all keys without an agent at each address (for IPv6, its first 64 bits). All requests without a known address count as one
   * address, as do all clients behind a proxy if `clientAddress` is not set. @default 100
   */
  address?: number
  /** Requests by each agent. @default 100 */
  identity?: number
  /** Requests by each agent for each user; by all OAuth clients of a user together. @default 1000 */
  authorization?: number
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
}

/** Length of the counting window, in seconds. */
export const rateWindow = 60
const maxCounters = 100_000

/**
 * Creates a `rateLimit` that counts in this process. If there are several instances, each one counts separately: use a shared store, or
 * divide the limits. Requests whose signature or token was rejected are not counted, so limit them beforehand. Replayed requests are
 * counted.
 */
export function createRateLimit({ now = systemClock, ...limits }: RateLimitOptions = {}): RateLimit {
  const countersOf = countBy(limits)
  const counters = new LruCache<{ count: number; resetAt: number }>(maxCounters)

  function waitFor({ most, key }: RateCounter): number | undefined {
    const at = now()
    let counter = counters.get(key, at)
    if (!counter) {
      counter = { count: 0, resetAt: at + rateWindow }
      counters.set(key, counter, counter.resetAt)
    }
    return ++counter.count > most ? counter.resetAt - at : undefined
  }

  return (request) => {
    for (const counter of countersOf(request)) {
      const wait = waitFor(counter)
      if (wait !== undefined) return wait
    }
    return undefined
  }
}

/** The maximum number of requests per minute under one key. */
export interface RateCounter {
  most: number
  key: string
}

/** A request's counters, checked in order until a limit is exceeded. */
export function countBy(limits: Omit<RateLimitOptions, 'now'>): (request: CountedRequest) => RateCounter[] {
  const { signature = 10, address = 100, identity = 100, authorization = 1000 } = limits
  const counter = (most: number, ...of: readonly (string | undefined)[]) => ({ most, key: JSON.stringify(of) })
  return ({ level, thumbprint, agent, iss, sub, remoteAddress }) => {
    // Anyone can publish any number of OAuth clients, so all clients of a user count together.
    if (level === 'authorization' && thumbprint === undefined) return [counter(authorization, 'person', iss, sub)]
    if (level === 'authorization' || level === 'user') return [counter(authorization, 'person', iss, sub, agent)]
    if (level === 'identity') return [counter(identity, 'agent', agent)]
    // The address is counted first: an attacker who generates keys then creates no more counters than the address is allowed requests.
    const network = remoteAddress === undefined ? undefined : networkOf(remoteAddress)
    return [counter(address, 'address', network), counter(signature, 'key', thumbprint)]
  }
}

interface RateContext {
  remoteAddress: string | undefined
  /** The next level, for which limits are higher. */
  levelAbove: (proven: Requirement) => string | undefined
}

/** @throws AAuthError `too_many_requests` */
export function requireRate(
  limit: RateLimit,
  { key, agent, authorization, user }: ResolvedKey,
  { remoteAddress, levelAbove }: RateContext,
): Promise<void> {
  const claims = authorization && !authorization.expired ? authorization.claims : user
  const level = user ? 'user' : claims ? 'authorization' : agent === undefined ? 'signature' : 'identity'
  const { iss, sub } = claims ?? {}
  return requireBelow(limit, { level, thumbprint: key.thumbprint, agent, iss, sub, remoteAddress }, levelAbove(level))
}

/**
 * Counts a request with an access token.
 *
 * @throws AAuthError `too_many_requests`
 */
export function requireBearerRate(
  limit: RateLimit,
  caller: Pick<CountedRequest, 'agent' | 'iss' | 'sub' | 'remoteAddress'>,
): Promise<void> {
  return requireBelow(limit, { level: 'authorization', thumbprint: undefined, ...caller })
}

/**
 * Counts a request with other members than those of {@link requireRate}.
 *
 * @param above the next level
 * @throws AAuthError `too_many_requests`
 */
export async function requireBelow(limit: RateLimit, request: CountedRequest, above?: string): Promise<void> {
  const retryAfter = await limit(request)
  if (retryAfter === undefined) return
  const text = `Too many requests: ${above ? ways[request.level] : ''}wait for the time given in Retry-After.`
  throw new AAuthError('too_many_requests', text, { retryAfter, ...(above && { challenge: { level: above } }) })
}

/** How to get higher limits, by proven level. */
const ways: Readonly<Record<Requirement, string>> = {
  signature: 'sign as an identified agent, or ',
  identity: 'obtain a user’s authorization and send the token, or ',
  user: '',
  authorization: '',
}
