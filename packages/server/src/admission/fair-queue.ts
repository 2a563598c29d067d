import { Share, yieldingKey } from './share.js'

/** How much may wait in a {@link FairQueue} when an item is added. */
export interface FairQueueLimits {
  /** From this size on, an added item displaces one of the share that holds most. */
  capacity: number
  /** The size up to which a share that holds nothing may still add an item while no other share holds more than one. */
  most: number
}

export interface FairQueueEntry {
  /**
   * The share that the item counts against, after the shares around it, widest first: `['203.0', '203.0.113', '203.0.113.9']`.
   * No path may be the start of another, and no key empty.
   */
  path: readonly string[]
  /** Whether the item yields to those of the share around its own that do not; every eighth turn is left to those that yield. @default false */
  yields?: boolean | undefined
}

/**
 * A bounded queue that serves shares in turn. Each share gets one turn a round, and gives it to one of the shares inside it in
 * the same way. When the queue is full, the share that holds most loses its newest item: a share that holds less than its
 * fair part is never refused. Only what waits is counted, and an empty queue remembers nothing. Each operation takes time
 * proportional to the length of the path.
 */
export class FairQueue<T> {
  readonly #root = new Share<T>('', undefined)

  get size(): number {
    return this.#root.held
  }

  /** Adds an item. Returns the item that lost its place: undefined, an older one, or the added item itself. */
  push(item: T, entry: FairQueueEntry, { capacity, most }: FairQueueLimits): T | undefined {
    const path = entry.yields ? entry.path.toSpliced(-1, 0, yieldingKey) : entry.path
    let displaced: T | undefined
    if (this.size >= capacity) {
      const fullest = this.#fullestFor(path)
      if (fullest === 'own' || (!fullest && this.size >= most)) return item
      displaced = fullest?.removeNewest()
    }
    let share = this.#root
    for (const key of path) share = share.open(key)
    share.append(item)
    return displaced
  }

  /** Removes and returns the item whose turn it is; undefined if the queue is empty. */
  shift(): T | undefined {
    if (this.size === 0) return undefined
    let share = this.#root
    for (let inside = share.takeTurn(); inside; inside = share.takeTurn()) share = inside
    return share.removeOldest()
  }

  /** The share that must lose an item for one of `path`; undefined if none holds more than one and this one holds nothing. */
  #fullestFor(path: readonly string[]): Share<T> | 'own' | undefined {
    let share = this.#root
    for (const key of path) {
      const own = share.inside(key)
      if (key === yieldingKey) {
        // What yields displaces only its like.
        if (!own) return 'own'
        share = own
        continue
      }
      const yielding = share.inside(yieldingKey)
      let fullest = yielding ?? share.fullest
      if (fullest && (yielding || fullest.held > Math.max(own?.held ?? 0, 1))) {
        for (let inside = fullest.fullest; inside; inside = inside.fullest) fullest = inside
        return fullest
      }
      if (!own) return undefined
      share = own
    }
    return 'own'
  }
}
