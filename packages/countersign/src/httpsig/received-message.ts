import { parseDictionary } from 'structured-headers'
import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { readStream, withinLimit } from '../lib/read-stream.js'

/**
 * A request as it arrived. `rawTarget` is the request target of the request line, undecoded; `rawHeaders` alternates
 * names and values, duplicates apart (Node's form).
 */
export interface ReceivedMessage {
  readonly method: string
  readonly rawTarget: string
  readonly rawHeaders: readonly string[]
  /**
   * The content as sent: after chunking is removed, before any decompression. May be called more than once.
   *
   * @param limit bytes; more rejects with `body_too_large`
   */
  body(limit: number): MaybePromise<Uint8Array>
  readonly remoteAddress?: string | undefined
  /**
   * Hides trailers from handlers: no signature covers them. Called once the signature verified.
   * @default the platform shows none
   */
  dropTrailers?(): void
  /** Where there is one, it is taken in place of `body`, which is not called. */
  readonly upload?: Upload | undefined
}

/**
 * Content that is taken in only when nothing else can refuse the request any more, and that need not fit into memory: a proxy
 * keeps it until it is whole, and sends it on.
 */
export interface Upload {
  /** Whether the head of the message announces content, be it empty. */
  readonly isAnnounced: boolean
  /**
   * Takes the content in.
   *
   * @param digests what it must have by each algorithm, as base64; undefined where the signature leaves it out (W6)
   * @param signer who signed the message; undefined if no one verified it
   * @throws AAuthError `digest_mismatch`, `body_too_large`, `body_incomplete`
   */
  take(digests: ContentDigests | undefined, signer?: UploadSigner): Promise<void>
  /** The content, once it was taken in. @default it is not in memory, and what is verified has an empty `body` */
  content?(): Uint8Array
}

/** What is proven of the signer of a message when its content is taken in. */
export interface UploadSigner {
  /** The agent's identifier; undefined if only a key is proven, which anyone can make. */
  readonly agent?: string | undefined
  /** What a user allowed the agent. */
  readonly authorization?: { readonly expired: boolean } | undefined
}

/** Digests by algorithm, as base64; at least one. */
export type ContentDigests = ReadonlyMap<'sha-256' | 'sha-512', string>

/** Why a body whose bytes are gone cannot be verified; `remedy` follows. */
export function readBefore(remedy = ''): AAuthError {
  return new AAuthError(
    'body_read_before',
    `The body was read before the signature was verified, and the digest is over the bytes as they were sent. Verify first, before any parser${remedy}.`,
  )
}

/** All values of a field, in order, each without the white space around it (RFC 9110 §5.5). `name` is lower case. */
export function fieldValues({ rawHeaders }: Pick<ReceivedMessage, 'rawHeaders'>, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i] as string
    if (candidate === name || (candidate.length === name.length && candidate.toLowerCase() === name)) {
      values.push(trimSpace(rawHeaders[i + 1] as string))
    }
  }
  return values
}

/** The values of all fields whose lower-case name is wanted, by that name: one pass over the header lines, for any number of names. */
export function fieldsByName(
  { rawHeaders }: Pick<ReceivedMessage, 'rawHeaders'>,
  isWanted: (name: string) => boolean,
): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (!isWanted(name)) continue
    const value = trimSpace(rawHeaders[i + 1] as string)
    const values = fields.get(name)
    if (values) values.push(value)
    else fields.set(name, [value])
  }
  return fields
}

// Only blanks and tabs: `trim` would also take bytes away that were signed or not, such as 0xA0.
export function trimSpace(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && isSpace(value.charCodeAt(start))) start++
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--
  return value.slice(start, end)
}

function isSpace(charCode: number): boolean {
  return charCode === 0x20 || charCode === 0x09
}

/**
 * Whether a message claims a signature of AAuth: it has a signature field, and not only signatures whose tag names another
 * protocol (RFC 9421 §2.3), such as the one that Web Bot Auth puts on every request of a crawler. Verifies nothing: a message
 * without a claim may pass as unsigned, if unsigned ones may.
 */
export function isSignedMessage(message: Pick<ReceivedMessage, 'rawHeaders'>): boolean {
  const inputs = fieldValues(message, 'signature-input')
  const isSigned =
    inputs.length > 0 ||
    fieldValues(message, 'signature').length > 0 ||
    fieldValues(message, 'signature-key').length > 0
  return isSigned && !isTagged(inputs.join(', '))
}

function isTagged(signatureInput: string): boolean {
  try {
    const members = [...parseDictionary(signatureInput).values()]
    return members.length > 0 && members.every(([, parameters]) => typeof parameters.get('tag') === 'string')
  } catch {
    return false
  }
}

const noBytes = new Uint8Array(0)

/** The member of a request with the bytes that it was made of: {@link receiveRequest} takes them at any time. */
export const receivedBytes = Symbol('received bytes')

/**
 * Reads a Web `Request` as a received message. The caller can still read the request's own body: a clone is read.
 *
 * A `Request` differs from the wire if URL parsing changed it (`/x/../admin`) or header lines were joined; on Node,
 * receive the `IncomingMessage` instead.
 */
export function receiveRequest(
  request: Request & { readonly [receivedBytes]?: Uint8Array },
  remoteAddress?: string,
): ReceivedMessage {
  const rawHeaders: string[] = []
  let host = false
  for (const [name, value] of request.headers) {
    rawHeaders.push(name, value)
    if (name === 'host') host = true
  }
  // Not every platform provides Host; the URL has the host of the server, which merely selects an authority.
  if (!host) rawHeaders.push('host', hostOf(request.url))
  let read: Promise<Uint8Array> | undefined
  return {
    method: request.method,
    rawTarget: targetOf(request.url),
    rawHeaders,
    remoteAddress,
    body: (limit) => {
      if (read) return withinLimit(read, limit)
      const content = request[receivedBytes]
      if (content) return withinLimit(Promise.resolve(content), limit)
      read = request.body === null ? Promise.resolve(noBytes) : readStream(requireUnread(request), limit)
      return read
    },
  }
}

/** The request target of an absolute URL: path and query, also an empty query (`?`). */
export function targetOf(url: string): string {
  const path = url.indexOf('/', url.indexOf('://') + 3)
  const fragment = url.indexOf('#', path)
  return fragment === -1 ? url.slice(path) : url.slice(path, fragment)
}

function hostOf(url: string): string {
  const start = url.indexOf('://') + 3
  return url.slice(start, url.indexOf('/', start))
}

function requireUnread(request: Request): ReadableStream<Uint8Array> {
  if (request.bodyUsed) throw readBefore()
  return request.clone().body as ReadableStream<Uint8Array>
}
