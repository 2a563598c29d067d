import * as platform from '#crypto'
import { utf8 } from '../lib/base64url.js'
import { systemClock } from '../lib/clock.js'
import type { Signer } from '../lib/signer.js'
import type { RegisteredClaims, TokenType } from './token-type.js'

export interface IssueTokenOptions {
  signer: Signer
  /** Unix seconds; a fraction is dropped. @default the system clock */
  now?: () => number
}

/**
 * Signs a token. `iat` and `jti` are added where the claims have none (W16). The claims are
 * the caller's responsibility: nothing is checked here.
 */
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

// Not every verifier takes times with a fraction, and a token must not begin after it was made.
function wholeSeconds(time: number): number {
  return typeof time === 'number' ? Math.floor(time) : time
}

function encode(value: object): string {
  return platform.serializeBase64url(utf8(JSON.stringify(value)))
}
