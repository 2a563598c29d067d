/** Number of seconds after which a response is aborted if its client reads nothing. */
export const writeTimeout = 20

/** Measures the time since a client last read any of the data written to it. */
export class WriteProgress {
  #sent = Number.NaN
  #seconds = 0

  /**
   * Seconds without progress, or 0 if everything has been sent. Call it once a second. It counts calls instead of measuring time, so that a
   * process that was suspended does not close any connections.
   *
   * @param unsent number of bytes that were written but not sent yet
   * @param sent a number that changes when bytes are sent
   */
  secondsWithout(unsent: number, sent: number): number {
    this.#seconds = unsent === 0 || sent !== this.#sent ? 0 : this.#seconds + 1
    this.#sent = sent
    return this.#seconds
  }

  /** Restarts at 0 seconds, because something was sent. */
  restart(): void {
    this.#seconds = 0
    this.#sent = Number.NaN
  }
}

/** A socket, or an HTTP/2 stream; a stream does not count written bytes. */
export interface Writer {
  readonly writableLength: number
  readonly bytesWritten?: number
}

/** For {@link WriteProgress}: the unsent bytes of all writers, and a number that changes when bytes are sent. */
export function bytesOf(writers: Iterable<Writer>): { unsent: number; sent: number } {
  let [unsent, written] = [0, 0]
  for (const { writableLength, bytesWritten = 0 } of writers) {
    unsent += writableLength
    written += bytesWritten
  }
  return { unsent, sent: written - unsent }
}
