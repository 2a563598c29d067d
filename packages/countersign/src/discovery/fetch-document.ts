import { parseJson, parseUtf8 } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import { readStream } from '../lib/read-stream.js'

/**
 * The part of `fetch` that discovery needs; `globalThis.fetch` is suitable. On a network failure, it rejects with a `TypeError` as the
 * Fetch standard requires; with an `AbortError`, `TimeoutError` or `NetworkError`; or with an error that has a `code`, as on Node.js. Any
 * other error is treated as a bug in the function and is rethrown.
 */
export type FetchDocument = (
  url: string,
  init?: { signal?: AbortSignal; redirect?: 'manual'; headers?: { accept: string } },
) => Promise<Response>

export interface FetchDocumentOptions {
  fetch: FetchDocument
  /** Maximum body size, in bytes. */
  maxBytes: number
  /** Timeout of the whole response, in milliseconds. */
  timeout: number
  /** Media types, in the format of the `Accept` header. @default JSON */
  accept?: string
}

/** Why a fetch returned nothing usable. */
export interface FetchRefusal {
  refusal: string
  cause?: unknown
  unreachable: boolean
}

export type FetchedBytes = { bytes: Uint8Array; maxAge: number | undefined } | FetchRefusal

type FetchedText = { text: string; maxAge: number | undefined } | FetchRefusal

/** `size` is the length of the text. */
export type FetchedDocument = { document: unknown; maxAge: number | undefined; size: number } | FetchRefusal

/** Why a document or key was not found. The caller maps this to an error. */
export interface DiscoveryFailure {
  /**
   * `unreachable`: the origin did not respond, and no usable copy is cached, or the copy of an auth server’s keys lacks the key; `refused`:
   * the response is not acceptable; `unknown_kid`: no key with this `kid` is published; `unusable`: the key with this `kid` may not be used,
   * and the message says what to do; `busy`: a limit on fetches or lookups is reached.
   */
  reason: 'unreachable' | 'refused' | 'unknown_kid' | 'unusable' | 'busy'
  message: string
  cause?: unknown
  /** With `refused`: whether the document does not contain its own identifier, or contains another. */
  self?: 'missing' | 'mismatch' | undefined
  /** With `busy`: how long to wait before retrying, in seconds. */
  retryAfter?: number
}

/** The result of a lookup, or why it failed. */
export type Found<T> = { found: T } | { failure: DiscoveryFailure }

/** Fetches a JSON document, like {@link fetchText}. */
export async function fetchDocument(url: string, options: FetchDocumentOptions): Promise<FetchedDocument> {
  const fetched = await fetchText(url, options)
  if ('refusal' in fetched) return fetched
  const document = parseJson(fetched.text)
  return document === undefined
    ? { refusal: `${url} is not JSON`, unreachable: false }
    : { document, maxAge: fetched.maxAge, size: fetched.text.length }
}

/** Fetches text, like {@link fetchBytes}. */
export async function fetchText(url: string, options: FetchDocumentOptions): Promise<FetchedText> {
  const fetched = await fetchBytes(url, options)
  if ('refusal' in fetched) return fetched
  const text = parseUtf8(fetched.bytes)
  return text === undefined ? { refusal: `${url} is not UTF-8`, unreachable: false } : { text, maxAge: fetched.maxAge }
}

/**
 * Fetches an untrusted URL, or returns the reason for the refusal. No redirect is followed, a body of more than `maxBytes` is refused, and
 * the whole fetch takes at most `timeout`. Which addresses it may connect to is up to `fetch`: see `createGuardedFetch`. Rejects with
 * errors that are not network failures, such as a bug in `fetch`.
 *
 * @example
 * ```ts
 * const fetched = await fetchBytes('https://agent.example/logo.png', { fetch: createGuardedFetch(), maxBytes: 262_144, timeout: 2500 })
 * if ('refusal' in fetched) console.log(fetched.refusal)
 * ```
 */
export async function fetchBytes(url: string, options: FetchDocumentOptions): Promise<FetchedBytes> {
  const abort = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<FetchRefusal>((resolve) => {
    timer = setTimeout(() => {
      const cause = new DOMException(`no response within ${options.timeout} ms`, 'TimeoutError')
      resolve(unreachable(url, cause))
      abort.abort(cause)
    }, options.timeout)
  })
  try {
    return await Promise.race([late, request(url, options, abort.signal)])
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
}

async function request(
  url: string,
  { fetch, maxBytes, accept = 'application/json' }: FetchDocumentOptions,
  signal: AbortSignal,
): Promise<FetchedBytes> {
  const response = await overNetwork(url, fetch(url, { signal, redirect: 'manual', headers: { accept } }))
  if ('refusal' in response) return response
  if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
    return { refusal: `${url} redirects, but redirects are not followed`, unreachable: false }
  }
  if (response.status >= 500) return { refusal: `${url} returned ${response.status}`, unreachable: true }
  if (response.status !== 200) return { refusal: `${url} returned ${response.status}`, unreachable: false }
  const encoding = response.headers.get('content-encoding')
  if (encoding !== null && encoding.toLowerCase() !== 'identity')
    return { refusal: `${url} is compressed (${encoding})`, unreachable: false }
  if (response.body === null) return { refusal: `${url} is empty`, unreachable: false }
  const bytes = await overNetwork(url, readWithin(url, response.body, maxBytes))
  return 'refusal' in bytes ? bytes : { bytes, maxAge: freshnessOf(response.headers) }
}

