import type { HeldToken } from '../editions/agent-protocol.js'
import { AgentError } from '../lib/agent-error.js'
import { preciseClock } from '../lib/clock.js'
import { LruCache } from '../lib/lru-cache.js'
import { isUnder } from '../protocol/documents.js'
import { decodeToken } from '../tokens/verify-token.js'
import type { TokenSummary } from './agent-options.js'
import type { OwnRecords } from './own-records.js'

/** The request that a token is shown with. */
export interface Asked {
  method: string
  url: string
}

/** The tokens of a store by owner and resource; the newest first. */
export interface HeldTokens {
  /**
   * The token to try first: one like the one that served the same method and path before, or the newest of the resource; one
   * with a refresh token also when it has expired.
   */
  forRequest(owner: string, asked: Asked): Promise<HeldToken | undefined>
  /** Remembers which token served a request. */
  noteServed(owner: string, asked: Asked, token: HeldToken): void
  /** Whether a token can still be shown to a resource. */
  isLive(token: HeldToken): boolean
  /** A token that has all these scopes, kept after a time (Unix seconds), as another process may just have got it. */
  withScope(
    owner: string,
    wanted: { resource: string; scope: readonly string[]; since?: number },
  ): Promise<HeldToken | undefined>
  /**
   * Keeps a token, unless the signal has aborted: its owner may be forgotten.
   *
   * @throws AgentError `other_person` for one of another person than the owner's tokens of its auth server (attacks L01)
   */
  add(owner: string, token: HeldToken, signal: AbortSignal): Promise<void>
  readonly remove: (owner: string, token: HeldToken) => Promise<void>
  /** Those that can be used, the newest first. */
  list(owner: string): Promise<readonly TokenSummary[]>
  /** Removes the tokens of an owner for one resource, with the pending consents of a shared store; or all that is kept of the owner. */
  forget(owner: string, resource?: string): Promise<void>
}

export interface HeldTokensOptions {
  records: OwnRecords
  /** Of the agent's key: a token of another one can be renewed, but not shown. */
  thumbprint: string
  now: () => number
}

const maxOwners = 10_000
const maxTokensPerOwner = 100
const maxRoutes = 1000

/** Seconds before its expiry at which a token is no longer shown, so that it does not expire in transit. */
const margin = 5

/** The part of a stored consent that has its resource. */
interface StoredConsent {
  need?: { resource?: unknown }
}

/** A token, as it is stored. */
interface StoredToken {
  token: HeldToken
  thumbprint: string
  /** When it was stored, in Unix seconds of the system: it orders tokens, whatever clock expires them. */
  at: number
}

