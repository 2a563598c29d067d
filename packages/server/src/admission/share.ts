/** After how many turns of the other shares the one that yields gets a turn. */
const turnsPerYielding = 7

/** The key of the share that yields to the others beside it. */
export const yieldingKey = ''

/** One share of a queue: items, or the shares inside it. It exists while it holds something. */
export class Share<T> {
  /** Items in it and in the shares inside it. */
  held = 0
  readonly #key: string
  readonly #parent: Share<T> | undefined
  readonly #inside = new Map<string, Share<T>>()
  /** The shares inside, in the order of their turns, without the one that yields. */
  readonly #turns = new LinkedRing<Share<T>>()
  /** The shares inside by how many items they hold. */
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

  /** Of the shares inside, one that holds most. */
  get fullest(): Share<T> | undefined {
    return this.#bySize[this.#largest]?.first
  }

  inside(key: string): Share<T> | undefined {
    return this.#inside.get(key)
  }

  /** The share inside with that key. A new one must be given an item at once. */
  open(key: string): Share<T> {
    return this.#inside.get(key) ?? new Share(key, this)
  }

  append(item: T): void {
    this.#items.append(new RingNode(item))
    this.#resize(1)
  }

  /** Passes the turn to the next share inside; undefined if this share has items instead. */
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

  /** Removes the oldest item from a share that has items. */
  removeOldest(): T | undefined {
    const item = this.#items.shift()
    this.#resize(-1)
    return item
  }

  /** Removes the newest item from a share that has items. */
  removeNewest(): T | undefined {
    const item = this.#items.pop()
    this.#resize(-1)
    return item
  }

  /** Counts an item in this share and in those around it. */
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

  /** Puts a share inside that gained or lost one item among those of its size. */
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

/** A node of a doubly linked ring: inserting and removing take constant time. A new node is its own ring. */
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
    this.next = this
    this.previous = this
  }
}

/** A list in the order of insertion. */
class LinkedRing<T> {
  readonly #head = new RingNode<T | undefined>(undefined)

  get isEmpty(): boolean {
    return this.#head.isAlone
  }

  get first(): T | undefined {
    return this.#head.next.value
  }

  /** Appends a node that is in no list. */
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
