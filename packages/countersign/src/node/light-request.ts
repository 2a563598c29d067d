import { type ReceivedMessage, receivedBytes } from '../httpsig/received-message.js'

const RealRequest = globalThis.Request

/** Targets that a URL parser does not change. Dot segments are checked separately. */
const plainTarget = /^\/[\w/~!$&()*+,;:@=?.%-]*$/
const dotSegment = /\/(?:\.|%2e){1,2}(?:[/?]|$)/i

/** The members that require a real request. */
abstract class DelegatingRequest {
  protected abstract realOne(): Request

  get cache() {
    return this.realOne().cache
  }

  get credentials() {
    return this.realOne().credentials
  }

  get destination() {
    return this.realOne().destination
  }

  get duplex() {
    return this.realOne().duplex
  }

  get integrity(): string {
    return this.realOne().integrity
  }

  get keepalive(): boolean {
    return this.realOne().keepalive
  }

  get mode() {
    return this.realOne().mode
  }

  get redirect() {
    return this.realOne().redirect
  }

  get referrer(): string {
    return this.realOne().referrer
  }

  get referrerPolicy() {
    return this.realOne().referrerPolicy
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.realOne().arrayBuffer()
  }

  blob() {
    return this.realOne().blob()
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer())
  }

  clone(): Request {
    return this.realOne().clone()
  }

  formData() {
    return this.realOne().formData()
  }

  json(): Promise<unknown> {
    return this.realOne().json()
  }

  text(): Promise<string> {
    return this.realOne().text()
  }
}

// For `instanceof Request`, before and after `replaceGlobals`.
Object.setPrototypeOf(DelegatingRequest.prototype, RealRequest.prototype)

/**
 * The `Request` that handlers receive: method, URL, headers and signal. Accessing any other member creates a real request, which takes up
 * to a tenth as long as a signature check.
 */
export class LightRequest extends DelegatingRequest implements Request {
  readonly method: string
  readonly url: string
  readonly #rawHeaders: readonly string[]
  readonly [receivedBytes]: Uint8Array
  #headers: Headers | undefined
  #abort: AbortController | undefined
  #isGone = false
  #real: Request | undefined

  /** @param origin the start of the URL, in its normalized form */
  constructor(origin: string, { method, rawTarget, rawHeaders }: ReceivedMessage, content: Uint8Array) {
    super()
    this.method = method
    const isPlain = plainTarget.test(rawTarget) && !dotSegment.test(rawTarget)
    this.url = isPlain ? origin + rawTarget : new URL(origin + rawTarget).href
    this.#rawHeaders = rawHeaders
    this[receivedBytes] = content
  }

  /** The real request, for functions that accept no other kind. */
  static realOf<T>(request: T): T | Request {
    return typeof request === 'object' && request !== null && #real in request ? request.realOne() : request
  }

  protected override realOne(): Request {
    const { method, headers, signal } = this
    const body = this[receivedBytes].length > 0 ? this[receivedBytes] : null
    this.#real ??= new RealRequest(this.url, { method, headers, signal, body })
    return this.#real
  }

  /** Aborts the signal because the client has disconnected. */
  abort(): void {
    this.#isGone = true
    this.#abort?.abort()
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#rawHeaders)
    return this.#headers
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController()
      if (this.#isGone) this.#abort.abort()
    }
    return this.#abort.signal
  }

  get body(): Request['body'] {
    return this[receivedBytes].length === 0 ? null : this.realOne().body
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? false
  }
}

/** A `Request` class for programs that create a request from a light one. */
export class WebRequest extends RealRequest {
  constructor(input: ConstructorParameters<typeof Request>[0], init?: RequestInit) {
    super(LightRequest.realOf(input), init)
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof RealRequest
  }
}

/** Header lines as headers: those with the same name are joined. */
export function headersOf(rawHeaders: readonly string[]): Headers {
  const headers = new Headers()
  let cookie: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    const value = rawHeaders[i + 1] as string
    // HTTP/2 splits cookies into several fields, which must not be joined with commas (RFC 9113 §8.2.3).
    if (name.toLowerCase() === 'cookie') cookie = cookie === undefined ? value : `${cookie}; ${value}`
    else headers.append(name, value)
  }
  if (cookie !== undefined) headers.set('cookie', cookie)
  return headers
}
