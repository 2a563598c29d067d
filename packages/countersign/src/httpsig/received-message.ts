import * as platform from '#crypto'
import { parseBase64 } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { readStream, withinLimit } from '../lib/read-stream.js'
import { splitDictionary } from './split-dictionary.js'

/**
 * A request as it arrived. `rawTarget` is the undecoded request target of the request line. `rawHeaders` alternates names and values, with
 * duplicates kept separate (Node's format).
 */
export interface ReceivedMessage {
  readonly method: string
  readonly rawTarget: string
  readonly rawHeaders: readonly string[]
  /**
   * The content as sent: after dechunking, before any decompression. May be called more than once.
   *
   * @param limit in bytes; a larger body rejects with `body_too_large`
   */
  body(limit: number): MaybePromise<Uint8Array>
  readonly remoteAddress?: string | undefined
  /**
   * Hides trailers from handlers, because no signature covers them. Called once the signature is verified.
   * @default the platform exposes no trailers
   */
  dropTrailers?(): void
  /** If present, it is used instead of `body`, which is not called. */
  readonly upload?: Upload | undefined
}

/**
 * Content that is received only after nothing else can refuse the request, and that need not fit into memory: a proxy stores it until it is
 * complete, then forwards it.
 */
export interface Upload {
  /** Whether the message head announces a body, even an empty one. */
  readonly isAnnounced: boolean
  /**
   * Receives the content. Also called if none is announced, because over HTTP/2 content need not be: content that arrives anyway is not
   * covered by the signature, so it must be refused.
   *
   * @param digests the expected digest by algorithm, as base64; undefined if the signature does not cover the body (W6)
   * @param signer the signer of the message; undefined if the message was not verified
   * @throws AAuthError `digest_mismatch`, `body_too_large`, `body_incomplete`
   */
  take(digests: ContentDigests | undefined, signer?: UploadSigner): Promise<void>
  /** The content, once received. @default the content is not in memory, and the verified request has an empty `body` */
  content?(): Uint8Array
}

/** What has been proven about a message's signer by the time its content is received. */
export interface UploadSigner {
  /** The agent's identifier. Undefined if only a key has been proven; anyone can create a key. */
  readonly agent?: string | undefined
  /** What a user has authorized the agent to do. */
  readonly authorization?: { readonly expired: boolean } | undefined
}

/** Digests by algorithm, as base64; at least one. */
export type ContentDigests = ReadonlyMap<'sha-256' | 'sha-512', string>

/** The error for a body whose original bytes are no longer available, so it cannot be verified. `remedy` is appended. */
export function readBefore(remedy = ''): AAuthError {
  return new AAuthError(
    'body_read_before',
    `The body was read before the signature was verified, but the digest covers the original bytes. Verify first, before any body parser${remedy}.`,
  )
}

/** All values of a field, in order, each without surrounding whitespace (RFC 9110 §5.5). `name` is lower case. */
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

/** The values of all wanted fields, by lower-case name. The header lines are read in one pass, regardless of the number of names. */
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

// Only spaces and tabs: `trim` would also remove other bytes, such as 0xA0, even if they are signed.
export function trimSpace(value: string): string {
  let start = 0
  let end = value.length
  while (isSpace(value.charCodeAt(start))) start++
  while (isSpace(value.charCodeAt(end - 1))) end--
  return value.slice(start, end)
}

function isSpace(charCode: number): boolean {
  return charCode === 0x20 || charCode === 0x09
}

