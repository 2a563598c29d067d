/**
 * What texts that come again and again were found to be, in bounded memory: when it is full it starts anew, so that
 * strangers fill no memory with texts that come once.
 */
export class KnownTexts<V> {
  readonly #values = new Map<string, V>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#values.size
  }

  get(text: string): V | undefined {
    return this.#values.get(text)
  }

  set(text: string, value: V): void {
    if (this.#values.size >= this.#limit) this.#values.clear()
    this.#values.set(text, value)
  }
}
