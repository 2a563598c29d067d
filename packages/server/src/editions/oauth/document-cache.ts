/** What an entry is stored with. */
interface Stored {
  /** Unix seconds. */
  expiresAt: number
  /** Who caused the entry: a user or a network. Each may have a share of the entries. @default no one, so that no share applies */
  owner: string | undefined
}

interface Entry<V> extends Stored {
  value: V
  isKept: boolean
}

/**
 * A map of at most `limit` entries, of which one owner has at most `share`. If an owner has more, their own least recently used entries are
 * evicted, so that no owner evicts those of others. Expired entries count as absent and are evicted first, kept entries last.
 */
export class DocumentCache<V> {
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry<V>>()
  readonly #limit: number
  readonly #share: number

  constructor({ limit, share }: { limit: number; share: number }) {
    this.#limit = limit
    this.#share = share
  }

  /** @param now Unix seconds */
  get(key: string, now: number): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry || entry.expiresAt <= now) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** Stores an entry. A replaced entry keeps its owner, and stays kept. */
  set(key: string, value: V, { expiresAt, owner }: Stored, now: number): void {
    const found = this.#entries.get(key)
    if (found) Object.assign(found, { value, expiresAt })
    else {
      this.#makeRoom(owner, now)
      this.#entries.set(key, { value, expiresAt, owner, isKept: false })
    }
  }

  /** Keeps an entry, if there is one, in preference to entries that are not kept. */
  keep(key: string): void {
    const entry = this.#entries.get(key)
    if (entry) entry.isKept = true
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  #makeRoom(owner: string | undefined, now: number): void {
    const owned = [...this.#entries.values()].filter((entry) => entry.owner === owner)
    const isShareUsed = owner !== undefined && owned.length >= this.#share
    if (!isShareUsed && this.#entries.size < this.#limit) return
    const isInShare = (entry: Entry<V>) => !isShareUsed || entry.owner === owner
    const isEvicted =
      this.#evict((entry) => isInShare(entry) && entry.expiresAt <= now) ||
      this.#evict((entry) => isInShare(entry) && !entry.isKept)
    if (!isEvicted) this.#evict(isInShare)
  }

  #evict(mayEvict: (entry: Entry<V>) => boolean): boolean {
    for (const [key, entry] of this.#entries) {
      if (!mayEvict(entry)) continue
      this.delete(key)
      return true
    }
    return false
  }
}