/**
 * Whether a message claims to carry an AAuth signature: it has a signature field, and not only signatures tagged for another protocol (RFC
 * 9421 §2.3), such as those that Web Bot Auth adds to a crawler's requests. This verifies nothing. Where unsigned messages are allowed, a
 * message that makes no such claim may be accepted as unsigned.
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
  const members = splitDictionary(signatureInput) ?? []
  // Without the contents of strings, which could look like a parameter.
  const isTag = (member: string) => taggedInput.test(member.replaceAll(/"(?:[^"\\]|\\[\s\S])*"/g, '""'))
  return members.length > 0 && members.every(([, member]) => isTag(member))
}

/** Matches a list of components and parameters, one of which is a tag. */
const taggedInput = /^[^=;]+=\([^()]*\)(?=.*; *tag=""(?:;|$))(?:; *[a-z*][a-z0-9_.*-]*(?:=(?:""|[^";\s]+))?)*$/

const noBytes = new Uint8Array(0)

/** The property of a request that holds the bytes from which it was created. {@link receiveRequest} can read them at any time. */
export const receivedBytes = Symbol('received bytes')

/**
 * Reads a Web `Request` as a received message. It reads a clone, so the caller can still read the body of the request itself.
 *
 * A `Request` differs from what was sent if URL parsing changed it (`/x/../admin`) or header lines were joined. On Node, receive the
 * `IncomingMessage` instead.
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
  // Some platforms do not provide Host. The URL contains the server's host, which only selects one of the authorities.
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

/** The request target of an absolute URL: path and query, including an empty query (`?`). */
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
 * Recomputes every digest that uses a supported algorithm. At least one must be present, and all must match.
 *
 * @throws AAuthError `digest_malformed`, `digest_mismatch`
 */
export async function requireContentDigest(header: string, body: Uint8Array): Promise<void> {
  return requireDigests(parseContentDigest(header), body)
}

/** @throws AAuthError `digest_mismatch` if the content does not match every digest */
export async function requireDigests(expectedDigests: ContentDigests, body: Uint8Array): Promise<void> {
  for (const [algorithm, expected] of expectedDigests) {
    const actual = await digests[algorithm](body)
    if (expected !== platform.serializeBase64(actual)) throw digestMismatch(algorithm)
  }
}

/** The error for content that differs from what was signed. */
export function digestMismatch(algorithm: string): AAuthError {
  return new AAuthError('digest_mismatch', `The body does not match the ${algorithm} digest that the signature covers.`)
}

/**
 * The digests in a `Content-Digest` field, by supported algorithm.
 *
 * @throws AAuthError `digest_malformed`, also if the field has no digest with a supported algorithm
 */
export function parseContentDigest(header: string): ContentDigests {
  const known = new Map<'sha-256' | 'sha-512', string>()
  for (const [algorithm, expected] of parseDigests(header))
    if (algorithm === 'sha-256' || algorithm === 'sha-512') known.set(algorithm, expected)
  if (known.size === 0) throw new AAuthError('digest_malformed', 'Content-Digest has neither sha-256 nor sha-512.')
  return known
}

function* parseDigests(header: string): Generator<[string, string]> {
  // The common form. Its base64 is compared as text, so only the canonical encoding can match.
  const single = /^(sha-(?:256|512))=:([A-Za-z0-9+/]+={0,2}):$/.exec(header)
  if (single) {
    yield [single[1] as string, single[2] as string]
    return
  }
  if (header.length > maxLength) throw new AAuthError('digest_malformed', 'Content-Digest is longer than 4 KiB.')
  const members = splitDictionary(header)
  if (!members) throw new AAuthError('digest_malformed', 'Content-Digest is not a structured dictionary (RFC 9530).')
  // If a member occurs twice, some parsers keep the last one and others the first.
  if (new Map(members).size !== members.length)
    throw new AAuthError('digest_malformed', 'Content-Digest lists an algorithm twice.')
  for (const [algorithm, text] of members) {
    const [, digest] = digestMember.exec(text) ?? []
    if (digest === undefined)
      throw new AAuthError('digest_malformed', 'Content-Digest has a value that is not a byte sequence.')
    if (!parseBase64(digest))
      throw new AAuthError('digest_malformed', 'Content-Digest has a value that is not canonical base64.')
    yield [algorithm, digest]
  }
}

/** Matches a member: a byte sequence, and parameters, which have no meaning. */
const digestMember =
  /^[^=;]+=:([A-Za-z0-9+/=]*):(?:; *[a-z*][a-z0-9_.*-]*(?:=(?:"(?:[ !#-[\]-~]|\\["\\])*"|\?[01]|-?\d{1,12}(?:\.\d{1,3}|\d{0,3})|[A-Za-z*][!#$%&'*+\-.^_`|~:/\w]*|:[A-Za-z0-9+/=]*:))?(?=;|$))*$/
