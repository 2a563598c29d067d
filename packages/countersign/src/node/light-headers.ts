import { inspect } from 'node:util'

const RealHeaders = globalThis.Headers

type HeadersInit = ConstructorParameters<typeof Headers>[0]

/** Names and values that `Headers` keeps as they are. Anything else is left to it, including every error. */
const plainName = /^[a-z][a-z0-9-]*$/
const plainValue = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/**
 * The `Headers` of a response, kept as plain fields for as long as nothing needs more: creating and listing real headers takes a tenth of
 * the time of a small response.
 */
export class LightHeaders implements Headers {
  /** The fields, unless they were moved to real headers. */
  #plain: Map<string, string> | undefined
  #real: Headers | undefined

  constructor(init?: HeadersInit) {
    this.#plain = plainFields(init)
    if (!this.#plain) this.#real = new RealHeaders(init)
  }

  /** The fields, each name once and in lower case, in no particular order; undefined if only iteration can tell them. */
  static plainOf(headers: Headers): ReadonlyMap<string, string> | undefined {
    return #plain in headers ? headers.#plain : undefined
  }

  #realOne(): Headers {
    this.#real ??= new RealHeaders([...(this.#plain ?? [])])
    this.#plain = undefined
    return this.#real
  }

  append(name: string, value: string): void {
    if (this.#plain?.has(name) === false && isPlain(name, value)) this.#plain.set(name, value)
    else this.#realOne().append(name, value)
  }

  delete(name: string): void {
    if (this.#plain && isPlainName(name)) this.#plain.delete(name)
    else this.#realOne().delete(name)
  }

  get(name: string): string | null {
    return this.#plain && isPlainName(name) ? (this.#plain.get(name) ?? null) : this.#realOne().get(name)
  }

  has(name: string): boolean {
    return this.#plain && isPlainName(name) ? this.#plain.has(name) : this.#realOne().has(name)
  }

  set(name: string, value: string): void {
    if (this.#plain && isPlain(name, value)) this.#plain.set(name, value)
    else this.#realOne().set(name, value)
  }

  getSetCookie(): string[] {
    return this.#realOne().getSetCookie()
  }

  forEach(...args: Parameters<Headers['forEach']>): void {
    this.#realOne().forEach(...args)
  }

  entries() {
    return this.#realOne().entries()
  }

  keys() {
    return this.#realOne().keys()
  }

  values() {
    return this.#realOne().values()
  }

  [Symbol.iterator]() {
    return this.#realOne()[Symbol.iterator]()
  }

  [inspect.custom](): Headers {
    return this.#realOne()
  }
}

// For `instanceof Headers`.
Object.setPrototypeOf(LightHeaders.prototype, RealHeaders.prototype)

function plainFields(init: HeadersInit): Map<string, string> | undefined {
  if (init === undefined) return new Map()
  if (init instanceof RealHeaders) {
    const fields = LightHeaders.plainOf(init)
    return fields && new Map(fields)
  }
  if (typeof init !== 'object' || init === null || Object.getPrototypeOf(init) !== Object.prototype) return undefined
  const fields = new Map<string, string>()
  for (const [name, value] of Object.entries(init)) {
    if (!isPlain(name, value)) return undefined
    fields.set(name, value)
  }
  return fields
}

function isPlainName(name: unknown): name is string {
  return typeof name === 'string' && plainName.test(name)
}

function isPlain(name: unknown, value: unknown): value is string {
  return isPlainName(name) && typeof value === 'string' && plainValue.test(value)
}
