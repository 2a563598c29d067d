import * as platform from '#crypto'
import { type Algorithm, algorithmNames } from '../lib/algorithms.js'
import { systemClock } from '../lib/clock.js'
import { parseBase64url } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import { type VerificationKey, verifyBytes } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import {
  type BodyCoverage,
  componentValues,
  hostAdvice,
  type MessageFields,
  readMessageFields,
  requireAuthority,
  requireCoverage,
  requireField,
  requireSignature,
} from './message-components.js'
import { type ClaimNonce, requireUnusedNonce, type VerifiedNonce } from './nonces.js'
import {
  fieldValues,
  parseContentDigest,
  type ReceivedMessage,
  requireContentDigest,
  type UploadSigner,
} from './received-message.js'
import { type SignatureInput, serializeSignatureBase } from './signature-input.js'
import { type KeyReference, requireTarget, type SigningProfile } from './signing-profile.js'

/** A key, and the agent that it proves, if any. */
export interface SigningKey extends UploadSigner {
  key: VerificationKey
}

/** A step of {@link verifySignature}, in execution order. */
export type SignatureStep =
  | 'target'
  | 'authority'
  | 'headers'
  | 'time'
  | 'nonce'
  | 'body'
  | 'coverage'
  | 'key'
  | 'algorithm'
  | 'signature'
  | 'digest'

export interface VerifySignatureOptions<R extends SigningKey> {
  /** The signing profile of the edition: `january.signing`. */
  profile: SigningProfile
  /**
   * Canonical authorities, such as `api.example` or `127.0.0.1:8002`; the only values `@authority` can have (S§10.3.1). `Host` only selects
   * one of them.
   */
  authorities: readonly [string, ...string[]]
  /**
   * Finds the key to which `Signature-Key` refers. Receives the address from which the request came, if known. Called after all local
   * checks; throws if the key does not exist.
   */
  resolveKey: (signatureKey: KeyReference, remoteAddress: string | undefined) => MaybePromise<R>
  /**
   * Looks up another key under the same name if the signature does not match the one that `resolveKey` found.
   * @default the request is refused
   */
  renewKey?: (signatureKey: KeyReference, resolved: R, remoteAddress: string | undefined) => Promise<R | undefined>
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** @default all algorithms that the library implements */
  algorithms?: readonly Algorithm[] | undefined
  /**
   * `if-covered` is for peers that leave bodies unsigned: it also accepts a body that the signature does not cover. Any party between the
   * peers can change such a body. A function decides by the key that `resolveKey` found. @default 'required'
   */
  body?: BodyCoverage | ((resolved: R) => BodyCoverage) | undefined
  /** Maximum size of a body, in bytes. @default 1 MiB */
  maxBody?: number | undefined
  /**
   * `required`: requests with a method other than GET, HEAD and OPTIONS must carry a nonce (S§10.5). `derived`: those without a nonce are
   * accepted once for each key, second, method and path. @default 'optional'
   */
  nonce?: 'optional' | 'required' | 'derived' | undefined
  /**
   * Stores nonces, so that each request is accepted only once: see {@link createMemoryNonces}. `later`: the result contains the `nonce`;
   * pass it to {@link requireUnusedNonce} after every other check. If you never claim it, copies of the request are accepted as long as its
   * signature is fresh.
   */
  claimNonce: ClaimNonce | 'later'
  /** Called when a step starts. If the request is refused, the last step that started is the one that failed. */
  onStep?: ((step: SignatureStep) => void) | undefined
}

/** A request with a verified signature. */
export interface VerifiedSignature<R extends SigningKey = SigningKey> {
  method: string
  authority: string
  path: string
  /** The query, including its `?`; undefined if the target has no query. */
  query: string | undefined
  covered: readonly string[]
  /** Unix seconds. */
  created: number
  signatureKey: KeyReference
  /** The key that `resolveKey` found. */
  resolved: R
  /** The content. The signature covers it, unless `body` is `if-covered` and the signature omits it. */
  body: Uint8Array
  /**
   * Receives the body of an upload, if `claimNonce` is `later`. Undefined if the body has already been read. Claim the nonce first, because
   * the body may take longer than nonces are stored. Do not use any part of the request until this resolves.
   *
   * @throws AAuthError as the upload's `take` does
   */
  takeUpload: (() => Promise<void>) | undefined
  /** The `Content-Digest` that the signature covers: empty if there is no body, undefined if the signature leaves the body out. */
  digest: string | undefined
  /** The nonce, if the request has one. It is already claimed, unless `claimNonce` is `later`. */
  nonce: VerifiedNonce | undefined
}

