const slots = 16_384
const characters = 8

/**
 * Tells texts that come again from those that come once, in fixed memory: only what comes again is worth a place in a
 * cache, and nobody can fill one with what is never used again. It may take a text for one that it saw, and forgets.
 */
export class Doorkeeper {
  readonly #seen = new Int32Array(slots)
  readonly #from: number

  /** @param from where in a text its most random characters begin, counted from the end */
  constructor(from: number) {
    this.#from = from
  }

  /** Whether the text was probably asked about before. */
  hasSeen(text: string): boolean {
    const start = Math.max(0, text.length - this.#from)
    let hash = text.length
    for (let i = start; i < text.length && i < start + characters; i++) {
      hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
    }
    const slot = hash & (slots - 1)
    if (this.#seen[slot] === hash) return true
    this.#seen[slot] = hash
    return false
  }
}
