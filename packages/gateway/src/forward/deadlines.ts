/** Something that is waited for. */
export interface Wait {
  /** In milliseconds. */
  due: number
  onLate: () => void
}

/** Waits that are all of one length, most of which end long before: one timer serves them, in place of one for each. */
export class Deadlines {
  readonly #length: number
  /** Those that began first are due first. */
  readonly #waits = new Set<Wait>()
  #isTimed = false

  constructor(seconds: number) {
    this.#length = seconds * 1000
  }

  /** Calls back when the time is over, unless it ends before. */
  begin(onLate: () => void): Wait {
    const wait = { due: performance.now() + this.#length, onLate }
    this.#waits.add(wait)
    if (!this.#isTimed) this.#lookIn(this.#length)
    return wait
  }

  end(wait: Wait): void {
    this.#waits.delete(wait)
  }

  #lookIn(time: number): void {
    this.#isTimed = true
    // What is waited for keeps the process, not the timer.
    setTimeout(() => this.#look(), time).unref()
  }

  #look(): void {
    this.#isTimed = false
    const now = performance.now()
    for (const wait of this.#waits) {
      if (wait.due > now) {
        this.#lookIn(wait.due - now)
        return
      }
      this.#waits.delete(wait)
      wait.onLate()
    }
  }
}
