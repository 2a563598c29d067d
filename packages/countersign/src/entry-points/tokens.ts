/**
 * JSON Web Tokens of any type that an edition describes: issuing and verifying them, reading one without trusting it, and the
 * names of algorithms in keys and tokens.
 *
 * Marks in comments: `W12` and `S§9.3` are in `docs/protocol.md`, `K25` is in `docs/attacks.md`, both in the package `countersign`.
 *
 * @packageDocumentation
 */

export { type JoseRules, publishedJwk, registeredNames } from '../lib/algorithms.js'
export { parseJsonObject } from '../lib/json.js'
export { confirmationJwk } from '../tokens/confirmation-jwk.js'
export { type DecodedToken, decodeToken, maxTokenLength } from '../tokens/decode-token.js'
export { type IssueTokenOptions, issueToken } from '../tokens/issue-token.js'
export { requestCode } from '../tokens/request-code.js'
export { requireOwnSigner } from '../tokens/require-own-signer.js'
export type { ClaimKind, ClaimRule, RegisteredClaims, TokenType } from '../tokens/token-type.js'
export { type IssuerKey, type VerifiedToken, type VerifyTokenOptions, verifyToken } from '../tokens/verify-token.js'
