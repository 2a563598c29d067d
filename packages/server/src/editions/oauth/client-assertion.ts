import { constants, createPublicKey, verify } from 'node:crypto'
import { AAuthError } from 'countersign'
import { importVerificationKey, type VerificationKey, verifyBytes } from 'countersign/signatures'
import { type DecodedToken, decodeToken, type JoseRules } from 'countersign/tokens'
import { oauthError } from './refusals.js'

/** Lengths in characters, times in seconds. */
const limits = {
  kid: 256,
  /** Maximum time until an assertion expires. Some clients use all of it, so the clock tolerance is added. */
  lifetime: 300,
  clockTolerance: 5,
  /** How many keys may be tried for an assertion without a `kid`. */
  keysTried: 8,
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** An assertion with valid claims. Its signature is not verified. */
export interface Assertion {
  token: DecodedToken
  algorithm: AssertionAlgorithm
  kid: string | undefined
  clientId: string
  jti: string
  expiresAt: number
}

/** The server for which an assertion must be intended. */
export interface AssertionAudience {
  /** The issuer, exactly as in the server's metadata. */
  issuer: string
  /** The URL of the token endpoint, which is also accepted as the audience of an assertion. */
  tokenEndpoint: string
  /** Unix seconds. */
  now: () => number
}

/**
 * Reads the assertion in a form, and checks everything about it that can be checked without the client's document (RFC 7523 §3). Undefined
 * if the form has none. Does not check the signature, or whether the assertion was used before.
 *
 * @throws AAuthError `invalid_client`, from `oauthError`
 */
export function readAssertion(form: ReadonlyMap<string, string>, server: AssertionAudience): Assertion | undefined {
  const [type, compact] = [form.get('client_assertion_type'), form.get('client_assertion')]
  if (type === undefined && compact === undefined) return undefined
  if (type !== assertionType) throw oauthError('invalid_client', `client_assertion_type must be ${assertionType}.`)
  if (compact === undefined) throw oauthError('invalid_client', 'The parameter client_assertion is missing.')
  const token = decodeToken(compact)
  if (!token) throw refused('it is not a signed compact JWT of at most 8 KiB without duplicate JSON members')
  return { token, ...requireHeader(token), ...requireClaims(token, server, form.get('client_id')) }
}

/** The `typ` of an assertion, if it has one (RFC 7519 §5.1, draft-ietf-oauth-rfc7523bis). A token of any other type has another purpose. */
const assertionTyp = /^(?:application\/)?(?:jwt|client-authentication\+jwt)$/i

/** Members that would change how the token is read, or that choose a key. Keys come only from the client's document. */
const refusedMembers = ['crit', 'b64', 'jwk', 'jku', 'x5u']

function requireHeader({ header }: DecodedToken): Pick<Assertion, 'algorithm' | 'kid'> {
  const { alg, typ, kid } = header
  if (typ !== undefined && !(typeof typ === 'string' && assertionTyp.test(typ)))
    throw refused('its typ is neither JWT nor client-authentication+jwt')
  const member = refusedMembers.find((name) => name in header)
  if (member !== undefined) throw refused(`its header contains ${member}`)
  if (kid !== undefined && !(typeof kid === 'string' && kid !== '' && kid.length <= limits.kid))
    throw refused(`its kid is not a string of at most ${limits.kid} characters`)
  const algorithm = algorithms.find(({ name }) => name === alg)
  if (!algorithm) throw refused(`its alg is none of ${assertionAlgorithms.join(', ')}`)
  return { algorithm, kid }
}

function requireClaims(
  { payload }: DecodedToken,
  { issuer, tokenEndpoint, now }: AssertionAudience,
  sentId: string | undefined,
): Pick<Assertion, 'clientId' | 'jti' | 'expiresAt'> {
  const { iss, sub, aud, exp, jti } = payload
  const at = now()
  if (typeof sub !== 'string' || sub === '') throw refused('its sub is not a client_id')
  if (iss !== sub) throw refused('its iss is not its sub')
  if (sentId !== undefined && sentId !== sub) throw refused('its sub is not the client_id of the form')
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud
  if (audience !== issuer && audience !== tokenEndpoint) throw refused(`its aud is not exactly ${issuer}`)
  if (!isTime(exp)) throw refused('its exp is not a time')
  if (exp <= at) throw refused('it has expired')
  if (exp > at + limits.lifetime + limits.clockTolerance)
    throw refused(`its exp is more than ${limits.lifetime} s in the future`)
  for (const claim of ['nbf', 'iat'] as const) {
    const time = payload[claim]
    if (time === undefined) continue
    if (!isTime(time)) throw refused(`its ${claim} is not a time`)
    if (time > at + limits.clockTolerance) throw refused(`its ${claim} is in the future`)
  }
  if (typeof jti !== 'string' || jti === '') throw refused('it has no jti')
  return { clientId: sub, jti, expiresAt: exp }
}

function isTime(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) >= 0
}

