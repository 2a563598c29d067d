/**
 * Nonces, rate limits, revoked tokens and sessions that several processes of an API or an agent server share, in Redis or Valkey. Requires a client, such as
 * `@redis/client`.
 *
 * @packageDocumentation
 */

import type { RevokedTokens } from '../editions/resource-protocol.js'
import { hasRoom, siteOf } from '../editions/revoked-tokens.js'
import { hasSessionRoom, type SessionRecord, type SessionStore } from '../editions/session-store.js'
import {
  type ClaimNonce,
  holderName,
  type NonceLimits,
  nonceRefusal,
  reachedLimit,
  requireNonceLimits,
  widerNetwork,
} from '../httpsig/nonces.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { countBy, type RateLimit, type RateLimitOptions, rateWindow } from './rate-limit.js'

/** The part of a `redis` or `@redis/client` client that is used, connected to Redis, Valkey or a compatible server. */
export interface RedisClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

export interface RedisStoreOptions {
  /** Prefix of all keys. In a cluster, all keys share one slot. @default 'countersign' */
  prefix?: string | undefined
  /** How long to wait for the store before a request is refused, in milliseconds. @default 1000 */
  timeout?: number | undefined
}

/**
 * A `claimNonce` that all instances share. If the store does not respond, requests with a nonce are refused (503), so none is accepted
 * twice. If the store loses data, for example in a restart without `appendfsync always`, lost nonces can be replayed for two minutes, and
 * lost tokens for one call until they expire.
 *
 * @throws TypeError for invalid limits, or a value that is not a client
 * @example
 * ```ts
 * const client = await createClient({ url: 'redis://127.0.0.1:6379' }).connect()
 * const resource = createResource({ id, signer, authServer, claimNonce: redisNonces(client), rateLimit: redisRateLimit(client) })
 * ```
 */
export function redisNonces(client: RedisClient, options: RedisStoreOptions & NonceLimits = {}): ClaimNonce {
  const { prefix, timeout, ...given } = options
  const limits = requireNonceLimits(given, 1_000_000)
  const run = runScripts(client, { prefix, timeout })
  return async function claimNonce({ key, source, lifetime }) {
    const { agent, network } = source
    const isAgent = agent !== undefined
    const holder = holderName(source)
    const info = JSON.stringify([holder, network, widerNetwork(network)])
    const group = isAgent ? 'agents' : 'strangers'
    const names = namesOf(group)
    const counted = await run(claimScript, names, [key, String(Math.ceil(lifetime)), info])
    if (!Array.isArray(counted)) return false
    const [ofHolder, ofNetwork, most, ofWider, mostOfWider, all] = counted.map(Number) as Counts
    const reached = reachedLimit({ isAgent, ofHolder, ofNetwork, most, ofWider, mostOfWider, all }, limits)
    if (!reached) return true
    await run(releaseScript, names, [key])
    throw nonceRefusal(reached)
  }
}

/**
 * Creates a `rateLimit` that all instances share and that counts as {@link createRateLimit} does. If the store does not respond, requests
 * are refused (503).
 *
 * @throws TypeError for a value that is not a client
 */
export function redisRateLimit(
  client: RedisClient,
  options: RedisStoreOptions & Omit<RateLimitOptions, 'now'> = {},
): RateLimit {
  const { prefix, timeout, ...limits } = options
  const run = runScripts(client, { prefix, timeout })
  const countersOf = countBy(limits)
  return async (request) => {
    for (const { most, key } of countersOf(request)) {
      const left = Number(await run(countScript, [`rate ${key}`], [String(most), String(rateWindow * 1000)]))
      if (left >= 0) return Math.max(1, Math.ceil(left / 1000))
    }
    return undefined
  }
}

export interface RedisRevokedTokensOptions extends RedisStoreOptions {
  /**
   * Number of revoked tokens of all issuers above which only the domains with the most are refused, with all their subdomains; the hard
   * limit is twice this number.
   * @default 1000000
   */
  total?: number | undefined
}

