import { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2'
import { WriteProgress, writeTimeout } from './write-progress.js'

/** Maximum number of in-progress requests per session; further requests are refused. */
const streamLimit = 100

/**
 * Maximum number of refused requests per session and second. A client that exceeds this limit is ignoring refusals, so its session is
 * closed.
 */
const refusalLimit = 100

/**
 * Maximum size of unread responses, in bytes. Above this limit, the session's further requests are refused until the client has read some
 * of the responses.
 */
const unreadLimit = 1_048_576

/** The requests of one HTTP/2 session. */
export class SessionStreams {
  readonly #session: Http2Session
  /**
   * Requests in progress: the handler is running, or the response has not been sent. If the client resets a stream, its handler may still
   * be running.
   */
  readonly #requests = new Map<ServerHttp2Stream, StreamRequest>()
  /** Whether the client has read any part of a response since the last check. */
  #isRead = true
  #secondsUnread = 0
  /** Refused requests since the last check. */
  #refused = 0
  /** Requests that the client reset before their turn, since the last check. */
  #reset = 0

  constructor(session: Http2Session) {
    this.#session = session
    const { maxConcurrentStreams = Number.POSITIVE_INFINITY } = session.localSettings
    if (maxConcurrentStreams > streamLimit) session.settings({ maxConcurrentStreams: streamLimit })
  }

  /** Calls `serve`, or refuses the stream; the client may then retry it (RFC 9113 §8.7). */
  add(stream: ServerHttp2Stream, serve: () => unknown): void {
    if (this.#requests.size + this.#reset >= streamLimit || this.#unread() > unreadLimit) {
      if (++this.#refused > refusalLimit) this.#session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
      else stream.close(constants.NGHTTP2_REFUSED_STREAM)
      return
    }
    const request = { progress: new WriteProgress(), isServed: false }
    this.#requests.set(stream, request)
    stream.on('drain', () => {
      // Between two checks, as many bytes may have been written as were sent, in which case the number of unsent bytes does not change.
      request.progress.restart()
      this.#isRead = true
    })
    stream.once('close', () => {
      if (stream.writableFinished) this.#isRead = true
      if (request.isServed) this.#requests.delete(stream)
    })
    void Promise.resolve(serve()).finally(() => {
      request.isServed = true
      if (stream.closed) this.#requests.delete(stream)
    })
  }

  /** Counts a request that the client reset before its turn. Such a request counts as in progress until the next check. */
  countReset(): void {
    this.#reset++
  }

  #unread(): number {
    let unread = 0
    for (const stream of this.#requests.keys()) unread += stream.writableLength
    return unread
  }

  /**
   * Call once a second. Closes streams whose client reads no part of the response, and the session if the client reads none of its
   * responses.
   */
  closeStalled(): void {
    this.#refused = 0
    this.#reset = 0
    const stalled: ServerHttp2Stream[] = []
    for (const [stream, { progress }] of this.#requests) {
      const { writableLength } = stream
      const seconds = progress.secondsWithout(writableLength, -writableLength)
      if (writableLength > 0 && seconds === 0) this.#isRead = true
      if (seconds >= writeTimeout) stalled.push(stream)
    }
    this.#secondsUnread = this.#isRead ? 0 : this.#secondsUnread + 1
    this.#isRead = false
    if (stalled.length > 0 && this.#secondsUnread >= writeTimeout) this.#session.destroy()
    else for (const stream of stalled) stream.close(constants.NGHTTP2_CANCEL)
  }
}

interface StreamRequest {
  readonly progress: WriteProgress
  isServed: boolean
}