/** The keys of a client. Each key is validated before it is used. */
export interface ClientKeySet {
  keys: readonly object[]
  /**
   * Looks up a newer set. Called if none of `keys` signed the assertion, so limit how often it fetches: anyone can send such assertions.
   * @default no newer set is looked up
   */
  renew?: (() => Promise<readonly object[] | undefined>) | undefined
}

/**
 * Returns the key that signed the assertion.
 *
 * @throws AAuthError `invalid_client`, from `oauthError`
 */
export async function requireSignature(assertion: Assertion, { keys, renew }: ClientKeySet): Promise<VerificationKey> {
  const known = await findSigningKey(assertion, keys)
  const newer = 'key' in known ? undefined : await renew?.()
  const found = newer ? await findSigningKey(assertion, newer) : known
  if ('problem' in found) throw refused(found.problem)
  return found.key
}

/** An algorithm for assertions (RFC 7518 §3.1, RFC 8037 §3.1), and the keys that may be used with it. */
interface AssertionAlgorithm {
  name: string
  kty: string
  crv?: string
  verify: (key: VerificationKey, signature: Uint8Array, data: string) => boolean | Promise<boolean>
}

const algorithms: readonly AssertionAlgorithm[] = [
  { name: 'RS256', kty: 'RSA', verify: rsaVerifier({ padding: constants.RSA_PKCS1_PADDING }) },
  { name: 'PS256', kty: 'RSA', verify: rsaVerifier({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }) },
  { name: 'ES256', kty: 'EC', crv: 'P-256', verify: verifyBytes },
  { name: 'EdDSA', kty: 'OKP', crv: 'Ed25519', verify: verifyBytes },
]

/** The names of the algorithms with which clients may sign assertions, in the order of the metadata. */
export const assertionAlgorithms: readonly string[] = algorithms.map(({ name }) => name)

/** The accepted `alg` of a client's key. The library's own RSA algorithm is not among them, so RSA signatures are verified here. */
const keyRules: JoseRules = {
  names: { ed25519: ['EdDSA'], 'ecdsa-p256-sha256': ['ES256'], 'rsa-pss-sha512': ['RS256', 'PS256'] },
  algRequired: false,
}

function rsaVerifier(parameters: { padding: number; saltLength?: number }): AssertionAlgorithm['verify'] {
  return ({ jwk }, signature, data) => {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    return verify('sha256', Buffer.from(data), { key, ...parameters }, signature)
  }
}

/**
 * Finds the key that signed an assertion. The algorithm must be one for the key's type, and the key's `alg` if it has one. Not every
 * client sends a `kid`; without it, each key of the type is tried.
 */
async function findSigningKey(
  { token, algorithm, kid }: Assertion,
  keys: readonly object[],
): Promise<{ key: VerificationKey } | { problem: string }> {
  const candidates = keys.filter((jwk) => isFor(algorithm, jwk) && (kid === undefined || memberOf(jwk, 'kid') === kid))
  if (candidates.length === 0) {
    return { problem: `the client publishes no key for ${algorithm.name}${kid === undefined ? '' : ' with its kid'}` }
  }
  if (kid !== undefined && candidates.length > 1) return { problem: 'its kid is the name of two keys' }
  if (candidates.length > limits.keysTried)
    return { problem: `it has no kid, and the client publishes too many keys for ${algorithm.name}` }
  let problem = 'its signature was not made with a key of the client'
  for (const jwk of candidates) {
    try {
      const key = await importVerificationKey(jwk, keyRules)
      if (await algorithm.verify(key, token.signature, token.signingInput)) return { key }
    } catch (error) {
      if (!(error instanceof AAuthError)) throw error
      problem = `a key of the client cannot be used: ${error.message}`
    }
  }
  return { problem }
}

function isFor({ name, kty, crv }: AssertionAlgorithm, jwk: object): boolean {
  const alg = memberOf(jwk, 'alg')
  return memberOf(jwk, 'kty') === kty && memberOf(jwk, 'crv') === crv && (alg === undefined || alg === name)
}

function memberOf(jwk: object, member: string): unknown {
  return (jwk as Readonly<Record<string, unknown>>)[member]
}

/** The refusal of an assertion. */
export function refused(why: string): AAuthError {
  return oauthError('invalid_client', `The client_assertion was rejected: ${why}.`)
}