/**
 * Creates `revokedTokens` that all instances share, for editions in which issuers report them: up to 10,000 per issuer, each until its
 * token has expired. No record is evicted before that. If the store does not respond, revocations and requests with a token are refused
 * (503).
 *
 * @throws TypeError for a value that is not a client
 */
export function redisRevokedTokens(client: RedisClient, options: RedisRevokedTokensOptions = {}): RevokedTokens {
  const { total = 1_000_000, ...store } = options
  const run = runScripts(client, store)
  const names = namesOf('revoked tokens')
  const keyOf = (issuer: string, jti: string) => `${issuer} ${jti}`
  return {
    async add(issuer, jti, until) {
      const [key, lifetime] = [keyOf(issuer, jti), String(Math.max(1, until - systemClock()))]
      const site = siteOf(issuer)
      const counted = await run(claimScript, names, [key, lifetime, JSON.stringify([issuer, site, site])])
      if (!Array.isArray(counted)) {
        await run(extendScript, names, [key, lifetime])
        return true
      }
      const [ofIssuer, ofSite, most, , , all] = counted.map(Number) as Counts
      if (hasRoom({ ofIssuer, ofSite, most, all }, total)) return true
      await run(releaseScript, names, [key])
      return false
    },
    has: async (issuer, jti) => (await run(isHeldScript, names, [keyOf(issuer, jti)])) === 1,
  }
}

/**
 * A `bindPlatformToken` that all instances of an agent server share. If the store does not respond, workloads get no tokens (503). If it
 * loses data, a platform token that was stolen before can be used with another key until it expires.
 *
 * @throws TypeError for a value that is not a client
 */
export function redisPlatformTokens(
  client: RedisClient,
  options: RedisStoreOptions = {},
): (token: { hash: string; thumbprint: string; expiresAt: number }) => Promise<string> {
  const run = runScripts(client, options)
  return async ({ hash, thumbprint, expiresAt }) => {
    const lifetime = String(Math.max(1, Math.ceil(expiresAt - systemClock())))
    return String(await run(bindScript, [`platform token ${hash}`], [thumbprint, lifetime]))
  }
}

export interface RedisSessionsOptions extends RedisStoreOptions {
  /**
   * Number of sessions of all agents above which only the domains with the most are refused, with all their subdomains; the hard limit is
   * twice this number.
   * @default 1000000
   */
  total?: number | undefined
}

/**
 * Creates a `store` for `createSessions` that all instances share. If the store does not respond, requests are refused (503). If it loses
 * data, users must let their agents in again. It contains the calls that wait for a user, and the hashes of the sessions' tokens.
 *
 * @throws TypeError for a value that is not a client
 */
export function redisSessions(client: RedisClient, options: RedisSessionsOptions = {}): SessionStore {
  const { total = 1_000_000, ...store } = options
  const run = runScripts(client, store)
  const namesIn = (kind: SessionRecord['kind']) => namesOf(`${kind}s`)
  const valueNames = (key: string) => [`value ${key}`]
  async function remove(key: string): Promise<void> {
    await run("return redis.call('DEL', KEYS[1])", valueNames(key), [])
    for (const kind of ['request', 'session'] as const) await run(releaseScript, namesIn(kind), [key])
  }
  return {
    async add(record) {
      const { kind, key, value, until, provider, holder } = record
      const lifetime = String(Math.max(1, Math.ceil(until - systemClock())))
      if ((await run(createScript, valueNames(key), [value, lifetime])) !== 1) return 'taken'
      const site = siteOf(provider)
      const counted = await run(claimScript, namesIn(kind), [key, lifetime, JSON.stringify([holder, site, site])])
      if (!Array.isArray(counted)) return 'added'
      const [ofIssuer, ofSite, most, , , all] = counted.map(Number) as Counts
      if (hasSessionRoom(record, { ofIssuer, ofSite, most, all }, total)) return 'added'
      await remove(key)
      return 'full'
    },
    async get(key) {
      const value = await run("return redis.call('GET', KEYS[1])", valueNames(key), [])
      return typeof value === 'string' ? value : undefined
    },
    replace: async (key, from, to) => (await run(replaceScript, valueNames(key), [from, to])) === 1,
    remove,
  }
}

