import { Share } from './share.js'

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
   * No path may be the start of another.
   */
  path: readonly string[]
  /** Whether the other items of the share go first; every eighth turn of the share is left to those that do not. @default false */
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
  push(item: T, { path, yields = false }: FairQueueEntry, { capacity, most }: FairQueueLimits): T | undefined {
    let displaced: T | undefined
    if (this.size >= capacity) {
      const fullest = this.#fullestFor(path)
      if (!fullest && this.size >= most) return item
      // In its own share, an item displaces only one that yields to it.
      if (fullest?.isOwn && (yields || !fullest.share.hasYielding)) return item
      displaced = fullest?.share.removeNewest()
    }
    let share = this.#root
    for (const key of path) share = share.open(key)
    share.append(item, yields)
    return displaced
  }

  /** Removes and returns the item whose turn it is; undefined if the queue is empty. */
  shift(): T | undefined {
    if (this.size === 0) return undefined
    let share = this.#root
    for (let inside = share.takeTurn(); inside; inside = share.takeTurn()) share = inside
    return share.removeNext()
  }

  /** The share that must lose an item for one of `path`; undefined if none holds more than one and this one holds nothing. */
  #fullestFor(path: readonly string[]): { share: Share<T>; isOwn: boolean } | undefined {
    let share = this.#root
    for (const key of path) {
      const own = share.inside(key)
      let { fullest } = share
      if (fullest && fullest.held > Math.max(own?.held ?? 0, 1)) {
        for (let inside = fullest.fullest; inside; inside = inside.fullest) fullest = inside
        return { share: fullest, isOwn: false }
      }
      if (!own) return undefined
      share = own
    }
    return { share, isOwn: true }
  }
}
