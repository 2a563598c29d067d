import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/**
 * Whether a client went before it was answered. An abort signal for each request would take as long as finding its route.
 *
 * This is a class since a getter of an object literal makes a hidden class for each object, which holds what the getter sees until
 * all of the heap is collected.
 */
export class Departure {
  #isGone = false
  #tell: (() => void) | undefined

  /** @param upgraded the client's connection, where it is to become one of another protocol */
  constructor(outgoing: ServerResponse, upgraded?: Duplex) {
    outgoing.once('close', () => outgoing.writableFinished || this.#leave())
    upgraded?.once('close', () => this.#leave())
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Calls back when it goes, in place of whom was to be called before. */
  onGone(callback: () => void): void {
    this.#tell = callback
  }

  #leave(): void {
    this.#isGone = true
    this.#tell?.()
  }
}
