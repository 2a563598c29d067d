import { algorithmNames, algorithmTable } from '../lib/algorithms.js'
import { parseBase64url } from '../lib/base64url.js'
import { systemClock } from '../lib/clock.js'
import { AAuthError } from '../lib/errors.js'
import { type ImportKey, importVerificationKey, type VerificationKey, verifyBytes } from '../lib/jwk.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { type IdentifierOptions, identifierProblem, isIdentifier } from '../protocol/identifier.js'
import { type DecodedToken, decodeToken } from './decode-token.js'
import { type ClaimsByKind, type TokenKind, tokenTable } from './token-table.js'

/** Where there is a new one, for who holds the token. */
const renewals: Partial<Record<TokenKind, string>> = {
  'agent+jwt': ': get a new one from your agent server',
  'resource+jwt': ': ask the resource again',
}

export interface VerifyTokenOptions extends IdentifierOptions {
  /**
   * Finds the issuer's key. Called after every local check; throws what the caller wants a missing key to be.
   */
  findKey: (issuer: string, kid: string) => MaybePromise<VerificationKey>
  /** Looks for another key of the issuer under the same `kid`, where the token is not signed by `key`. @default none is looked for */
  renewKey?: (issuer: string, kid: string, key: VerificationKey) => Promise<VerificationKey | undefined>
  /** Imports the key in `cnf`. @default {@link importVerificationKey} */
  importKey?: ImportKey
  /** Who is asked to accept the token: must be in `aud`, as the same string. */
  audience: string
  /** Issuers that are accepted; others are refused before anything is fetched. Absent: any. */
  issuers?: readonly string[]
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** Returns an expired token marked as such, instead of throwing, when nothing else is wrong with it. @default false */
  allowExpired?: boolean
}

/** A token whose signature and claims were verified. */
export interface VerifiedToken<K extends TokenKind = TokenKind> {
  kind: K
  claims: ClaimsByKind[K]
  /** The key that `cnf.jwk` binds the token to; the caller checks that the request was signed with it. */
  confirmationKey: VerificationKey | undefined
  expired: boolean
}

const knownAlgorithms: ReadonlySet<string> = new Set(algorithmNames.flatMap((name) => algorithmTable[name].jose))

/** Seconds of tolerance for `iat` and `nbf`; `exp` has none (W16). */
const clockTolerance = 60

/**
 * Verifies a token (S§5.7, 6.5, 7.7) in the order of the spec, local checks before the key is looked for. It does not
 * check `agent`, `agent_jkt` or `scope` against the request: only the caller knows what they must be.
 *
 * @throws AAuthError the kind's `*_token_invalid` or `*_token_expired`, and whatever `findKey` throws
 */
export async function verifyToken<K extends TokenKind>(
  kind: K,
  compact: string,
  options: VerifyTokenOptions,
): Promise<VerifiedToken<K>> {
  return verifyDecodedToken(kind, decodeToken(compact), options)
}

/** {@link verifyToken} for a token taken apart; undefined is what could not be. */
export async function verifyDecodedToken<K extends TokenKind>(
  kind: K,
  token: DecodedToken | undefined,
  options: VerifyTokenOptions,
): Promise<VerifiedToken<K>> {
  const row = tokenTable[kind]
  const now = (options.now ?? systemClock)()
  const refuse = (why: string, cause?: unknown) =>
    new AAuthError(row.invalid, `The ${kind} is refused: ${why}.`, { cause })

  if (!token) throw refuse('it is not a signed compact JWT of at most 8 KiB, each member in its JSON once')
  const { header } = token
  if (header.typ !== kind) throw refuse(`its typ is not ${kind}`)
  if ('crit' in header || 'b64' in header) throw refuse('its header has extensions that are not understood')
  const { alg, kid } = header
  if (typeof kid !== 'string' || kid === '' || kid.length > 256)
    throw refuse('its header has no kid of at most 256 characters')
  if (typeof alg !== 'string' || !knownAlgorithms.has(alg)) throw refuse('its alg is not one that is used here')

  const { payload: claims } = token
  requireClaims(kind, claims, options, refuse)
  if (options.issuers && !options.issuers.includes(claims.iss)) throw refuse('its issuer is not trusted here')
  if (!includesAudience(claims.aud, options.audience, row.audience)) throw refuse('its aud is not this server')
  for (const claim of ['iat', 'nbf'] as const) {
    if ((claims[claim] ?? 0) > now + clockTolerance) throw refuse(`its ${claim} lies in the future`)
  }
  if (claims.exp > now + row.maxLifetime) throw refuse(`it lives longer than ${row.maxLifetime} s`)
  const expired = claims.exp <= now
  if (expired && !options.allowExpired)
    throw new AAuthError(row.expired, `The ${kind} has expired${renewals[kind] ?? ''}.`)

  const key = await options.findKey(claims.iss, kid)
  if (!algorithmTable[key.algorithm].jose.includes(alg)) throw refuse('its alg is not the one of the issuer’s key')
  const { signature, signingInput } = token
  if (!(await verifyBytes(key, signature, signingInput))) {
    const renewed = await options.renewKey?.(claims.iss, kid, key)
    const isAlike = renewed && algorithmTable[renewed.algorithm].jose.includes(alg)
    if (!isAlike || !(await verifyBytes(renewed, signature, signingInput)))
      throw refuse('its signature is not the issuer’s')
  }
  const { importKey = importVerificationKey } = options
  const confirmationKey = 'cnf' in row.required ? await importConfirmation(claims, importKey, refuse) : undefined
  return { kind, claims, confirmationKey, expired }
}