/**
 * Verifies the only signature of a request (RFC 9421 §3.2): local checks first, then the key, then the signature, then the digest and the
 * nonce. It does not check who the signer is or what the signer may do.
 *
 * @throws AAuthError with the `signature_*`, `component_*`, `digest_*`, `nonce_*`, `algorithm_*`, `target_*` and `body_*` codes,
 * `headers_too_large`, `header_duplicate`, `host_malformed`, and the errors of `resolveKey` and `claimNonce`
 */
export async function verifySignature<R extends SigningKey>(
  message: ReceivedMessage,
  options: VerifySignatureOptions<R>,
): Promise<VerifiedSignature<R>> {
  const { profile, now = systemClock, onStep } = options
  const fields = readMessageFields(message) //                                   headers_too_large
  onStep?.('target')
  const target = requireTarget(message.rawTarget) //                             target_ambiguous
  onStep?.('authority')
  const authority = requireAuthority(fields, options.authorities) //             host_malformed
  onStep?.('headers')
  const { input, signature, parsedKey } = requireSignature(fields, profile) //   signature_missing, signature_malformed, …
  onStep?.('time')
  requireFresh(input, profile, now()) //                                         signature_created_outside_window, signature_expired
  onStep?.('nonce')
  const nonce = requireNonce(message.method, input, fields, profile, options) // nonce_missing, nonce_malformed
  // No nonce contains a line feed.
  const isDerived = options.nonce === 'derived' && !isSafe(message.method)
  const once = nonce ?? (isDerived ? `${input.created}\n${message.method}\n${target.path}` : undefined)
  onStep?.('body')
  const { upload } = message
  const body = upload ? noContent : await message.body(options.maxBody ?? 1_048_576) // body_too_large
  // Nonces are stored for two windows: a copy whose body arrives after that would be accepted again.
  if (!upload) requireFresh(input, profile, now(), 1.5 * profile.window) //      signature_created_outside_window, signature_expired
  onStep?.('coverage')
  const hasBody = upload ? upload.isAnnounced : body.length > 0
  const present = { query: target.query !== undefined, body: hasBody, nonce: nonce !== undefined }
  const coverage = options.body ?? 'required'
  requireCoverage(input, profile, present, typeof coverage === 'function' ? 'if-covered' : coverage) // component_missing
  const values = componentValues(input.components, message, fields, target, authority) // component_unsupported, component_missing
  const base = serializeSignatureBase(input.components, values, input.parameters)
  onStep?.('key')
  let resolved = await options.resolveKey(parsedKey.key, message.remoteAddress) // key_unknown, key_invalid
  onStep?.('algorithm')
  requireAlgorithm(input, resolved.key, options.algorithms) //                   algorithm_unsupported, algorithm_mismatch
  if (typeof coverage === 'function') requireCoverage(input, profile, present, coverage(resolved))
  onStep?.('signature')
  if (!(await verifyBytes(resolved.key, signature, base))) {
    const renewed = await options.renewKey?.(parsedKey.key, resolved, message.remoteAddress)
    if (renewed) requireAlgorithm(input, renewed.key, options.algorithms)
    if (!renewed || !(await verifyBytes(renewed.key, signature, base))) {
      throw new AAuthError(
        'signature_mismatch',
        `Signature verification failed for ${message.method} ${target.path.slice(0, 99)}: compare the signature base.${hostAdvice(fields, authority)}`,
      )
    }
    resolved = renewed
  }
  onStep?.('digest')
  const coversBody = input.components.includes('content-digest')
  const hasDigest = coversBody || (body.length > 0 && fieldValues(message, 'content-digest').length > 0)
  const digest = hasDigest ? requireField(message, 'content-digest') : ''
  if (hasDigest && !(upload && hasBody)) await requireContentDigest(digest, body)
  const digests = upload && coversBody ? parseContentDigest(digest) : undefined
  const takeUpload = upload && (() => upload.take(digests, resolved))
  const { thumbprint } = resolved.key
  const freshFor = Math.ceil(Math.max(0, input.created + profile.window - now()))
  message.dropTrailers?.()
  const verifiedNonce =
    once === undefined
      ? undefined
      : { key: await nonceKey(authority, thumbprint, once), lifetime: freshFor + profile.window }
  if (options.claimNonce !== 'later') {
    const owner = { agent: resolved.agent, thumbprint, remoteAddress: message.remoteAddress }
    await requireUnusedNonce(options.claimNonce, verifiedNonce, owner) //        nonce_replayed
    await takeUpload?.()
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
    digest: hasBody && !coversBody ? undefined : digest,
    nonce: verifiedNonce,
  }
}

