import type { Requirement, ResolvedKey } from '../editions/verified-request.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { LruCache } from '../lib/lru-cache.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { networkOf } from '../lib/network-of.js'

/** What a request is counted by: only what its signature proved, and where it came from. */
export interface CountedRequest {
  /** The level that was proven, which may be above the one that is required. */
  level: Requirement
  /** RFC 7638 thumbprint of the key that signed. Whoever signs has as many keys as they like. */
  thumbprint: string
  /** There from the level `identity` on, but for tokens of a resource that is its own agent. */
  agent: string | undefined
  /** Issuer and subject of the auth token, at the level `authorization`. */
  iss: string | undefined
  sub: string | undefined
  /** The client's address, where the platform tells it. */
  remoteAddress: string | undefined
}

/** Counts a request. Resolves to the seconds to wait when there were too many, else to undefined. */
export type RateLimit = (request: CountedRequest) => MaybePromise<number | undefined>

/** Requests a minute by the level that was proven (S§4.5, whose numbers these are). */
export interface RateLimitOptions {
  /** Of one key that proves no agent. @default 10 */
  signature?: number
  /**
   * Of all such keys at one address; an IPv6 address counts by its first 64 bits. Those whose address is not known count
   * as one, and so do all behind a proxy without `clientAddress`. @default 100
   */
  address?: number
  /** Of one agent. @default 100 */
  identity?: number
  /** Of one agent for one person. @default 1000 */
  authorization?: number
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
}

/** Seconds in which requests are counted together. */
export const rateWindow = 60
const maxCounters = 100_000

/**
 * A `rateLimit` that counts in this process. With several instances each counts its own: share a store, or divide. It
 * counts no request that was refused for its signature: limit those before they get here. A copy of a request counts.
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

/** How many requests there may be in a minute by one name. */
export interface RateCounter {
  most: number
  key: string
}

/** What a request is counted by, one after the other until there are too many. */
export function countBy(limits: Omit<RateLimitOptions, 'now'>): (request: CountedRequest) => RateCounter[] {
  const { signature = 10, address = 100, identity = 100, authorization = 1000 } = limits
  const counter = (most: number, ...of: readonly (string | undefined)[]) => ({ most, key: JSON.stringify(of) })
  return ({ level, thumbprint, agent, iss, sub, remoteAddress }) => {
    if (level === 'authorization') return [counter(authorization, 'person', iss, sub, agent)]
    if (level === 'identity') return [counter(identity, 'agent', agent)]
    // The address first: keys made up for the purpose leave no more counters than it may send requests.
    const network = remoteAddress === undefined ? undefined : networkOf(remoteAddress)
    return [counter(address, 'address', network), counter(signature, 'key', thumbprint)]
  }
}

interface RateContext {
  remoteAddress: string | undefined
  /** The level that has higher limits. */
  levelAbove: (proven: Requirement) => string | undefined
}

/** @throws AAuthError `too_many_requests` */
export async function requireRate(
  limit: RateLimit,
  { key, agent, authorization }: ResolvedKey,
  { remoteAddress, levelAbove }: RateContext,
): Promise<void> {
  const claims = authorization && !authorization.expired ? authorization.claims : undefined
  const level = claims ? 'authorization' : agent === undefined ? 'signature' : 'identity'
  const who = { agent, iss: claims?.iss, sub: claims?.sub, remoteAddress }
  const retryAfter = await limit({ level, thumbprint: key.thumbprint, ...who })
  if (retryAfter === undefined) return
  const above = levelAbove(level)
  const text = `Too many requests: ${above ? ways[level] : ''}wait as long as Retry-After says.`
  throw new AAuthError('too_many_requests', text, { retryAfter, ...(above && { challenge: { level: above } }) })
}

/** What gets more than one has proven, by the level that it has. */
const ways: Readonly<Record<Requirement, string>> = {
  signature: 'sign as an agent that says who it is, or ',
  identity: 'ask a person for permission and show their token, or ',
  authorization: '',
}
