import { verifyBytes } from '../lib/jwk.js'
import { asPlainText } from '../lib/refusal.js'
import { type DecodedToken, decodeToken, maxTokenLength } from '../tokens/verify-token.js'
import { DelegateRefusal } from './delegate-refusal.js'
import { type PlatformKey, type PlatformKeys, platformJose } from './platform-keys.js'

/** A platform's token (OpenID Connect Core §2). Its signature is not verified. */
export interface PlatformToken {
  issuer: string
  audience: string
  /** Its `sub`, as plain text for messages. */
  subject: string
  claims: Readonly<Record<string, unknown>>
  /** Unix seconds. */
  expiresAt: number
  alg: string
  kid: string
  signature: Uint8Array
  /** The text that the signature covers. */
  signingInput: string
}

/** Clock tolerance for `iat` and `nbf`, and the longest lifetime of a token, in seconds. */
const limits = { clockTolerance: 60, lifetime: 86_400 } as const

/**
 * The refusal of a token. The reason is sent to the workload, which can read its own token.
 *
 * @param cause for the operator; not sent to the workload
 */
export function refused(why: string, cause?: Error): DelegateRefusal {
  return new DelegateRefusal('workload_denied', `The platform token was rejected: ${why}.`, undefined, cause)
}

/** Members that would change how the token is read, or that choose a key. Keys come only from the issuer. */
const refusedMembers = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c'] as const

/**
 * Reads a platform's token, and checks everything that requires neither the configuration nor a key.
 *
 * @throws DelegateRefusal `workload_denied`
 */
export function readPlatformToken(compact: string, now: number): PlatformToken {
  const token = decodeToken(compact)
  if (!token)
    throw refused(
      `it is not a signed compact JWT of at most ${maxTokenLength} characters without duplicate JSON members`,
    )
  const { signature, signingInput } = token
  return { ...requireHeader(token), ...requireTimes(token, now), ...requireParties(token), signature, signingInput }
}

function requireHeader({ header }: DecodedToken): Pick<PlatformToken, 'alg' | 'kid'> {
  const { alg, typ, kid } = header
  if (typ !== undefined && !(typeof typ === 'string' && /^jwt$/i.test(typ))) throw refused('its typ is not JWT')
  const member = refusedMembers.find((name) => name in header)
  if (member !== undefined) throw refused(`its header contains ${member}`)
  const accepted = Object.values(platformJose.names).flat()
  if (typeof alg !== 'string' || !accepted.includes(alg)) throw refused(`its alg is none of ${accepted.join(', ')}`)
  if (typeof kid !== 'string' || kid === '' || kid.length > 256)
    throw refused('its header must have a kid of at most 256 characters')
  return { alg, kid }
}

function requireTimes({ payload }: DecodedToken, now: number): Pick<PlatformToken, 'expiresAt'> {
  const { exp, iat, nbf = 0 } = payload
  if (!isTime(exp) || !isTime(iat) || !isTime(nbf)) throw refused('its exp, its iat or its nbf is not a time')
  if (exp <= now) throw refused('it has expired')
  if (iat > now + limits.clockTolerance || nbf > now + limits.clockTolerance)
    throw refused('its iat or its nbf is in the future')
  if (exp - iat > limits.lifetime) throw refused(`its lifetime exceeds ${limits.lifetime} s`)
  return { expiresAt: exp }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function requireParties({ payload }: DecodedToken): Pick<PlatformToken, 'issuer' | 'audience' | 'subject' | 'claims'> {
  const { iss, sub, aud } = payload
  if (typeof iss !== 'string' || typeof sub !== 'string' || sub === '') throw refused('it has no iss or no sub')
  // Another recipient could present the token as well.
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud
  if (typeof audience !== 'string') throw refused('it does not have exactly one aud')
  return { issuer: iss, audience, subject: asPlainText(sub), claims: payload }
}

/**
 * Verifies the signature of a token with the issuer's key, or with a newer key of the same name.
 *
 * @throws DelegateRefusal `workload_denied`, `issuer_unavailable`
 */
export async function requirePlatformSignature(
  token: PlatformToken,
  findKey: PlatformKeys,
  remoteAddress: string | undefined,
): Promise<void> {
  const { key, renew } = await findKey(token.kid, remoteAddress)
  if (await isSignedBy(token, key)) return
  const renewed = await renew?.()
  if (!renewed || !(await isSignedBy(token, renewed)))
    throw refused('its signature was not made with a key of its issuer, or its alg does not match that key')
}

/** The key's type determines the algorithm: `alg` must only agree. */
async function isSignedBy({ alg, signature, signingInput }: PlatformToken, key: PlatformKey): Promise<boolean> {
  if (!platformJose.names[key.algorithm].includes(alg)) return false
  // The library's own RSA algorithm is RSA-PSS, which platforms do not use.
  if (key.algorithm !== 'rsa-pss-sha512') return verifyBytes(key, signature, signingInput)
  const { n = '', e = '' } = key.jwk
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const rsa = await crypto.subtle.importKey('jwk', { kty: 'RSA', n, e }, algorithm, false, ['verify'])
  return crypto.subtle.verify(algorithm, rsa, Uint8Array.from(signature), new TextEncoder().encode(signingInput))
}