export function createHeldTokens({ records, thumbprint, now }: HeldTokensOptions): HeldTokens {
  /** The tokens in a store of this process alone; a shared store is read each time, since another process may change it. */
  const known = new Map<string, readonly StoredToken[]>()
  /** The kinds of the tokens that served a route. */
  const served = new LruCache<string>(maxRoutes)
  const inTurn = createTurns()
  let lastAt = 0
  const isLive = ({ expiresAt }: HeldToken) => expiresAt - margin > now()
  const isUsable = (token: HeldToken) => isLive(token) || token.refreshToken !== undefined

  async function read(owner: string): Promise<readonly StoredToken[]> {
    const cached = records.isShared ? undefined : known.get(owner)
    if (cached) return cached
    const stored = (await records.list(owner, 'token')).map(({ data }) => asShown(data as StoredToken, thumbprint))
    return remember(
      owner,
      stored.toSorted((one, other) => other.at - one.at),
    )
  }

  function remember(owner: string, tokens: readonly StoredToken[]): readonly StoredToken[] {
    known.delete(owner)
    if (records.isShared) return tokens
    if (tokens.length > 0) known.set(owner, tokens)
    const oldest = known.keys().next()
    if (known.size > maxOwners && !oldest.done) known.delete(oldest.value)
    return tokens
  }

  /** The tokens of another user never replace those of the owner, whoever signed in at the auth server. */
  async function requireSamePerson(owner: string, { jwt, authServer }: HeldToken): Promise<void> {
    const { sub } = decodeToken(jwt)?.payload ?? {}
    // A rule allowed it, and no user.
    if (sub === undefined) return
    const kept = (await records.add(owner, { kind: 'person', id: authServer }, { sub })) as { sub: unknown }
    if (typeof sub === 'string' && kept.sub === sub) return
    throw new AgentError(
      'other_person',
      `Somebody else allowed this at ${authServer} than the person whom the agent acts for: nothing was kept. To change the person, forget what the agent has first.`,
    )
  }

  async function keep(owner: string, token: HeldToken, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    await requireSamePerson(owner, token)
    // Distinct, also within one tick of the clock: one token is the newest.
    lastAt = Math.max(preciseClock(), lastAt + 0.001)
    const stored: StoredToken = { token, thumbprint, at: lastAt }
    const isCovered = ({ resource, scope }: HeldToken) =>
      resource === token.resource && scope.every((value) => token.scope.includes(value))
    const others = (await read(owner)).filter((other) => other.token.jwt !== token.jwt)
    const until = token.refreshToken === undefined ? token.expiresAt : undefined
    await records.put(owner, { kind: 'token', id: idOf(token) }, stored, until)
    const kept = others
      .filter((other) => isUsable(other.token) && !isCovered(other.token))
      .slice(0, maxTokensPerOwner - 1)
    for (const gone of others)
      if (!kept.includes(gone)) await records.remove(owner, { kind: 'token', id: idOf(gone.token) })
    remember(owner, [stored, ...kept])
  }

  return {
    isLive,
    async forRequest(owner, asked) {
      const all = (await read(owner)).map(({ token }) => token)
      const usable = all.filter((token) => isUsable(token) && isUnder(asked.url, token.resource))
      const kind = served.get(routeOf(owner, asked), now())
      return usable.find((token) => kindOf(token) === kind) ?? usable[0]
    },
    noteServed(owner, asked, token) {
      served.set(routeOf(owner, asked), kindOf(token), Number.POSITIVE_INFINITY)
    },
    async withScope(owner, { resource, scope, since = 0 }) {
      const has = ({ token, at }: StoredToken) =>
        at > since &&
        isLive(token) &&
        token.resource === resource &&
        scope.every((value) => token.scope.includes(value))
      return (await read(owner)).find(has)?.token
    },
    async list(owner) {
      const usable = (await read(owner)).filter(({ token }) => isUsable(token))
      return usable.map(({ token: { resource, authServer, scope, expiresAt, refreshToken } }) => {
        return { resource, authServer, scope, expiresAt, isRenewable: refreshToken !== undefined }
      })
    },
    add: (owner, token, signal) => inTurn(owner, () => keep(owner, token, signal)),
    remove: (owner, token) =>
      inTurn(owner, async () => {
        await records.remove(owner, { kind: 'token', id: idOf(token) })
        remember(
          owner,
          (await read(owner)).filter((other) => other.token.jwt !== token.jwt),
        )
      }),
    forget: (owner, resource) =>
      inTurn(owner, async () => {
        if (resource === undefined) {
          known.delete(owner)
          return records.forget(owner)
        }
        const tokens = await read(owner)
        const gone = tokens.filter(({ token }) => token.resource === resource)
        for (const { token } of gone) await records.remove(owner, { kind: 'token', id: idOf(token) })
        const consents = records.isShared ? await records.list(owner, 'consent') : []
        for (const { id, data } of consents)
          if ((data as StoredConsent | null)?.need?.resource === resource)
            await records.remove(owner, { kind: 'consent', id })
        remember(
          owner,
          tokens.filter((token) => !gone.includes(token)),
        )
      }),
  }
}

/** Runs the writes of an owner one after the other, so that a write does not restore what is being forgotten. */
function createTurns(): <T>(owner: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async function inTurn(owner, work) {
    const done = (last.get(owner) ?? Promise.resolve()).then(work, work)
    const end = done.then(
      () => undefined,
      () => undefined,
    )
    last.set(owner, end)
    try {
      return await done
    } finally {
      if (last.get(owner) === end) last.delete(owner)
    }
  }
}

/** A token that is bound to another key cannot be shown: it counts as expired. */
function asShown(stored: StoredToken, thumbprint: string): StoredToken {
  if (stored.thumbprint === thumbprint) return stored
  return { ...stored, token: { ...stored.token, expiresAt: 0, refreshAt: 0 } }
}

function routeOf(owner: string, { method, url }: Asked): string {
  const { origin, pathname } = new URL(url)
  return JSON.stringify([owner, method, origin, pathname])
}

/** Equal for tokens that allow the same. */
function kindOf({ authServer, resource, scope }: HeldToken): string {
  return [authServer, resource, ...scope.toSorted()].join(' ')
}

/** Unique to a token: removing it removes no newer one. */
function idOf(token: HeldToken): string {
  return `${kindOf(token)} ${token.jwt.slice(-43)}`
}
