import type { HeldToken, TokenNeed } from '../editions/agent-protocol.js'
import { AgentError, type ConsentReason } from '../lib/agent-error.js'
import { preciseClock } from '../lib/clock.js'
import { LruCache } from '../lib/lru-cache.js'
import { isUnder } from '../protocol/documents.js'
import { decodeToken } from '../tokens/verify-token.js'
import type { TokenSummary } from './agent-options.js'
import { type OwnRecords, type PastAccess, placeOf } from './scoped-records.js'

/** The request for which a token is used. */
export interface Asked {
  method: string
  url: string
}

/** The tokens of a store, by owner and resource, newest first. */
export interface TokenCache {
  /**
   * Returns the token to try first: one like the token that last served the same method and path, or else the resource's newest token.
   * Expired tokens are included if they have a refresh token.
   */
  forRequest(owner: string, asked: Asked): Promise<HeldToken | undefined>
  /** Records which token served a request. */
  recordUse(owner: string, asked: Asked, token: HeldToken): void
  /** Whether a token can still be used at a resource. */
  isLive(token: HeldToken): boolean
  /**
   * Returns a token that satisfies a need and was stored after the given time (Unix seconds), because another process may just have
   * obtained one.
   */
  satisfying(owner: string, need: TokenNeed, since?: number): Promise<HeldToken | undefined>
  /**
   * Stores a token, unless the signal has aborted, because its owner may have been removed.
   *
   * @throws AgentError `other_user` if the token does not belong to the same user as the owner's other tokens from its auth server (attacks
   * L01)
   */
  add(owner: string, token: HeldToken, signal: AbortSignal): Promise<void>
  /** Removes a token. Resolves to true if it was stored; of several callers, only one gets true. */
  readonly remove: (owner: string, token: HeldToken, reason?: ConsentReason) => Promise<boolean>
  /** Whether the caller may use a token. A token for one call is removed, so that it is used only once. */
  take(owner: string, token: HeldToken): Promise<boolean>
  /** Removes a token that is no longer accepted, and records whether it was revoked or had expired. */
  drop(owner: string, token: HeldToken): Promise<boolean>
  /** Lists the tokens that can be used for any call, newest first. */
  list(owner: string): Promise<readonly TokenSummary[]>
  /**
   * Removes an owner's tokens for one resource, along with its pending consents if the store is shared. Without a resource, removes all of
   * the owner's records.
   */
  forget(owner: string, resource?: string): Promise<void>
}

export interface HeldTokensOptions {
  records: OwnRecords
  past: PastAccess
  /** The thumbprint of the agent's key. A token bound to another key can be renewed, but not used. */
  thumbprint: string
  now: () => number
}

const maxOwners = 10_000
const maxTokensPerOwner = 100
const maxRoutes = 1000

/** Safety margin in seconds: tokens this close to their expiry are no longer used, so that they do not expire in transit. */
const margin = 5

/** A token in its stored form. */
interface StoredToken {
  token: HeldToken
  thumbprint: string
  /**
   * When the token was stored, in Unix seconds of the system clock. Used to order tokens, independently of the clock that determines their
   * expiry.
   */
  at: number
}

