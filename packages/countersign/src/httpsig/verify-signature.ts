import * as platform from '#crypto'
import { type Algorithm, algorithmNames } from '../lib/algorithms.js'
import { parseBase64url, serializeBase64url, utf8 } from '../lib/base64url.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { type VerificationKey, verifyBytes } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { parseContentDigest, requireContentDigest } from './content-digest.js'
import { type MessageField, type MessageFields, readMessageFields } from './message-fields.js'
import { type ClaimNonce, requireUnusedNonce, type VerifiedNonce } from './nonces.js'
import { fieldValues, type ReceivedMessage, type UploadSigner } from './received-message.js'
import { parseSignature, parseSignatureInput, type SignatureInput, serializeSignatureBase } from './signature-input.js'
import { coverageOf, type KeyReference, type ParsedKeyReference, type SigningProfile } from './signing-profile.js'
import { plainHost, requireTarget, type Target } from './target.js'

/** Whether a signature must cover the body, or may leave it out. */
export type BodyCoverage = 'required' | 'if-covered'

/** A key, and the agent it speaks for, where it proves one. */
export interface SigningKey extends UploadSigner {
  key: VerificationKey
}

export interface VerifySignatureOptions<R extends SigningKey> {
  /** How the edition signs: `january.signing`. */
  profile: SigningProfile
  /**
   * Canonical authorities, such as `api.example` or `127.0.0.1:8002`; the only values `@authority` can have
   * (S§10.3.1). `Host` merely chooses among them.
   */
  authorities: readonly [string, ...string[]]
  /**
   * Finds the key that `Signature-Key` points to, for a request from an address, where that is known. Called after every
   * local check; throws when there is none.
   */
  resolveKey: (signatureKey: KeyReference, remoteAddress: string | undefined) => MaybePromise<R>
  /**
   * Looks for another key under the same name, where the signature is not by the one that `resolveKey` found.
   * @default none is looked for
   */
  renewKey?: (signatureKey: KeyReference, resolved: R, remoteAddress: string | undefined) => Promise<R | undefined>
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** @default all that the library knows */
  algorithms?: readonly Algorithm[] | undefined
  /**
   * `if-covered` accepts a body that the signature does not cover: anyone on the way may change it. For peers that
   * leave bodies unsigned; a function decides by what `resolveKey` found. @default 'required'
   */
  body?: BodyCoverage | ((resolved: R) => BodyCoverage) | undefined
  /** Largest body in bytes. @default 1 MiB */
  maxBody?: number | undefined
  /** `required`: requests with a method other than GET, HEAD and OPTIONS must carry a `Nonce` (S§10.5). @default 'optional' */
  nonce?: 'optional' | 'required' | undefined
  /**
   * Remembers nonces, so that a request works once: see {@link createMemoryNonces}. `later`: what is returned has the
   * `nonce`, for {@link requireUnusedNonce} once nothing else can refuse the request. Who never claims it accepts copies
   * of a request for as long as its signature is fresh.
   */
  claimNonce: ClaimNonce | 'later'
}

/** A request whose signature verified. No value of this type exists otherwise. */
export interface VerifiedSignature<R extends SigningKey = SigningKey> {
  method: string
  authority: string
  path: string
  /** With its `?`; undefined when the target has none. */
  query: string | undefined
  covered: readonly string[]
  /** Unix seconds. */
  created: number
  signatureKey: KeyReference
  /** What `resolveKey` found. */
  resolved: R
  /** The content, equal to what was signed unless `body` is `if-covered` and the signature leaves it out. */
  body: Uint8Array
  /**
   * There where the content is still to be taken in, which was not done unless `claimNonce` is given: call it before the nonce is
   * claimed, and use nothing of the request before it resolved.
   *
   * @throws AAuthError of `take` of the upload
   */
  takeUpload: (() => Promise<void>) | undefined
  /** There where the request has one; claimed already unless `claimNonce` is `later`. */
  nonce: VerifiedNonce | undefined
}

/**
 * Verifies the one signature of a request (RFC 9421 §3.2): local checks first, then the key, then the signature,
 * then the digest and the nonce. It does not judge who the signer is, nor what they may do.
 *
 * @throws AAuthError with the `signature_*`, `component_*`, `digest_*`, `nonce_*`, `algorithm_*` and `target_*` codes,
 * and whatever `resolveKey` throws
 */
