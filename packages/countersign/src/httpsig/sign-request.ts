import * as platform from '#crypto'
import { systemClock } from '../lib/clock.js'
import type { Signer } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { warnOnce } from '../lib/options.js'
import { contentDigest, targetOf } from './received-message.js'
import { serializeSignatureBase, serializeSignatureParameters } from './signature-input.js'
import { coverageOf, type KeyReference, type SigningForm } from './signing-profile.js'

/** The parts of a request that are signed. Field names are lower case. */
export interface SignableMessage {
  method: string
  /** The host, with the port if it is not the scheme's default. */
  authority: string
  path: string
  /** The query, including its `?`. */
  query?: string | undefined
  /** `content-type` and `content-digest` if the request has a body, `nonce` if one is sent. */
  fields?: Readonly<Record<string, string>>
  /** Other fields, for profiles that cover more. */
  headers?: Headers
}

export interface SignMessageOptions {
  signer: Signer
  /** The edition's signing profile: `january.signing`. */
  profile: SigningForm
  /** The reference with which the receiver finds the key. */
  signatureKey: KeyReference
  /** Unix seconds, rounded down. @default now */
  created?: number | undefined
  /** Encoding of `Signature`: RFC 8941 requires base64; `base64url` is for peers that accept nothing else (W2). @default 'base64' */
  encoding?: 'base64' | 'base64url' | undefined
}

/** The three headers that turn a request into a signed request. */
export interface SignatureHeaders {
  'signature-key': string
  'signature-input': string
  signature: string
}

const noFields: Readonly<Record<string, string>> = {}

/**
 * Signs the parts of a message that the profile covers (S§10.3). Returns three headers to add, and does not read the rest of the message.
 */
export function signMessage(message: SignableMessage, options: SignMessageOptions): MaybePromise<SignatureHeaders> {
  const { profile } = options
  const fields = message.fields ?? noFields
  const key = profile.serializeKey(profile.label, options.signatureKey)
  const components = coverageOf(profile, {
    query: message.query !== undefined,
    body: 'content-digest' in fields,
    nonce: 'nonce' in fields,
  })
  const parameters =
    serializeSignatureParameters(components, wholeSeconds(options.created ?? systemClock())) +
    (profile.createParameters?.() ?? '')
  const base = serializeSignatureBase(
    components,
    components.map((component) => valueFor(message, fields, key, component)),
    parameters,
  )
  const signature = options.signer.sign(base)
  const input = `${profile.label}=${parameters}`
  return signature instanceof Promise
    ? signature.then((bytes) => signatureHeaders(profile.label, key, input, bytes, options.encoding))
    : signatureHeaders(profile.label, key, input, signature, options.encoding)
}

function wholeSeconds(created: number): number {
  if (!(created >= 0 && created < 2 ** 53))
    throw new TypeError(`created must be a time in Unix seconds, not ${created}`)
  return Math.floor(created)
}

function signatureHeaders(
  label: string,
  key: string,
  input: string,
  bytes: Uint8Array,
  encoding: SignMessageOptions['encoding'],
): SignatureHeaders {
  const text = encoding === 'base64url' ? platform.serializeBase64url(bytes) : platform.serializeBase64(bytes)
  return { 'signature-key': key, 'signature-input': input, signature: `${label}=:${text}:` }
}

function valueFor(
  message: SignableMessage,
  fields: Readonly<Record<string, string>>,
  key: string,
  component: string,
): string {
  switch (component) {
    case '@method':
      return message.method
    case '@authority':
      return message.authority
    case '@path':
      return message.path
    case '@query':
      return message.query ?? '?'
    case 'signature-key':
      return key
    default: {
      const value = fields[component] ?? message.headers?.get(component)
      if (typeof value !== 'string')
        throw new TypeError(`the request has no ${component}, which the signature must cover`)
      return value
    }
  }
}

/** Size of the signature headers above which servers may refuse a request, in bytes (RFC 6585 §5). */
const largeHeaders = 8192

export interface SignRequestOptions extends SignMessageOptions {
  /**
   * `automatic` sends a `Nonce` with every method except GET, HEAD and OPTIONS (W9). `never` is for peers that reject the header.
   * @default 'automatic'
   */
  nonce?: 'automatic' | 'never' | undefined
  /** Headers to send. The signature covers those that the profile lists. @default none */
  fields?: Readonly<Record<string, string>> | undefined
  /**
   * How to treat an empty query, that is, a `?` with nothing after it. Node's `fetch` omits it on the wire, but other senders do not.
   * `drop` removes it from the URL, so that every sender sends what was signed. `keep` is for senders that keep it, such as curl.
   * @default 'drop'
   */
  emptyQuery?: 'drop' | 'keep'
}

/**
 * Returns a copy of the request with `Signature`, `Signature-Input` and `Signature-Key`, and with `Content-Digest` and `Nonce` if they
 * apply. Reads the whole body, because its digest is signed.
 *
 * @throws TypeError for a body without a `Content-Type`
 */
export async function signRequest(request: Request, options: SignRequestOptions): Promise<Request> {
  const headers = new Headers(request.headers)
  // Values set by the caller would be sent unsigned, or reused.
  headers.delete('nonce')
  headers.delete('content-digest')
  const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer())
  const fields: Record<string, string> = { ...options.fields }
  if (body && body.length > 0) {
    const contentType = headers.get('content-type')
    if (contentType === null) throw new TypeError('a request with a body needs a content-type: the signature covers it')
    fields['content-type'] = contentType
    fields['content-digest'] = await contentDigest(body)
  }
  const { nonceBytes } = options.profile
  if (nonceBytes !== undefined && options.nonce !== 'never' && !['GET', 'HEAD', 'OPTIONS'].includes(request.method)) {
    fields.nonce = platform.serializeBase64url(platform.randomBytes(Math.max(16, nonceBytes)))
  }
  const url = encodeCarets(options.emptyQuery === 'keep' ? request.url : dropEmptyQuery(request.url))
  const { host } = new URL(url)
  const target = targetOf(url)
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  const query = mark === -1 ? undefined : target.slice(mark)
  const message = { method: request.method, authority: host, path, query, fields, headers }
  const signed = await signMessage(message, options)
  let length = 0
  for (const [name, value] of Object.entries({ ...fields, ...signed })) {
    headers.set(name, value)
    length += name.length + value.length
  }
  if (length > largeHeaders) {
    warnOnce(`to ${host}`, 'a token of several KiB', 'many servers refuse more than 8 to 16 KiB of headers with 431')
  }
  return new Request(url, {
    method: request.method,
    headers,
    body: body && body.length > 0 ? body : null,
    redirect: request.redirect,
    signal: request.signal,
  })
}

function dropEmptyQuery(url: string): string {
  return url.replace(/^([^?#]*)\?(?=#|$)/, '$1')
}

// Some URL parsers encode carets in a path and others do not, and receivers reject a target that another parser would change.
function encodeCarets(url: string): string {
  return url.includes('^') ? url.replace(/^[^?#]*/, (start) => start.replaceAll('^', '%5E')) : url
}
