import type { JoseRules } from '../lib/algorithms.js'
import { systemClock } from '../lib/clock.js'
import { hasDuplicateMembers, parseBase64url, parseJsonObject, parseUtf8 } from '../lib/encodings.js'
import { AAuthError, type ErrorCode } from '../lib/errors.js'
import {
  type ImportKey,
  importVerificationKey,
  isAlgorithmName,
  type VerificationKey,
  verifyBytes,
} from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { type DocumentType, type IdentifierOptions, identifierProblem, isIdentifier } from '../protocol/documents.js'

/** Claims that every token must or may have (RFC 7519 §4.1). */
export interface RegisteredClaims {
  iss: string
  exp: number
  aud?: string | string[]
  iat?: number
  nbf?: number
  jti?: string
}

export type ClaimKind = 'identifier' | 'string' | 'seconds' | 'confirmation' | 'thumbprint' | 'entries' | 'times'

/** A claim, and the type of its value. */
export type ClaimRule = readonly [name: string, kind: ClaimKind]

/** A token type in an edition: everything that differs between token types. */
export interface TokenType<C extends RegisteredClaims = RegisteredClaims> {
  readonly typ: string
  readonly jose: JoseRules
  /** The document in which the issuer publishes its keys. */
  readonly issuerDocument: DocumentType
  /** Required claims. */
  readonly required: readonly ClaimRule[]
  /** Claims that are checked if present. */
  readonly optional: readonly ClaimRule[]
  /** What is wrong with claims of the right types; undefined if they are valid. */
  problem?(claims: C): string | undefined
  /** Whether a missing `aud` is rejected. */
  readonly audience: 'required' | 'optional'
  /** Maximum time from now until `exp`, in seconds (attacks T09). */
  readonly maxLifetime: number
  readonly invalid: ErrorCode
  readonly expired: ErrorCode
  /**
   * The edition's names for the errors, for an `iat` that is too far ahead of the receiver's clock, and for an unusable key in `cnf`.
   * @default it has none
   */
  readonly errors?: Readonly<Partial<Record<'invalid' | 'expired' | 'ahead' | 'key', string>>>
  /** How the holder of an expired token gets a new one. */
  readonly renewal?: string
}

export interface VerifyTokenOptions extends IdentifierOptions {
  /** Finds the issuer's key. Called after all local checks. If the key is missing, throws the error that the caller expects. */
  findKey: (issuer: string, kid: string) => MaybePromise<IssuerKey>
  /** Imports the key in `cnf`. @default {@link importVerificationKey} */
  importKey?: ImportKey
  /** The intended recipient of the token. `aud` must contain this exact string. */
  audience: string
  /** Accepted issuers. Tokens from any other issuer are rejected before anything is fetched. If absent, any issuer is accepted. */
  issuers?: readonly string[]
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** If nothing else is wrong with an expired token, returns it, marked as expired, instead of throwing. @default false */
  allowExpired?: boolean
}

/** A key of the issuer of a token. */
export interface IssuerKey {
  key: VerificationKey
  /** Looks up a newer key under the same `kid`. Called if the token is not signed by `key`. @default no newer key is looked up */
  renew?: () => Promise<VerificationKey | undefined>
}

/** A token with verified signature and claims. */
export interface VerifiedToken<C extends RegisteredClaims = RegisteredClaims> {
  type: TokenType<C>
  claims: C
  /** The key to which `cnf.jwk` binds the token. The caller checks that the request was signed with this key. */
  confirmationKey: VerificationKey | undefined
  expired: boolean
}

/** Clock tolerance for `iat` and `nbf`, in seconds. There is no tolerance for `exp` (W16). */
const clockTolerance = 60

/**
 * Verifies a token (S§5.7, 6.5, 7.7) in the order of the spec, with local checks before the key lookup. It does not check `agent`,
 * `agent_jkt` or `scope` against the request, because only the caller knows the expected values.
 *
 * @throws AAuthError the type's `*_token_invalid` or `*_token_expired`, and any error that `findKey` throws
 */
