/** What is used of a socket. */
interface Written {
  /** Bytes that were written, sent or not. */
  readonly bytesWritten: number
  /** Bytes that were written and are not sent. */
  readonly writableLength: number
}

/** Measures for how long a peer has read nothing of what was written to it. */
export class WriteProgress {
  #sent = -1
  #seconds = 0

  /**
   * Seconds without progress, 0 if everything was sent. Call it once a second: calls are counted instead of time, so that a process
   * that was suspended closes no connection.
   */
  secondsWithout(socket: Written): number {
    const { writableLength } = socket
    const sent = socket.bytesWritten - writableLength
    this.#seconds = writableLength === 0 || sent !== this.#sent ? 0 : this.#seconds + 1
    this.#sent = sent
    return this.#seconds
  }
}
