import * as platform from '#crypto'
import { systemClock } from '../lib/clock.js'
import { utf8 } from '../lib/encodings.js'
import { publishedKeyProblem, requireSigner, type Signer } from '../lib/jwk.js'
import { isLoopbackIdentifier } from '../protocol/documents.js'
import type { RegisteredClaims, TokenType } from './verify-token.js'

export interface IssueTokenOptions {
  signer: Signer
  /** Unix seconds, rounded down. @default the system clock */
  now?: () => number
}

/** Signs a token. `iat` and `jti` are added if they are missing (W16). The claims are not checked; the caller is responsible for them. */
export async function issueToken<C extends RegisteredClaims>(
  type: TokenType<C>,
  claims: NoInfer<C>,
  { signer, now = systemClock }: IssueTokenOptions,
): Promise<string> {
  const header = { alg: type.jose.names[signer.algorithm][0], kid: signer.kid, typ: type.typ }
  const payload = Object.assign({}, claims, {
    exp: wholeSeconds(claims.exp),
    iat: wholeSeconds(claims.iat ?? now()),
    jti: claims.jti ?? platform.serializeBase64url(platform.randomBytes(16)),
  })
  const signingInput = `${encode(header)}.${encode(payload)}`
  return `${signingInput}.${platform.serializeBase64url(await signer.sign(signingInput))}`
}

// Some verifiers do not accept fractional times, and a token must already be valid when it is issued.
function wholeSeconds(time: number): number {
  return typeof time === 'number' ? Math.floor(time) : time
}

function encode(value: object): string {
  return platform.serializeBase64url(utf8(JSON.stringify(value)))
}

/**
 * Throws a TypeError with instructions if an option that must be an identifier's signer is not a signer, or if its key is printed in a
 * standard, so that anyone could sign as that identifier. Such keys are allowed on loopback.
 */
export function requireOwnSigner(option: string, signer: Signer, identifier: string): void {
  requireSigner(option, signer)
  const problem = isLoopbackIdentifier(identifier) ? undefined : publishedKeyProblem(signer.thumbprint)
  if (problem !== undefined) throw new TypeError(`the key of ${option} ${problem} with countersign agent keys generate`)
}

/** Crockford's base 32, which has no letters that look like digits. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/**
 * A request's code, shown both on the page that prompts the user and in the program that caused the request: the first twenty bits of the
 * SHA-256 hash of the request token, as four characters. It proves nothing; it only helps users to recognize their own request.
 */
export async function requestCode(requestToken: string): Promise<string> {
  const [first = 0, second = 0, third = 0] = await platform.sha256(utf8(requestToken))
  const bits = ((first << 16) | (second << 8) | third) >> 4
  return [15, 10, 5, 0].map((shift) => alphabet[(bits >> shift) & 31]).join('')
}

/** The confirmation key in a token's claims (RFC 7800 §3.2), unverified. Undefined if there is none. */
export function confirmationJwk({ cnf }: { cnf?: unknown }): object | undefined {
  const jwk = typeof cnf === 'object' && cnf !== null && 'jwk' in cnf ? cnf.jwk : undefined
  return typeof jwk === 'object' && jwk !== null ? jwk : undefined
}