export async function verifyToken<C extends RegisteredClaims>(
  type: TokenType<C>,
  compact: string,
  options: VerifyTokenOptions,
): Promise<VerifiedToken<C>> {
  return verifyDecodedToken(type, decodeToken(compact), options)
}

/** {@link verifyToken} for a decoded token; undefined represents a string that could not be decoded. */
export async function verifyDecodedToken<C extends RegisteredClaims>(
  type: TokenType<C>,
  token: DecodedToken | undefined,
  options: VerifyTokenOptions,
): Promise<VerifiedToken<C>> {
  const { typ, jose, invalid, audience, maxLifetime } = type
  const now = (options.now ?? systemClock)()
  const refuse = (why: string, cause?: unknown, error = type.errors?.invalid) =>
    new AAuthError(invalid, `The ${typ} was rejected: ${why}.`, { cause, error })

  if (!token) throw refuse('it is too long, or not a signed compact JWT without duplicate JSON members')
  const { header } = token
  if (header.typ !== typ) throw refuse(`its typ is not ${typ}`)
  if ('crit' in header || 'b64' in header) throw refuse('its header has unsupported critical extensions')
  const { alg, kid } = header
  if (typeof kid !== 'string' || kid === '' || kid.length > 256)
    throw refuse('its header must have a kid of at most 256 characters')
  if (!isAlgorithmName(jose, alg)) throw refuse('its alg is not supported')

  const { payload: claims } = token
  requireClaims(type, claims, options, refuse)
  if (options.issuers && !options.issuers.includes(claims.iss)) throw refuse('its issuer is not accepted')
  if (!includesAudience(claims.aud, options.audience, audience)) throw refuse('its aud does not include the recipient')
  for (const claim of ['iat', 'nbf'] as const) {
    if ((claims[claim] ?? 0) > now + clockTolerance)
      throw refuse(`its ${claim} is in the future`, undefined, type.errors?.ahead)
  }
  if (claims.exp > now + maxLifetime) throw refuse(`its lifetime exceeds ${maxLifetime} s`)
  const expired = claims.exp <= now
  if (expired && !options.allowExpired) {
    const hint = type.renewal === undefined ? '' : `: ${type.renewal}`
    throw new AAuthError(type.expired, `The ${typ} has expired${hint}.`, { error: type.errors?.expired })
  }

  const { key, renew } = await options.findKey(claims.iss, kid)
  if (!jose.names[key.algorithm].includes(alg)) throw refuse('its alg does not match the issuer’s key')
  const { signature, signingInput } = token
  if (!(await verifyBytes(key, signature, signingInput))) {
    const renewed = await renew?.()
    const isAlike = renewed && jose.names[renewed.algorithm].includes(alg)
    if (!isAlike || !(await verifyBytes(renewed, signature, signingInput)))
      throw refuse('its signature was not made with the issuer’s key')
  }
  const { importKey = importVerificationKey } = options
  const isBound = type.required.some(([, kind]) => kind === 'confirmation')
  const confirmationKey = isBound
    ? await importConfirmation(claims, (jwk) => importKey(jwk, jose), refuse, type.errors?.key)
    : undefined
  return { type, claims, confirmationKey, expired }
}

type Refuse = (why: string, cause?: unknown, error?: string) => AAuthError

function requireClaims<C extends RegisteredClaims>(
  type: TokenType<C>,
  payload: object,
  options: IdentifierOptions,
  refuse: Refuse,
): asserts payload is C {
  const claims = payload as Readonly<Record<string, unknown>>
  for (const [claim, kind] of type.required) {
    if (!Object.hasOwn(claims, claim)) throw refuse(`it has no ${claim}`)
    if (!claimKinds[kind](claims[claim], options))
      throw refuse(`its ${claim} ${formProblem(kind, claims[claim], options)}`)
  }
  for (const [claim, kind] of type.optional) {
    if (Object.hasOwn(claims, claim) && !claimKinds[kind](claims[claim], options))
      throw refuse(`its ${claim} ${formProblem(kind, claims[claim], options)}`)
  }
  const problem = type.problem?.(payload as C)
  if (problem !== undefined) throw refuse(problem)
}

