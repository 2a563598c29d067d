import type { HeldToken } from '../editions/agent-protocol.js'
import { isUnder } from '../protocol/identifier.js'

/** Auth tokens by owner (a browser session of a web agent, or the one person) and resource; the newest first. */
export interface HeldTokens {
  /** The token to try first for a URL; one with a refresh token also when it has expired. */
  forUrl(owner: string, url: string): HeldToken | undefined
  /** Whether a token can still be shown to a resource. */
  isLive(token: HeldToken): boolean
  /** A token that has all these scopes. */
  withScope(owner: string, resource: string, scope: readonly string[]): HeldToken | undefined
  add(owner: string, token: HeldToken): void
  remove(owner: string, jwt: string): void
  /** Removes all of an owner's. */
  forget(owner: string): void
}

const maxOwners = 10_000
const maxTokensPerOwner = 100

/** Seconds before its end at which a token counts as gone, so that it does not expire on the way. */
const margin = 5

export function createHeldTokens(now: () => number): HeldTokens {
  const byOwner = new Map<string, HeldToken[]>()
  const isLive = ({ expiresAt }: HeldToken) => expiresAt - margin > now()
  const usable = (owner: string) =>
    (byOwner.get(owner) ?? []).filter((token) => isLive(token) || token.refreshToken !== undefined)

  return {
    isLive,
    forUrl: (owner, url) => usable(owner).find(({ resource }) => isUnder(url, resource)),
    withScope: (owner, resource, scope) =>
      usable(owner).find(
        (token) => isLive(token) && token.resource === resource && scope.every((value) => token.scope.includes(value)),
      ),
    add(owner, token) {
      const kept = usable(owner).filter(
        ({ resource, scope }) => resource !== token.resource || !scope.every((value) => token.scope.includes(value)),
      )
      byOwner.delete(owner)
      byOwner.set(owner, [token, ...kept].slice(0, maxTokensPerOwner))
      const oldest = byOwner.keys().next()
      if (byOwner.size > maxOwners && !oldest.done) byOwner.delete(oldest.value)
    },
    remove(owner, jwt) {
      const kept = (byOwner.get(owner) ?? []).filter((token) => token.jwt !== jwt)
      if (kept.length === 0) byOwner.delete(owner)
      else byOwner.set(owner, kept)
    },
    forget: (owner) => void byOwner.delete(owner),
  }
}