export async function verifySignature<R extends SigningKey>(
  message: ReceivedMessage,
  options: VerifySignatureOptions<R>,
): Promise<VerifiedSignature<R>> {
  const { profile } = options
  requireFewHeaders(message) //                                                  headers_too_large
  const target = requireTarget(message.rawTarget) //                             target_ambiguous
  const fields = readMessageFields(message)
  const authority = requireAuthority(fields, options.authorities) //             host_malformed
  const { input, signature, parsedKey } = requireHeaders(fields, profile) //     signature_missing, signature_malformed, …
  requireFresh(input, profile, (options.now ?? systemClock)()) //                signature_created_outside_window, signature_expired
  const nonce = requireNonce(message.method, fields, profile, options) //        nonce_missing, nonce_malformed
  const { upload } = message
  const body = upload ? noContent : await message.body(options.maxBody ?? 1_048_576) // body_too_large
  const hasBody = upload ? upload.isAnnounced : body.length > 0
  const present = { query: target.query !== undefined, body: hasBody, nonce: nonce !== undefined }
  const coverage = options.body ?? 'required'
  requireCoverage(input, profile, present, typeof coverage === 'function' ? 'if-covered' : coverage) // component_missing
  const values: string[] = []
  for (const component of input.components) values.push(componentValue(component, message, fields, target, authority))
  const base = serializeSignatureBase(input.components, values, input.parameters)
  let resolved = await options.resolveKey(parsedKey.key, message.remoteAddress) // key_unknown, key_invalid
  requireAlgorithm(input, resolved.key, options.algorithms) //                   algorithm_unsupported, algorithm_mismatch
  if (typeof coverage === 'function') requireCoverage(input, profile, present, coverage(resolved))
  if (!(await verifyBytes(resolved.key, signature, base))) {
    const renewed = await options.renewKey?.(parsedKey.key, resolved, message.remoteAddress)
    if (renewed) requireAlgorithm(input, renewed.key, options.algorithms)
    if (!renewed || !(await verifyBytes(renewed.key, signature, base))) {
      throw new AAuthError(
        'signature_mismatch',
        `The signature is not the key’s over ${message.method} ${target.path.slice(0, 99)}: compare the signature base.${isForeign(fields, authority) ? otherHost : ''}`,
      )
    }
    resolved = renewed
  }
  const coversBody = input.components.includes('content-digest')
  const [digest] = body.length > 0 ? fieldValues(message, 'content-digest') : []
  if (!upload && (digest !== undefined || coversBody)) {
    await requireContentDigest(requireField(message, 'content-digest'), body)
  }
  const digests = upload && coversBody ? parseContentDigest(requireField(message, 'content-digest')) : undefined
  const takeUpload = upload?.isAnnounced ? () => upload.take(digests, resolved) : undefined
  const { thumbprint } = resolved.key
  const freshFor = Math.ceil(Math.max(0, input.created + profile.window - (options.now ?? systemClock)()))
  message.dropTrailers?.()
  const verifiedNonce =
    nonce === undefined
      ? undefined
      : { key: await nonceKey(authority, thumbprint, nonce), lifetime: freshFor + profile.window }
  if (options.claimNonce !== 'later') {
    await takeUpload?.()
    const owner = { agent: resolved.agent, thumbprint, remoteAddress: message.remoteAddress }
    await requireUnusedNonce(options.claimNonce, verifiedNonce, owner) //        nonce_replayed
  }
  return {
    method: message.method,
    authority,
    path: target.path,
    query: target.query,
    covered: input.components,
    created: input.created,
    signatureKey: parsedKey.key,
    resolved,
    body,
    takeUpload,
    nonce: verifiedNonce,
  }
}

const noContent = new Uint8Array(0)

/** Node drops header lines beyond 2,000 without a word: a second signature or `Host` could hide behind them. */
const maxHeaderLines = 1000

function requireFewHeaders({ rawHeaders }: ReceivedMessage): void {
  if (rawHeaders.length > 2 * maxHeaderLines)
    throw new AAuthError('headers_too_large', `The request has more than ${maxHeaderLines} header lines.`)
}

function requireHeaders(
  fields: MessageFields,
  { parseKey }: SigningProfile,
): {
  input: SignatureInput
  signature: Uint8Array
  parsedKey: ParsedKeyReference
} {
  const parsedKey = parseKey(requireSignatureField(fields, 'signature-key'))
  const input = parseSignatureInput(requireSignatureField(fields, 'signature-input'))
  if (input.tag !== undefined)
    throw new AAuthError(
      'signature_missing',
      'The signature has a tag, so it is for another protocol: sign without a tag.',
    )
  const { label, signature } = parseSignature(requireSignatureField(fields, 'signature'))
  if (label !== parsedKey.label || label !== input.label) {
    throw new AAuthError(
      'signature_label_mismatch',
      'Signature, Signature-Input and Signature-Key do not carry the same label.',
    )
  }
  return { input, signature, parsedKey }
}

function requireSignatureField(fields: MessageFields, name: MessageField): string {
  const value = fields[name]
  if (value === undefined)
    throw new AAuthError('signature_missing', `The request has no ${name} header: it must be signed (RFC 9421).`)
  if (fields.repeated.includes(name))
    throw new AAuthError('signature_malformed', `The request has the ${name} header twice.`)
  return value
}

function requireAuthority({ host, repeated }: MessageFields, authorities: readonly [string, ...string[]]): string {
  if (repeated.includes('host'))
    throw new AAuthError(
      'header_duplicate',
      'The request names two hosts: send one Host, or :authority and no other Host.',
    )
  if (host === undefined || authorities.includes(host)) return host ?? authorities[0]
  const asked = host.toLowerCase()
  if (authorities.includes(asked)) return asked
  if (!isHostField(host)) throw new AAuthError('host_malformed', 'The Host header is not a host and perhaps a port.')
  const plain = plainHost(asked)
  return authorities.includes(plain) ? plain : authorities[0]
}