/** What `claimScript` returns for a new key. */
type Counts = [ofHolder: number, ofNetwork: number, most: number, ofWider: number, mostOfWider: number, all: number]

/** Runs scripts, each one atomically. */
function runScripts(client: RedisClient, { prefix = 'countersign', timeout = 1000 }: RedisStoreOptions) {
  if (typeof client?.eval !== 'function') throw new TypeError('the client must be a client of redis or @redis/client')
  return async function run(script: string, names: readonly string[], given: string[]): Promise<unknown> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no response within ${timeout} ms`)), timeout)
    })
    try {
      const keys = names.map((name) => `{${prefix}} ${name}`)
      return await Promise.race([client.eval(script, { keys, arguments: given }), late])
    } catch (cause) {
      throw new AAuthError('unavailable', 'The shared store failed, or did not respond in time.', {
        retryAfter: 5,
        cause,
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The time of the store's clock, which is the same for all instances. */
const clock = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000"

/** The names of the keys that store one kind of nonces or tokens. */
function namesOf(kind: string): string[] {
  return ['ends', 'holders', 'networks', 'wider', 'infos'].map((name) => `${name} ${kind}`)
}

/** A nonce's counters: by holder, network and wider network. */
const forgetOne = `
local function forget(nonce)
  if redis.call('ZREM', KEYS[1], nonce) == 0 then return end
  local names = cjson.decode(redis.call('HGET', KEYS[5], nonce))
  redis.call('HDEL', KEYS[5], nonce)
  for i, name in ipairs(names) do
    if tonumber(redis.call('ZINCRBY', KEYS[i + 1], -1, name)) <= 0 then redis.call('ZREM', KEYS[i + 1], name) end
  end
end`

/**
 * Stores a nonce, and returns the counts as they were before. Returns false if the nonce was already stored. Also removes expired nonces.
 */
const claimScript = `${clock}
${forgetOne}
for _, nonce in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)) do forget(nonce) end
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ends and tonumber(ends) > now then return false end
forget(ARGV[1])
local names = cjson.decode(ARGV[3])
local function of(i) return redis.call('ZSCORE', KEYS[i + 1], names[i]) or 0 end
local function most(i) return redis.call('ZREVRANGE', KEYS[i + 1], 0, 0, 'WITHSCORES')[2] or 0 end
local counts = { of(1), of(2), most(2), of(3), most(3), redis.call('ZCARD', KEYS[1]) }
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('HSET', KEYS[5], ARGV[1], ARGV[3])
for i, name in ipairs(names) do redis.call('ZINCRBY', KEYS[i + 1], 1, name) end
return counts`

const releaseScript = `${forgetOne}
forget(ARGV[1])
return 1`

/** Counts one request. Returns the number of milliseconds until further requests are allowed, or -1 if this one is allowed. */
const countScript = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if count <= tonumber(ARGV[1]) then return -1 end
return math.max(redis.call('PTTL', KEYS[1]), 0)`

/** Stores what is stored until a later time, if that time is later. */
const extendScript = `${clock}
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ends and tonumber(ends) < now + ARGV[2] then redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1]) end
return 1`

const isHeldScript = `${clock}
local ends = redis.call('ZSCORE', KEYS[1], ARGV[1])
return ends and tonumber(ends) > now and 1 or 0`

const bindScript = `return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) and ARGV[1] or redis.call('GET', KEYS[1])`
const createScript = `return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) and 1 or 0`

const replaceScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1`
