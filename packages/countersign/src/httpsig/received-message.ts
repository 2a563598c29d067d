import { parseDictionary } from 'structured-headers'
import * as platform from '#crypto'
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

const maxLength = 4096

const digests: Readonly<Record<'sha-256' | 'sha-512', (body: Uint8Array) => MaybePromise<Uint8Array>>> = {
  'sha-256': platform.sha256,
  'sha-512': platform.sha512,
}

/** The `Content-Digest` value for a body (RFC 9530), with SHA-256. */
export async function contentDigest(body: Uint8Array): Promise<string> {
  return `sha-256=:${platform.serializeBase64(await platform.sha256(body))}:`
}

/**
 * Recomputes every digest of an algorithm we know; at least one must be there, and all must match.
 *
 * @throws AAuthError `digest_malformed`, `digest_mismatch`
 */
export async function requireContentDigest(header: string, body: Uint8Array): Promise<void> {
  return requireDigests(parseContentDigest(header), body)
}

/** @throws AAuthError `digest_mismatch` for content that does not have all of them */
export async function requireDigests(expectedDigests: ContentDigests, body: Uint8Array): Promise<void> {
  for (const [algorithm, expected] of expectedDigests) {
    const actual = await digests[algorithm](body)
    if (expected !== platform.serializeBase64(actual)) throw digestMismatch(algorithm)
  }
}

/** Content that is not what was signed. */
export function digestMismatch(algorithm: string): AAuthError {
  return new AAuthError('digest_mismatch', `The body does not have the ${algorithm} digest that the signature covers.`)
}

/**
 * The digests of a `Content-Digest` field by the algorithms that are known here.
 *
 * @throws AAuthError `digest_malformed`, also where there is none
 */
export function parseContentDigest(header: string): ContentDigests {
  const known = new Map<'sha-256' | 'sha-512', string>()
  for (const [algorithm, expected] of parseDigests(header))
    if (algorithm === 'sha-256' || algorithm === 'sha-512') known.set(algorithm, expected)
  if (known.size === 0) throw new AAuthError('digest_malformed', 'Content-Digest has neither sha-256 nor sha-512.')
  return known
}

function* parseDigests(header: string): Generator<[string, string]> {
  // The common form, so that the base64 in it is compared as text and can only be canonical.
  const single = /^(sha-(?:256|512))=:([A-Za-z0-9+/]+={0,2}):$/.exec(header)
  if (single) {
    yield [single[1] as string, single[2] as string]
    return
  }
  if (header.length > maxLength) throw new AAuthError('digest_malformed', 'Content-Digest is longer than 4 KiB.')
  let members: ReturnType<typeof parseDictionary>
  try {
    members = parseDictionary(header)
  } catch (cause) {
    throw new AAuthError('digest_malformed', 'Content-Digest is not a structured dictionary (RFC 9530).', { cause })
  }
  // The parser keeps the last of two, other parsers the first; a comma in a string is no separator.
  if (header.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').split(',').length !== members.size)
    throw new AAuthError('digest_malformed', 'Content-Digest has an algorithm twice.')
  for (const [algorithm, [value]] of members) {
    if (!(value instanceof ArrayBuffer))
      throw new AAuthError('digest_malformed', 'Content-Digest has a value that is not bytes.')
    const digest = platform.serializeBase64(new Uint8Array(value))
    // Other spellings of the same bytes, which the parser passes over, are refused as in the common form.
    if (!header.includes(`:${digest}:`))
      throw new AAuthError('digest_malformed', 'Content-Digest has bytes that are not canonical base64.')
    yield [algorithm, digest]
  }
}
