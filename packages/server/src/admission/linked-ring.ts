/** A node of a doubly linked ring: inserting and removing take constant time. A new node is its own ring. */
export class RingNode<T> {
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
export class LinkedRing<T> {
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