export function createTokenCache({ records, past, thumbprint, now }: HeldTokensOptions): TokenCache {
  /** Caches the tokens if only this process uses the store. A shared store is read each time, because another process may change it. */
  const known = new Map<string, readonly StoredToken[]>()
  /** The access of the token that last served a route. */
  const served = new LruCache<string>(maxRoutes)
  const serialize = createMutexes()
  let lastAt = 0
  const isLive = ({ expiresAt }: HeldToken) => expiresAt - margin > now()
  const isUsable = (token: HeldToken) => isLive(token) || token.refreshToken !== undefined
  const isReusable = (token: HeldToken) => isUsable(token) && !token.call

  async function read(owner: string): Promise<readonly StoredToken[]> {
    const cached = records.isShared ? undefined : known.get(owner)
    if (cached) return cached
    const stored = (await records.list(owner, 'token')).map(({ data }) => withExpiry(data as StoredToken, thumbprint))
    return remember(
      owner,
      stored.toSorted((one, other) => other.at - one.at),
    )
  }

  function remember(owner: string, tokens: readonly StoredToken[]): readonly StoredToken[] {
    known.delete(owner)
    if (records.isShared) return tokens
    if (tokens.length > 0) known.set(owner, tokens)
    const [oldest] = known.keys()
    if (known.size > maxOwners && oldest !== undefined) known.delete(oldest)
    return tokens
  }

  async function keep(owner: string, token: HeldToken, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await requireSameUser(records, owner, token)
    // Distinct even within one clock tick, so that exactly one token is the newest.
    lastAt = Math.max(preciseClock(), lastAt + 0.001)
    const stored: StoredToken = { token, thumbprint, at: lastAt }
    const isCovered = ({ resource, scope, kind }: HeldToken) =>
      !token.call &&
      resource === token.resource &&
      kind === token.kind &&
      scope.every((value) => token.scope.includes(value))
    const others = (await read(owner)).filter((other) => other.token.jwt !== token.jwt)
    const until = token.refreshToken === undefined ? token.expiresAt : undefined
    // Stores drop the token itself when it has expired.
    if (until !== undefined) await past.note(owner, token, 'expired')
    await records.put(owner, { kind: 'token', id: idOf(token) }, stored, until)
    const kept = others
      .filter((other) => isUsable(other.token) && !isCovered(other.token))
      .slice(0, maxTokensPerOwner - 1)
    for (const gone of others)
      if (!kept.includes(gone)) await records.remove(owner, { kind: 'token', id: idOf(gone.token) })
    remember(owner, [stored, ...kept])
  }

  const remove = async (owner: string, token: HeldToken, reason?: ConsentReason) =>
    serialize(owner, async () => {
      const isRemoved = await records.remove(owner, { kind: 'token', id: idOf(token) })
      remember(
        owner,
        (await read(owner)).filter((other) => other.token.jwt !== token.jwt),
      )
      if (reason) await past.note(owner, token, reason)
      return isRemoved
    })

  return {
    isLive,
    remove,
    take: async (owner, token) => !token.call || remove(owner, token),
    drop: (owner, token) => remove(owner, token, isLive(token) ? 'revoked' : 'ended'),
    async forRequest(owner, asked) {
      const all = (await read(owner)).map(({ token }) => token)
      const usable = all.filter((token) => isReusable(token) && isUnder(asked.url, token.resource))
      const access = served.get(routeOf(owner, asked), now())
      return usable.find((token) => accessOf(token) === access) ?? usable[0]
    },
    recordUse(owner, asked, token) {
      served.set(routeOf(owner, asked), accessOf(token), Number.POSITIVE_INFINITY)
    },
    async satisfying(owner, { resource, scope = '', kind, call }, since = 0) {
      const scopes = scope.split(' ').filter(Boolean)
      const has = ({ token, at }: StoredToken) =>
        at > since &&
        isLive(token) &&
        token.resource === resource &&
        token.kind === kind &&
        (token.call ?? call) === call &&
        scopes.every((value) => token.scope.includes(value))
      return (await read(owner)).find(has)?.token
    },
    async list(owner) {
      const usable = (await read(owner)).filter(({ token }) => isReusable(token))
      return usable.map(summaryOf)
    },
    add: (owner, token, signal) => serialize(owner, () => keep(owner, token, signal)),
    forget: (owner, resource) =>
      serialize(owner, async () => {
        if (resource === undefined) {
          known.delete(owner)
          return records.forget(owner)
        }
        const tokens = await read(owner)
        const gone = tokens.filter(({ token }) => token.resource === resource)
        for (const { token } of gone) await records.remove(owner, { kind: 'token', id: idOf(token) })
        await past.forget(owner, resource)
        remember(
          owner,
          tokens.filter((token) => !gone.includes(token)),
        )
      }),
  }
}

/** Ensures that another user's tokens never replace the owner's, no matter who signed in at the auth server. */
async function requireSameUser(records: OwnRecords, owner: string, token: HeldToken): Promise<void> {
  const { authServer, userScope = authServer, user: sub = decodeToken(token.jwt)?.payload.sub } = token
  // A policy rule allowed this access, not a user.
  if (sub === undefined) return
  const kept = (await records.add(owner, { kind: 'person', id: userScope }, { sub })) as { sub: unknown }
  if (typeof sub === 'string' && kept.sub === sub) return
  throw new AgentError(
    'other_user',
    `Someone other than this agent’s user allowed this at ${authServer}, so no token was stored. To change the user, have the agent forget its tokens first.`,
  )
}

function summaryOf({ token }: StoredToken): TokenSummary {
  const { resource, authServer, scope, expiresAt, refreshToken, isRenewable = !!refreshToken } = token
  return { resource, authServer, scope, expiresAt, isRenewable }
}

/** Serializes an owner's writes, so that no write restores data that is being removed. */
function createMutexes(): <T>(owner: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async function serialize(owner, work) {
    const done = (last.get(owner) ?? Promise.resolve()).then(work, work)
    last.set(owner, done)
    try {
      return await done
    } finally {
      if (last.get(owner) === done) last.delete(owner)
    }
  }
}

/** Treats a token bound to another key as expired, because it cannot be used. */
function withExpiry(stored: StoredToken, thumbprint: string): StoredToken {
  if (stored.thumbprint === thumbprint) return stored
  return { ...stored, token: { ...stored.token, expiresAt: 0, refreshAt: 0 } }
}

function routeOf(owner: string, { method, url }: Asked): string {
  const { origin, pathname } = new URL(url)
  return JSON.stringify([owner, method, origin, pathname])
}

/** Identifies the access that a token gives: equivalent tokens have the same value. */
function accessOf(token: HeldToken): string {
  return [placeOf(token), ...token.scope.toSorted(), token.kind].join(' ').trim()
}

/** Unique to a token, so that removing the token does not remove a newer one. */
function idOf(token: HeldToken): string {
  return `${accessOf(token)} ${token.jwt.slice(-43)}`
}
