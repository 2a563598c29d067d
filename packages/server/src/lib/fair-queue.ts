import { networkOf } from 'countersign/node'

/** The limits on the size of a {@link FairQueue} when an item is added. */
interface FairQueueLimits {
  /** Size at which a new item displaces one from the share that holds the most. */
  capacity: number
  /** Size up to which a share that holds nothing may still add an item, as long as no other share holds more than one. */
  most: number
}

export interface FairQueueEntry {
  /**
   * The share that the item counts against, as a path that starts with the widest enclosing share: `['203.0', '203.0.113', '203.0.113.9']`.
   * No path may be a prefix of another, and no key may be empty.
   */
  path: readonly string[]
  /** Whether the item yields to non-yielding items of the enclosing share. Every eighth turn goes to yielding items. @default false */
  yields?: boolean | undefined
}

/**
 * A bounded queue that serves shares in turn. Each share gets one turn per round and passes it to one of its inner shares in the same way.
 * When the queue is full, the share that holds the most loses its newest item; a share below its fair part is never refused. Only waiting
 * items are counted, and an empty queue keeps no state. Each operation takes time proportional to the length of the path.
 */
export class FairQueue<T> {
  readonly #root = new Share<T>('', undefined)

  get size(): number {
    return this.#root.held
  }

  /** Adds an item. Returns the item that was displaced: undefined, an older one, or the added item itself. */
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

  /** Removes and returns the next item; undefined if the queue is empty. */
  shift(): T | undefined {
    if (this.size === 0) return undefined
    let share = this.#root
    for (let inside = share.takeTurn(); inside; inside = share.takeTurn()) share = inside
    return share.removeOldest()
  }

  /** Removes and returns the newest item of the share that holds the most; undefined if the queue is empty. */
  removeNewest(): T | undefined {
    if (this.size === 0) return undefined
    let share = this.#root
    for (let inside = share.fullest; inside; inside = inside.fullest) share = inside
    return share.removeNewest()
  }

  /** The share that must lose an item to make room at `path`; undefined if no share holds more than one and the one there is empty. */
  #fullestFor(path: readonly string[]): Share<T> | 'own' | undefined {
    let share = this.#root
    for (const key of path) {
      const own = share.inside(key)
      if (key === yieldingKey) {
        // A yielding item can only displace another yielding item.
        if (!own) return 'own'
        share = own
        continue
      }
      const yielding = share.inside(yieldingKey)
      let fullest = yielding ?? share.fullest
      if (fullest && (yielding || fullest.held > (own?.held ?? 1))) {
        for (let inside = fullest.fullest; inside; inside = inside.fullest) fullest = inside
        return fullest
      }
      if (!own) return undefined
      share = own
    }
    return 'own'
  }
}

/** Number of turns of the other shares before the yielding share gets one. */
const turnsPerYielding = 7

/** The key of the share that yields to its siblings. */
const yieldingKey = ''

/** One share of a queue. It holds either items or inner shares, and exists only while it is not empty. */
class Share<T> {
  /** Number of items in this share and its inner shares. */
  held = 0
  readonly #key: string
  readonly #parent: Share<T> | undefined
  readonly #inside = new Map<string, Share<T>>()
  /** The inner shares in turn order, without the yielding one. */
  readonly #turns = new LinkedRing<Share<T>>()
  /** The inner shares by the number of items they hold. */
  readonly #bySize: LinkedRing<Share<T>>[] = []
  #largest = 0
  readonly #turn = new RingNode<Share<T>>(this)
  readonly #size = new RingNode<Share<T>>(this)
  readonly #items = new LinkedRing<T>()
  #turnsSinceYielding = 0

  constructor(key: string, parent: Share<T> | undefined) {
    this.#key = key
    this.#parent = parent
  }

  /** One of the inner shares that hold the most items. */
  get fullest(): Share<T> | undefined {
    return this.#bySize[this.#largest]?.first
  }

  inside(key: string): Share<T> | undefined {
    return this.#inside.get(key)
  }

  /** Returns the inner share with that key, creating it if missing. A new share must be given an item at once. */
  open(key: string): Share<T> {
    return this.#inside.get(key) ?? new Share(key, this)
  }

  append(item: T): void {
    this.#items.append(new RingNode(item))
    this.#resize(1)
  }

  /** Passes the turn to the next inner share; undefined if this share holds items instead. */
  takeTurn(): Share<T> | undefined {
    const { first } = this.#turns
    const yielding = this.#inside.get(yieldingKey)
    if (yielding && (!first || this.#turnsSinceYielding >= turnsPerYielding)) {
      this.#turnsSinceYielding = 0
      return yielding
    }
    this.#turnsSinceYielding++
    if (first) {
      first.#turn.remove()
      this.#turns.append(first.#turn)
    }
    return first
  }

  /** Removes the oldest item of a share that holds items. */
  removeOldest(): T | undefined {
    const item = this.#items.shift()
    this.#resize(-1)
    return item
  }

  /** Removes the newest item of a share that holds items. */
  removeNewest(): T | undefined {
    const item = this.#items.pop()
    this.#resize(-1)
    return item
  }

  /** Adjusts the item count of this share and of all enclosing shares. */
  #resize(change: 1 | -1): void {
    this.held += change
    const parent = this.#parent
    if (!parent) return
    if (change === 1 && this.held === 1) {
      parent.#inside.set(this.#key, this)
      if (this.#key !== yieldingKey) parent.#turns.append(this.#turn)
    }
    if (this.held === 0) {
      parent.#inside.delete(this.#key)
      this.#turn.remove()
    }
    parent.#sort(this)
    parent.#resize(change)
  }

  /** Moves an inner share that gained or lost one item to the list for its new size. */
  #sort(share: Share<T>): void {
    const { held } = share
    share.#size.remove()
    if (held > 0) {
      this.#bySize[held] ??= new LinkedRing()
      this.#bySize[held].append(share.#size)
    }
    if (held > this.#largest || this.#bySize[this.#largest]?.isEmpty) this.#largest = held
  }
}

/** A node of a doubly linked ring. Inserting and removing take constant time. A new node is a ring by itself. */
class RingNode<T> {
  next: RingNode<T> = this
  previous: RingNode<T> = this
  readonly value: T

  constructor(value: T) {
    this.value = value
  }

  get isAlone(): boolean {
    return this.next === this
  }

  remove(): void {
    this.previous.next = this.next
    this.next.previous = this.previous
  }
}

/** A list in insertion order. */
class LinkedRing<T> {
  readonly #head = new RingNode<T | undefined>(undefined)

  get isEmpty(): boolean {
    return this.#head.isAlone
  }

  get first(): T | undefined {
    return this.#head.next.value
  }

  /** Appends a node that is not in any list. */
  append(node: RingNode<T>): void {
    const head = this.#head as RingNode<T>
    node.previous = head.previous
    node.next = head
    head.previous.next = node
    head.previous = node
  }

  /** Removes and returns the oldest value; undefined if the list is empty. */
  shift(): T | undefined {
    return LinkedRing.#take(this.#head.next)
  }

  /** Removes and returns the newest value; undefined if the list is empty. */
  pop(): T | undefined {
    return LinkedRing.#take(this.#head.previous)
  }

  static #take<T>(node: RingNode<T>): T {
    node.remove()
    return node.value
  }
}

/** Returns the path of an address in a fair queue: its /16, /24 and /32, or /32, /48 and /64. All unknown addresses share one path. */
export function networkPath(address: string | undefined): readonly string[] {
  if (address === undefined) return ['unknown']
  return [networkOf(address, 'provider'), networkOf(address, 'site'), networkOf(address)]
}
