import { LightHeaders } from './light-headers.js'

const RealResponse = globalThis.Response

type BodyInit = ConstructorParameters<typeof Response>[0] | null
type WholeBody = string | Uint8Array<ArrayBuffer>

/**
 * A `Response` that keeps a text or byte body as it is, so that the body can be sent without a stream. A real response is created for any
 * other body, and when the body is read as a stream, a blob or a form.
 */
export class LightResponse implements Response {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  /** The body, unless it was moved to a real response. */
  readonly #whole: WholeBody | null
  #real: Response | undefined

  constructor(body: BodyInit = null, init: ResponseInit = {}) {
    const { status = 200, statusText = '' } = init
    if (isLight(body, status, statusText)) {
      this.headers = new LightHeaders(init.headers)
      if (typeof body === 'string' && !this.headers.has('content-type'))
        this.headers.set('content-type', 'text/plain;charset=UTF-8')
      // Copied, because the caller may overwrite the buffer.
      this.#whole = body instanceof Uint8Array ? new Uint8Array(body) : body
      this.status = status
    } else {
      this.#real = body === null ? new RealResponse(null, init) : new RealResponse(body, init)
      this.headers = this.#real.headers
      this.#whole = null
      this.status = this.#real.status
    }
    this.statusText = statusText
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof RealResponse
  }

  static error(): Response {
    return RealResponse.error()
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const text: string | undefined = JSON.stringify(value)
    if (text === undefined) throw new TypeError('The value cannot be serialized as JSON.')
    const headers = new LightHeaders(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    const { status = 200, statusText = '' } = init
    return new LightResponse(text, { status, statusText, headers })
  }

  static redirect(...args: Parameters<typeof Response.redirect>): Response {
    return RealResponse.redirect(...args)
  }

  /** The body, if it is in memory and has not been read; null if there is no body; otherwise undefined. */
  static wholeOf(response: Response): WholeBody | null | undefined {
    return #whole in response && !response.#real ? response.#whole : undefined
  }

  #realOne(): Response {
    const { status, statusText, headers } = this
    this.#real ??= new RealResponse(this.#whole, { status, statusText, headers })
    return this.#real
  }

  get body(): Response['body'] {
    return this.#whole === null && !this.#real ? null : this.#realOne().body
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed ?? false
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300
  }

  get redirected(): boolean {
    return false
  }

  get type() {
    return 'default' as const
  }

  get url(): string {
    return ''
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const whole = this.#whole
    if (whole === null || this.#real) return this.#realOne().arrayBuffer()
    this.#real = usedResponse
    return (typeof whole === 'string' ? encoder.encode(whole) : whole).buffer
  }

  blob() {
    return this.#realOne().blob()
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.arrayBuffer())
  }

  clone(): Response {
    const { status, statusText, headers } = this
    if (!this.#real) return new LightResponse(this.#whole, { status, statusText, headers })
    const { body } = this.#real.clone()
    return new LightResponse(body, { status, statusText, headers })
  }

  formData() {
    return this.#realOne().formData()
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async text(): Promise<string> {
    return new TextDecoder().decode(await this.arrayBuffer())
  }
}

const encoder = new TextEncoder()

/** The state of a response whose body was read. */
const usedResponse = new RealResponse('')
void usedResponse.text()

Object.setPrototypeOf(LightResponse.prototype, RealResponse.prototype)

/** Anything else creates a real response at once, which also throws for invalid values. */
function isLight(body: BodyInit, status: unknown, statusText: unknown): body is WholeBody | null {
  if (!Number.isInteger(status) || Number(status) < 200 || Number(status) > 599 || statusText !== '') return false
  if (body === null) return true
  const isComplete = typeof body === 'string' || (body instanceof Uint8Array && body.buffer instanceof ArrayBuffer)
  return isComplete && status !== 204 && status !== 205 && status !== 304
}