async function readWithin(
  url: string,
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array | FetchRefusal> {
  try {
    return await readStream(body, maxBytes)
  } catch (cause) {
    if (!(cause instanceof AAuthError)) throw cause
    return { refusal: `${url} is larger than ${maxBytes} bytes`, cause, unreachable: false }
  }
}

async function overNetwork<T>(url: string, work: Promise<T>): Promise<T | FetchRefusal> {
  try {
    return await work
  } catch (cause) {
    if (!isNetworkFailure(cause)) throw cause
    return unreachable(url, cause)
  }
}

function unreachable(url: string, cause: unknown): FetchRefusal {
  return { refusal: `${url} could not be fetched`, cause, unreachable: true }
}

function isNetworkFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  // Node.js uses these codes for invalid arguments, and all other codes for network failures.
  if ('code' in error && typeof error.code === 'string') return !error.code.startsWith('ERR_INVALID_')
  return error instanceof TypeError || ['AbortError', 'TimeoutError', 'NetworkError'].includes(error.name)
}

/** A network failure with a `code`, which every network failure on Node.js has. */
export function networkFailure(code: 'EREFUSED' | 'ECONNABORTED' | 'EPROXY', message: string): Error {
  return Object.assign(new TypeError(message), { code })
}

/** The refusal to connect to a host because it has an address that is neither public nor allowed. */
export class AddressRefused extends TypeError {
  readonly code = 'EREFUSED'
  readonly host: string
  readonly port: number
  readonly address: string
  /** Whether an entry in `allowNetworks` could allow the address: not if it is loopback, link-local, multicast, unspecified or metadata. */
  readonly allowable: boolean

  constructor(at: { host: string; port: number; address: string; allowable: boolean }) {
    const { host, port, address, allowable } = at
    const remedy = allowable ? 'if intended, allow it with allowNetworks' : 'such an address cannot be allowed'
    super(`refused: the address is not public: ${host} is at ${address}; ${remedy}`)
    this.name = 'AddressRefused'
    this.host = host
    this.port = port
    this.address = address
    this.allowable = allowable
  }
}

/** Limits on fetches. Times are in seconds unless the name says otherwise. */
export const fetchLimits = {
  timeoutMilliseconds: 2500,
  metadataBytes: 16_384,
  jwksBytes: 65_536,
  /** Per JWKS. */
  keys: 100,
  /** Cache sizes. */
  cachedDocuments: 10_000,
  /** For documents with more characters than `largeDocument`. */
  cachedLargeDocuments: 500,
  largeDocument: 4096,
  failures: 4096,
  minAge: 60,
  defaultAge: 300,
  /**
   * Upper bound on the freshness lifetime that an origin declares. This bound ensures that a leaked key is no longer accepted anywhere ten
   * minutes after its removal (W32).
   */
  maxAge: 600,
  /** How long stale documents are used for requests while their origin is down, in seconds. Nothing new is started with a stale key. */
  staleAge: 3600,
  reportedAge: 86_400,
  refetchInterval: 60,
} as const

/** How long a document or key set is cached after it was fetched, in seconds, given the freshness that its origin declares (W32). */
export function cacheSeconds(freshness: number | undefined): number {
  return Math.min(Math.max(freshness ?? fetchLimits.defaultAge, fetchLimits.minAge), fetchLimits.maxAge)
}

/** The longest time for which any party caches a document after its origin has changed it, in seconds (W32). */
export function maxCacheSeconds(headers: Headers): number {
  return cacheSeconds(lifetimeOf(headers))
}

/** How long a response remains fresh, in seconds (RFC 9111 §4.2, for a private cache); undefined if the response does not specify it. */
function freshnessOf(headers: Headers): number | undefined {
  const lifetime = lifetimeOf(headers)
  return lifetime === undefined ? undefined : Math.max(0, lifetime - ageOf(headers))
}

function lifetimeOf(headers: Headers): number | undefined {
  const control = headers.get('cache-control') ?? ''
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/i.test(control)) return 0
  const seconds = /(?:^|[\s,])max-age="?(\d{1,10})"?/i.exec(control)?.[1]
  if (seconds !== undefined) return Number(seconds)
  const expires = headers.get('expires')
  if (expires === null) return undefined
  const [from, until] = [Date.parse(headers.get('date') ?? ''), Date.parse(expires)]
  // An Expires that is not a date, such as 0, means already expired (RFC 9111 §5.3).
  return Number.isNaN(until) || Number.isNaN(from) ? 0 : Math.max(0, (until - from) / 1000)
}

/** The time that the response has already spent in caches, in seconds. */
function ageOf(headers: Headers): number {
  const age = headers.get('age') ?? ''
  return /^\d{1,10}$/.test(age) ? Number(age) : 0
}
