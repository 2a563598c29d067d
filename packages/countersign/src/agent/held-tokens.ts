import type { HeldToken } from '../editions/agent-protocol.js'
import { AgentError } from '../lib/agent-error.js'
import { isUnder } from '../protocol/identifier.js'
import { decodeToken } from '../tokens/decode-token.js'
import type { AgentStore } from './agent-store.js'

/** What a token is shown for. */
export interface Asked {
  method: string
  url: string
}

/** The tokens of a store by owner and resource; the newest first. */
export interface HeldTokens {
  /**
   * The token to try first: the one that served the same method and path before, or the newest of the resource; one with a
   * refresh token also when it has expired.
   */
  forRequest(owner: string, asked: Asked): Promise<HeldToken | undefined>
  /** Remembers which token served a request. */
  noteServed(owner: string, asked: Asked, token: HeldToken): void
  /** Whether a token can still be shown to a resource. */
  isLive(token: HeldToken): boolean
  /** A token that has all these scopes, as another process may just have got it. */
  withScope(owner: string, resource: string, scope: readonly string[]): Promise<HeldToken | undefined>
  /**
   * Keeps a token.
   *
   * @throws AgentError `other_person` for one of another person than the owner's tokens of its auth server (attacks L01)
   */
  add(owner: string, token: HeldToken): Promise<void>
  /** Removes a token, unless another one has its place by now. */
  remove(owner: string, token: HeldToken): Promise<void>
  /** Removes all that is kept of an owner. */
  forget(owner: string): Promise<void>
}

export interface HeldTokensOptions {
  store: AgentStore
  /** The edition's name. */
  edition: string
  /** Of the agent's key: a token of another one can be renewed, but not shown. */
  thumbprint: string
  now: () => number
}

const maxOwners = 10_000
const maxTokensPerOwner = 100
const maxRoutes = 1000

/** Seconds before its end at which a token counts as gone, so that it does not expire on the way. */
const margin = 5

/** What a record holds besides the token. */
interface StoredToken {
  token: HeldToken
  thumbprint: string
  /** When it was kept, in Unix seconds. */
  at: number
}

export function createHeldTokens({ store, edition, thumbprint, now }: HeldTokensOptions): HeldTokens {
  const known = new Map<string, readonly HeldToken[]>()
  /** The names of the tokens that served a route. */
  const served = new Map<string, string>()
  let lastAt = 0
  const isLive = ({ expiresAt }: HeldToken) => expiresAt - margin > now()
  const isUsable = (token: HeldToken) => isLive(token) || token.refreshToken !== undefined

  function remember(owner: string, tokens: readonly HeldToken[]): readonly HeldToken[] {
    known.delete(owner)
    if (tokens.length > 0) known.set(owner, tokens)
    const oldest = known.keys().next()
    if (known.size > maxOwners && !oldest.done) known.delete(oldest.value)
    return tokens
  }

  async function read(owner: string): Promise<readonly HeldToken[]> {
    const stored = (await store.list(owner))
      .filter((record) => record.kind === 'token' && record.edition === edition)
      .map(({ data }) => data as StoredToken)
      .toSorted((one, other) => other.at - one.at)
    const tokens = stored.map((each) =>
      each.thumbprint === thumbprint ? each.token : { ...each.token, expiresAt: 0, refreshAt: 0 },
    )
    return remember(owner, tokens.filter(isUsable))
  }

  async function find(owner: string, isIt: (token: HeldToken) => boolean): Promise<HeldToken | undefined> {
    const held = known.get(owner)?.find((token) => isUsable(token) && isIt(token))
    return held ?? (await read(owner)).find(isIt)
  }

  /** Nobody else's tokens take the place of an owner's, whoever decides at the auth server. */
  async function requireSamePerson(owner: string, { jwt, authServer }: HeldToken): Promise<void> {
    const sub = decodeToken(jwt)?.payload.sub
    if (typeof sub !== 'string') return
    const { data } = await store.add(owner, { edition, kind: 'person', id: authServer, data: { sub } })
    if ((data as { sub: string }).sub === sub) return
    throw new AgentError(
      'other_person',
      `Somebody else allowed this at ${authServer} than the person whom the agent acts for: nothing was kept. To change the person, forget what the agent has first.`,
    )
  }

  return {
    isLive,
    async forRequest(owner, asked) {
      const isIt = ({ resource }: HeldToken) => isUnder(asked.url, resource)
      const name = served.get(routeOf(owner, asked))
      const last = name === undefined ? undefined : known.get(owner)?.find((token) => idOf(token) === name)
      return last && isUsable(last) && isIt(last) ? last : find(owner, isIt)
    },
    noteServed(owner, asked, token) {
      const route = routeOf(owner, asked)
      served.delete(route)
      served.set(route, idOf(token))
      const oldest = served.keys().next()
      if (served.size > maxRoutes && !oldest.done) served.delete(oldest.value)
    },
    async withScope(owner, resource, scope) {
      const has = (token: HeldToken) =>
        isLive(token) && token.resource === resource && scope.every((value) => token.scope.includes(value))
      return (await read(owner)).find(has)
    },
    async add(owner, token) {
      await requireSamePerson(owner, token)
      // Of those of one second, too, one is the newest.
      lastAt = Math.max(now(), lastAt + 0.001)
      const data: StoredToken = { token, thumbprint, at: lastAt }
      await store.put(owner, { edition, kind: 'token', id: idOf(token), data })
      const isCovered = ({ resource, scope }: HeldToken) =>
        resource === token.resource && scope.every((value) => token.scope.includes(value))
      const before = known.get(owner) ?? (await read(owner))
      const others = before.filter((other) => other.jwt !== token.jwt)
      const kept = others.filter((other) => isUsable(other) && !isCovered(other)).slice(0, maxTokensPerOwner - 1)
      for (const gone of others)
        if (!kept.includes(gone) && idOf(gone) !== idOf(token))
          await store.remove(owner, { kind: 'token', id: idOf(gone) })
      remember(owner, [token, ...kept])
    },
    async remove(owner, token) {
      const stored = (await read(owner)).find((other) => idOf(other) === idOf(token))
      if (stored && stored.jwt !== token.jwt) return
      await store.remove(owner, { kind: 'token', id: idOf(token) })
      await read(owner)
    },
    async forget(owner) {
      known.delete(owner)
      await store.forget(owner)
    },
  }
}

function routeOf(owner: string, { method, url }: Asked): string {
  const { origin, pathname } = new URL(url)
  return JSON.stringify([owner, method, origin, pathname])
}

/** One token of each kind is kept. */
function idOf({ authServer, resource, scope }: HeldToken): string {
  return [authServer, resource, ...scope.toSorted()].join(' ')
}