const listsOf = ({ required, optional }: (typeof tokenTable)[TokenKind]) => ({
  required: Object.entries(required),
  optional: Object.entries(optional),
})

/** The claims of each kind as lists, made once. */
const claimLists = {
  'agent+jwt': listsOf(tokenTable['agent+jwt']),
  'resource+jwt': listsOf(tokenTable['resource+jwt']),
  'auth+jwt': listsOf(tokenTable['auth+jwt']),
  'revocations+jwt': listsOf(tokenTable['revocations+jwt']),
} satisfies Record<TokenKind, unknown>

type Refuse = (why: string, cause?: unknown) => AAuthError

function requireClaims<K extends TokenKind>(
  kind: K,
  payload: object,
  options: IdentifierOptions,
  refuse: Refuse,
): asserts payload is ClaimsByKind[K] {
  const claims = payload as Readonly<Record<string, unknown>>
  const { required, optional } = claimLists[kind]
  for (const [claim, type] of required) {
    if (!Object.hasOwn(claims, claim)) throw refuse(`it has no ${claim}`)
    if (!claimTypes[type](claims[claim], options))
      throw refuse(`its ${claim} ${formProblem(type, claims[claim], options)}`)
  }
  for (const [claim, type] of optional) {
    if (Object.hasOwn(claims, claim) && !claimTypes[type](claims[claim], options))
      throw refuse(`its ${claim} ${formProblem(type, claims[claim], options)}`)
  }
  if (kind === 'resource+jwt' && Object.hasOwn(claims, 'scope') === Object.hasOwn(claims, 'auth_request_url')) {
    throw refuse('it must have either scope or auth_request_url')
  }
}

function formProblem(type: keyof typeof claimTypes, value: unknown, options: IdentifierOptions): string {
  return type === 'identifier' ? identifierProblem(value, options) : 'is not of the right form'
}

const claimTypes = {
  identifier: (value: unknown, options: IdentifierOptions) => isIdentifier(value, options),
  string: (value: unknown) => typeof value === 'string' && value !== '' && value.length <= 4096,
  seconds: isSeconds,
  // At most one of jwk, jwe and jku (RFC 7800 §3.1).
  confirmation: (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    'jwk' in value &&
    typeof value.jwk === 'object' &&
    value.jwk !== null &&
    !('jwe' in value || 'jku' in value),
  entries: (value: unknown) => Array.isArray(value) && value.every(isEntry),
  times: (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).every(([entry, time]) => isEntry(entry) && isSeconds(time)),
  thumbprint: (value: unknown) => typeof value === 'string' && parseBase64url(value)?.length === 32,
}

function isSeconds(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

/** Of a list of revocations. */
function isEntry(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 32
}

function includesAudience(aud: unknown, audience: string, presence: 'required' | 'optional'): boolean {
  if (aud === undefined) return presence === 'optional'
  if (!Array.isArray(aud)) return aud === audience
  return aud.length <= 64 && aud.every((one) => typeof one === 'string') && aud.includes(audience)
}

async function importConfirmation(claims: object, importKey: ImportKey, refuse: Refuse): Promise<VerificationKey> {
  const { jwk, jkt } = (claims as { cnf: { jwk: unknown; jkt?: unknown } }).cnf
  let key: VerificationKey
  try {
    key = await importKey(jwk)
  } catch (cause) {
    if (!(cause instanceof AAuthError)) throw cause
    throw refuse('its cnf.jwk is not a usable public key', cause)
  }
  if (jkt !== undefined && jkt !== key.thumbprint) throw refuse('its cnf names two keys')
  return key
}
