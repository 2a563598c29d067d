/**
 * A map of at most `limit` entries that evicts the least recently used one, with a precision of one second. Expired entries count as
 * absent, as do all entries once the clock has been set back by more than a minute: they would expire too late.
 */
export class LruCache<V> {
  readonly #entries = new Map<string, { value: V; expiresAt: number; usedAt: number }>()
  readonly #limit: number
  /**
   * The position after the last evicted entry. An iterator from the start would traverse the slots of all entries that were evicted
   * earlier.
   */
  #oldest: MapIterator<string> | undefined
  #now = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  /** @param now Unix seconds */
  get(key: string, now: number): V | undefined {
    if (this.#now > now + 60) this.clear()
    this.#now = now
    const entry = this.#entries.get(key)
    if (!entry || entry.expiresAt <= now) {
      this.delete(key)
      return undefined
    }
    if (entry.usedAt !== now) {
      entry.usedAt = now
      this.delete(key)
      this.#entries.set(key, entry)
    }
    return entry.value
  }

  /** @param expiresAt Unix seconds */
  set(key: string, value: V, expiresAt: number): void {
    this.delete(key)
    if (this.#entries.size >= this.#limit) {
      let next = this.#oldest?.next()
      if (next?.done !== false) {
        this.#oldest = this.#entries.keys()
        next = this.#oldest.next()
      }
      this.delete(next.value as string)
    }
    this.#entries.set(key, { value, expiresAt, usedAt: -1 })
  }

  clear(): void {
    this.#entries.clear()
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}
