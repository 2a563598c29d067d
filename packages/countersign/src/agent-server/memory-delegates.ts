import { type DelegateStore, pageLength, type StoredDelegate } from '../agent/delegate-store.js'
import type { IssuedToken } from '../editions/agent-server-edition.js'

/**
 * Creates a store in this process's memory, for tests and development. A restart loses all delegates, including which of them were revoked.
 */
export function memoryDelegates(): DelegateStore {
  const byName = new Map<string, StoredDelegate>()
  const names = new Map<string, string>()
  const tokens = new Map<string, IssuedToken[]>()

  function find(thumbprint: string): StoredDelegate | undefined {
    return byName.get(names.get(thumbprint) ?? '')
  }

  function change(delegate: StoredDelegate, changes: Partial<StoredDelegate>): StoredDelegate {
    const changed = { ...delegate, ...changes }
    byName.set(delegate.name, changed)
    return changed
  }

  return {
    enroll({ name, thumbprint, enrolledAt }, replace) {
      const there = byName.get(name)
      if (there?.revokedAt !== undefined) return 'revoked'
      if (there?.thumbprint === thumbprint) return 'enrolled'
      if (there && !replace) return 'name_taken'
      if (find(thumbprint)) return 'key_taken'
      if (there) names.delete(there.thumbprint)
      names.set(thumbprint, name)
      byName.set(name, { name, thumbprint, enrolledAt, renewedAt: undefined, revokedAt: undefined })
      return 'enrolled'
    },
    find,
    renew(thumbprint, at) {
      const there = find(thumbprint)
      return there && there.revokedAt === undefined ? change(there, { renewedAt: at }) : there
    },
    recordToken(name, token, at) {
      const others = (tokens.get(name) ?? []).filter(({ jti, expiresAt }) => jti !== token.jti && expiresAt > at)
      tokens.set(name, [...others, token])
    },
    listTokens: (name) => tokens.get(name) ?? [],
    revoke(name, at) {
      const there = byName.get(name)
      if (there) change(there, { revokedAt: there.revokedAt ?? at })
      return there !== undefined
    },
    remove(name) {
      names.delete(byName.get(name)?.thumbprint ?? '')
      tokens.delete(name)
      return byName.delete(name)
    },
    list({ after, limit = pageLength } = {}) {
      const listed = [...byName.keys()].sort().filter((name) => after === undefined || name > after)
      return listed.slice(0, limit).flatMap((name) => byName.get(name) ?? [])
    },
  }
}