function formProblem(kind: ClaimKind, value: unknown, options: IdentifierOptions): string {
  return kind === 'identifier' ? identifierProblem(value, options) : 'has an invalid value'
}

const claimKinds: Readonly<Record<ClaimKind, (value: unknown, options: IdentifierOptions) => boolean>> = {
  identifier: (value, options) => isIdentifier(value, options),
  string: (value) => typeof value === 'string' && value !== '' && value.length <= 4096,
  seconds: isSeconds,
  // The claim has at most one of jwk, jwe and jku (RFC 7800 §3.1).
  confirmation: (value) =>
    typeof value === 'object' &&
    value !== null &&
    'jwk' in value &&
    typeof value.jwk === 'object' &&
    value.jwk !== null &&
    !('jwe' in value || 'jku' in value),
  entries: (value) => Array.isArray(value) && value.every(isEntry),
  times: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(([entry, time]) => isEntry(entry) && isSeconds(time)),
  thumbprint: (value) => typeof value === 'string' && parseBase64url(value)?.length === 32,
}

function isSeconds(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

/** Whether a value is an entry of a revocation list. */
function isEntry(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 32
}

function includesAudience(aud: unknown, audience: string, presence: 'required' | 'optional'): boolean {
  if (aud === undefined) return presence === 'optional'
  if (!Array.isArray(aud)) return aud === audience
  return aud.length <= 64 && aud.every((one) => typeof one === 'string') && aud.includes(audience)
}

async function importConfirmation(
  claims: object,
  importKey: (jwk: unknown) => Promise<VerificationKey>,
  refuse: Refuse,
  error: string | undefined,
): Promise<VerificationKey> {
  const { jwk, jkt } = (claims as { cnf: { jwk: unknown; jkt?: unknown } }).cnf
  let key: VerificationKey
  try {
    key = await importKey(jwk)
  } catch (cause) {
    if (!(cause instanceof AAuthError) || cause.code === 'algorithm_unsupported') throw cause
    throw refuse('its cnf.jwk is not a usable public key', cause, error)
  }
  if (jkt !== undefined && jkt !== key.thumbprint) throw refuse('its cnf names two keys')
  return key
}

/** The parts of a compact JWS (RFC 7515 §3.1). Nothing about them is verified. */
export interface DecodedToken {
  header: Readonly<Record<string, unknown>>
  payload: Readonly<Record<string, unknown>>
  signature: Uint8Array
  /** The text that the signature covers. */
  signingInput: string
}

/** Maximum length of a token, in characters. This is enough for every token that is sent in a header. */
export const maxTokenLength = 8192

/**
 * Decodes a compact token without verifying anything. Undefined if the text is not a token, or is too long. JSON with duplicate members is
 * not accepted (RFC 7515 §4, RFC 7519 §4).
 *
 * @param maxLength in characters
 * @param parseHeader parses the header. Most tokens of an issuer have the same one.
 */
export function decodeToken(
  compact: string,
  maxLength = maxTokenLength,
  parseHeader = parseObject,
): DecodedToken | undefined {
  if (compact.length > maxLength) return undefined
  const firstDot = compact.indexOf('.')
  const secondDot = compact.indexOf('.', firstDot + 1)
  if (secondDot === -1) return undefined
  const header = parseHeader(compact.slice(0, firstDot))
  const payload = parseObject(compact.slice(firstDot + 1, secondDot))
  const signature = parseBase64url(compact.slice(secondDot + 1))
  if (!header || !payload || !signature || signature.length === 0) return undefined
  return { header, payload, signature, signingInput: compact.slice(0, secondDot) }
}

/** The JSON object in a part of a token. Undefined if there is none, or if it has duplicate members. */
export function parseObject(part: string): Record<string, unknown> | undefined {
  const bytes = parseBase64url(part)
  const text = bytes && parseUtf8(bytes)
  const value = text ? parseJsonObject(text) : undefined
  return value && text && !hasDuplicateMembers(text, value) ? value : undefined
}
