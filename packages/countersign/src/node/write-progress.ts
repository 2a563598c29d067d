/** Seconds after which a response is given up of which the client reads nothing. */
export const writeTimeout = 20

/** Measures for how long a client has read nothing of what was written to it. */
export class WriteProgress {
  #sent = Number.NaN
  #seconds = 0

  /**
   * Seconds without progress, 0 if everything was sent. Call it once a second: calls are counted instead of time, so that a process
   * that was suspended closes no connection.
   *
   * @param unsent bytes that were written and are not sent
   * @param sent a number that changes if bytes are sent
   */
  secondsWithout(unsent: number, sent: number): number {
    this.#seconds = unsent === 0 || sent !== this.#sent ? 0 : this.#seconds + 1
    this.#sent = sent
    return this.#seconds
  }

  /** Starts again at 0 seconds: something was sent. */
  restart(): void {
    this.#seconds = 0
    this.#sent = Number.NaN
  }
}

/** A socket, or a stream of HTTP/2, which does not count what was written. */
export interface Writer {
  readonly writableLength: number
  readonly bytesWritten?: number
}

/** For {@link WriteProgress}: bytes of all writers that are not sent, and a number that changes if bytes are sent. */
export function bytesOf(writers: Iterable<Writer>): { unsent: number; sent: number } {
  let [unsent, written] = [0, 0]
  for (const { writableLength, bytesWritten = 0 } of writers) {
    unsent += writableLength
    written += bytesWritten
  }
  return { unsent, sent: written - unsent }
}
