/**
 * JSON Web Tokens of any type that an edition describes: issuing and verifying tokens, decoding a token without trusting it, and the names
 * of algorithms in keys and tokens.
 *
 * @packageDocumentation
 */

export { type JoseRules, publishedJwk, registeredNames } from '../lib/algorithms.js'
export { parseJsonObject } from '../lib/encodings.js'
export {
  confirmationJwk,
  type IssueTokenOptions,
  issueToken,
  requestCode,
  requireOwnSigner,
} from '../tokens/issue-token.js'
export type { ClaimKind, ClaimRule, RegisteredClaims, TokenType } from '../tokens/verify-token.js'
export {
  type DecodedToken,
  decodeToken,
  type IssuerKey,
  maxTokenLength,
  type VerifiedToken,
  type VerifyTokenOptions,
  verifyToken,
} from '../tokens/verify-token.js'