const otherHost =
  ' Its @authority is the host in the identifier of this server, and the request went to another Host: use the one in ' +
  'the identifier, where localhost and its address are two.'

/** Whether the request was sent to another host than the one it is verified with. */
function isForeign({ host }: MessageFields, authority: string): boolean {
  if (host === undefined) return false
  return host.toLowerCase() !== authority && plainHost(host) !== authority
}

// RFC 9110 §7.2, RFC 3986 §3.2.2. A server must refuse any other, for example two that were joined (RFC 9112 §3.2).
function isHostField(host: string): boolean {
  return host.length <= 1024 && /^(?:\[[0-9A-Fa-fv:.]+\]|[\w\-.~!$&'()*+,;=%]*)(?::\d*)?$/.test(host)
}

function requireFresh(input: SignatureInput, profile: SigningProfile, now: number): void {
  const age = Math.round(now - input.created)
  if (Math.abs(now - input.created) > profile.window) {
    throw new AAuthError(
      'signature_created_outside_window',
      `created is ${Math.abs(age)} s ${age < 0 ? 'ahead' : 'ago'} by this clock; ${profile.window} s are allowed.`,
    )
  }
  if (input.expires !== undefined && input.expires <= now) {
    throw new AAuthError('signature_expired', 'The signature has expired.')
  }
}

function requireNonce(
  method: string,
  { nonce, repeated }: MessageFields,
  profile: SigningProfile,
  options: { nonce?: 'optional' | 'required' | undefined },
): string | undefined {
  const { nonceBytes } = profile
  if (nonceBytes === undefined) return undefined
  if (repeated.includes('nonce')) throw new AAuthError('nonce_malformed', 'The request has two Nonce headers.')
  if (nonce === undefined) {
    if (options.nonce === 'required' && !['GET', 'HEAD', 'OPTIONS'].includes(method)) {
      throw new AAuthError('nonce_missing', `A ${method} request needs a Nonce here.`, {
        requiredInput: ['nonce'],
      })
    }
    return undefined
  }
  if (nonce.length > 256 || (parseBase64url(nonce)?.length ?? 0) < nonceBytes) {
    throw new AAuthError('nonce_malformed', `Nonce is not base64url of at least ${nonceBytes} bytes.`)
  }
  return nonce
}

async function nonceKey(authority: string, thumbprint: string, nonce: string): Promise<string> {
  return serializeBase64url(await platform.sha256(utf8(`${authority}\n${thumbprint}\n${nonce}`)))
}

function requireCoverage(
  input: SignatureInput,
  profile: SigningProfile,
  present: { query: boolean; body: boolean; nonce: boolean },
  body: BodyCoverage,
): void {
  const expected = coverageOf(profile, present)
  if (expected.length === input.components.length && expected.every((name, at) => name === input.components[at])) return
  const missing: string[] = []
  for (const { name, when } of profile.components) {
    const covered = input.components.includes(name)
    if (when === 'always' || present[when]) {
      if (!covered && !(when === 'body' && body === 'if-covered')) missing.push(name)
    } else if (covered) {
      throw new AAuthError('component_forbidden', `${name} is covered, but the request has no ${when}.`)
    }
  }
  if (missing.length > 0) {
    throw new AAuthError('component_missing', `The signature does not cover ${missing.join(', ')}.`, {
      requiredInput: missing,
    })
  }
}

function componentValue(
  component: string,
  message: ReceivedMessage,
  fields: MessageFields,
  target: Target,
  authority: string,
): string {
  switch (component) {
    case '@method':
      return message.method
    case '@authority':
      return authority
    case '@path':
      return target.path
    case '@query':
      return target.query ?? '?'
    // Parsed, and so printable ASCII and there once.
    case 'signature-key':
      return fields['signature-key'] ?? requireField(message, component)
    default:
      return requireField(message, component)
  }
}

function requireField(message: ReceivedMessage, name: string): string {
  if (name.startsWith('@'))
    throw new AAuthError(
      'component_unsupported',
      `The component ${name} is not used here: cover @method, @authority, @path, @query and fields.`,
    )
  const values = fieldValues(message, name)
  if (values.length === 0)
    throw new AAuthError('component_missing', `The signature covers ${name}, which the request does not have.`)
  const value = values.join(', ')
  // A base is ASCII (RFC 9421 §2.5), and a line feed in a value would be a line of the base.
  if (!/^[\t\x20-\x7e]*$/.test(value))
    throw new AAuthError('component_unsupported', `The value of ${name} is not printable ASCII.`)
  return value
}

function requireAlgorithm(
  input: SignatureInput,
  key: VerificationKey,
  accepted: readonly Algorithm[] = algorithmNames,
): void {
  if (!accepted.includes(key.algorithm)) {
    throw new AAuthError('algorithm_unsupported', `Keys for ${key.algorithm} are not accepted here.`, {
      algorithms: accepted,
    })
  }
  if (input.algorithm !== undefined && input.algorithm !== key.algorithm) {
    throw new AAuthError('algorithm_mismatch', 'alg names another algorithm than the key’s.')
  }
}
