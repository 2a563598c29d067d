/**
 * A map of at most `limit` entries that evicts the least recently used one, with a precision of one second. Expired entries count as
 * absent.
 */
export class LruCache<V> {
  readonly #entries = new Map<string, { value: V; expiresAt: number; usedAt: number | undefined }>()
  readonly #limit: number
  /**
   * The position after the last evicted entry. An iterator from the start would traverse the slots of all entries that were evicted
   * earlier.
   */
  #oldest: MapIterator<string> | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  /** @param now Unix seconds */
  get(key: string, now: number): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    if (entry.expiresAt <= now) {
      this.#entries.delete(key)
      return undefined
    }
    if (entry.usedAt !== now) {
      entry.usedAt = now
      this.#entries.delete(key)
      this.#entries.set(key, entry)
    }
    return entry.value
  }

  /** @param expiresAt Unix seconds */
  set(key: string, value: V, expiresAt: number): void {
    this.#entries.delete(key)
    if (this.#entries.size >= this.#limit) this.#forgetOldest()
    this.#entries.set(key, { value, expiresAt, usedAt: undefined })
  }

  #forgetOldest(): void {
    let next = this.#oldest?.next()
    if (!next || next.done) {
      this.#oldest = this.#entries.keys()
      next = this.#oldest.next()
    }
    if (!next.done) this.#entries.delete(next.value)
  }

  clear(): void {
    this.#entries.clear()
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}