const noContent = new Uint8Array(0)

function requireFresh(input: SignatureInput, profile: SigningProfile, now: number, most = profile.window): void {
  const age = Math.round(now - input.created)
  if (Math.abs(now - input.created) > most) {
    throw new AAuthError(
      'signature_created_outside_window',
      `created is ${Math.abs(age)} s ${age < 0 ? 'ahead of' : 'behind'} this server’s clock; at most ${most} s are allowed.`,
      age < 0 ? { error: profile.aheadError } : {},
    )
  }
  if (input.expires !== undefined && input.expires <= now) {
    throw new AAuthError('signature_expired', 'The signature has expired.')
  }
}

function requireNonce(
  method: string,
  input: SignatureInput,
  fields: MessageFields,
  profile: SigningProfile,
  options: Pick<VerifySignatureOptions<SigningKey>, 'nonce'>,
): string | undefined {
  const { nonceBytes, hasNonceParameter } = profile
  const isRequired = options.nonce === 'required' && !isSafe(method)
  if (hasNonceParameter) return requireNonceParameter(input, isRequired)
  if (nonceBytes === undefined) return undefined
  const { nonce, repeated } = fields
  if (repeated.has('nonce')) throw new AAuthError('nonce_malformed', 'The request has two Nonce headers.')
  if (nonce === undefined) {
    if (isRequired) {
      throw new AAuthError('nonce_missing', `${method} requests to this server must have a Nonce header.`, {
        requiredInput: ['nonce'],
      })
    }
    return undefined
  }
  if (nonce.length > 256 || (parseBase64url(nonce)?.length ?? 0) < nonceBytes) {
    throw new AAuthError(
      'nonce_malformed',
      `Nonce must encode at least ${nonceBytes} bytes as base64url, in at most 256 characters.`,
    )
  }
  return nonce
}

function isSafe(method: string): boolean {
  return ['GET', 'HEAD', 'OPTIONS'].includes(method)
}

// Signers choose its form, so any is accepted.
function requireNonceParameter({ nonce }: SignatureInput, isRequired: boolean): string | undefined {
  if (nonce === undefined && isRequired)
    throw new AAuthError('nonce_missing', 'Sign this request with a nonce parameter.')
  if (nonce === '' || (nonce?.length ?? 0) > 256)
    throw new AAuthError('nonce_malformed', 'A nonce must have 1 to 256 characters.')
  return nonce
}

function nonceKey(authority: string, thumbprint: string, nonce: string): MaybePromise<string> {
  return platform.hashText(`${authority}\n${thumbprint}\n${nonce}`)
}

function requireAlgorithm(
  input: SignatureInput,
  key: VerificationKey,
  accepted: readonly Algorithm[] = algorithmNames,
): void {
  if (!accepted.includes(key.algorithm)) {
    throw new AAuthError('algorithm_unsupported', `This server does not accept ${key.algorithm} keys.`, {
      algorithms: accepted,
    })
  }
  if (input.algorithm !== undefined && input.algorithm !== key.algorithm) {
    throw new AAuthError('algorithm_mismatch', 'alg does not match the key’s algorithm.')
  }
}
