/**
 * Marks in comments: `W12` and `S§9.3` are in `docs/protocol.md`, `K25` is in `docs/attacks.md`, both in the package `countersign`.
 *
 * @packageDocumentation
 */

export { createDiscovery, type Discovery, type DiscoveryOptions, type FoundKey } from '../discovery/discovery.js'
export type { DiscoveryLimits } from '../discovery/fetch-budget.js'
export type { DiscoveryFailure, Found } from '../discovery/fetch-document.js'
export type { NetworkOptions } from '../discovery/guarded-fetch.node.js'
export type { Delay } from '../discovery/lookup.js'
export {
  type CertificateFinder,
  createKeyRenewer,
  createKeyResolver,
  type FoundCertificate,
  type KeyRenewer,
  type KeyResolver,
  type KeyResolverOptions,
  type ResolvedKey,
  tokenKeys,
} from '../discovery/resolve-key.js'
export {
  type NonceClaim,
  type NonceOwner,
  type NonceSource,
  nonceSource,
  requireUnusedNonce,
  type VerifiedNonce,
} from '../httpsig/claim-nonce.js'
export { contentDigest, requireContentDigest } from '../httpsig/content-digest.js'
export { parseEitherSignatureKey } from '../httpsig/later-signature-key.js'
export {
  type NonceCounts,
  type NonceLimits,
  nonceRoom,
  type ReachedLimit,
  reachedLimit,
  requireNonceLimits,
  widerNetwork,
} from '../httpsig/nonce-limits.js'
export { receiveRequest } from '../httpsig/receive-request.js'
export { fieldValues } from '../httpsig/received-message.js'
export {
  type SignableMessage,
  type SignatureHeaders,
  type SignMessageOptions,
  type SignRequestOptions,
  signMessage,
  signRequest,
} from '../httpsig/sign-request.js'
export { serializeSignatureBase } from '../httpsig/signature-base.js'
export { parseSignature, parseSignatureInput, type SignatureInput } from '../httpsig/signature-input.js'
export {
  type ParsedSignatureKey,
  parseSignatureKey,
  type SignatureKey,
  serializeSignatureKey,
} from '../httpsig/signature-key.js'
export { januaryProfile, type SigningProfile } from '../httpsig/signing-profile.js'
export { requireTarget, type Target } from '../httpsig/target.js'
export {
  type BodyCoverage,
  type SigningKey,
  type VerifiedSignature,
  type VerifySignatureOptions,
  verifySignature,
} from '../httpsig/verify-signature.js'
export { algorithmNames } from '../lib/algorithms.js'
export { parseBase64, parseBase64url, serializeBase64, serializeBase64url } from '../lib/base64url.js'
export { errorReasons } from '../lib/error-reasons.js'
export { type AAuthErrorOptions, type ChallengeContext, errorCases } from '../lib/errors.js'
export { importVerificationKey, jwkThumbprint, type VerificationKey, verifyBytes } from '../lib/jwk.js'
export type { MaybePromise } from '../lib/maybe-promise.js'
export { nearestName } from '../lib/nearest-name.js'
export { networkOf } from '../lib/network-of.js'
export { parseJsonObject } from '../lib/parse-json.js'
export type { GeneratePrivateJwkOptions } from '../lib/signer.js'
export { type AgentSelection, isSelected, selectsAny } from '../protocol/agent-selection.js'
export { type Challenge, parseChallenge, serializeChallenge } from '../protocol/challenge.js'
export { type EndpointOrigins, endpointProblem } from '../protocol/endpoint-origins.js'
export { errorResponse } from '../protocol/error-response.js'
export { maxFormBytes, readForm, readParameters, requireParameter } from '../protocol/form.js'
export {
  type IdentifierOptions,
  identifierRepair,
  isIdentifier,
  isLoopbackIdentifier,
  requireIdentifier,
} from '../protocol/identifier.js'
export {
  type AgentMetadata,
  type IssuerMetadata,
  isFetchableUrl,
  type MetadataByKind,
  type MetadataKind,
  metadataUrl,
  parseMetadata,
  type ResourceMetadata,
} from '../protocol/metadata.js'
export { ownAnswerParameter, type RedirectKind, redirectKind } from '../protocol/redirect-uri.js'
export { parseScope } from '../protocol/scope.js'
export { type DecodedToken, decodeToken } from '../tokens/decode-token.js'
export type { IssueTokenOptions } from '../tokens/issue-token.js'
export { requestCode } from '../tokens/request-code.js'
export { requireOwnSigner } from '../tokens/require-own-signer.js'
export { type RevokedKind, revocationEntry, revocationListLimits } from '../tokens/revocation-entry.js'
export type {
  AgentTokenClaims,
  AuthTokenClaims,
  ClaimsByKind,
  ResourceTokenClaims,
  RevocationClaims,
  TokenKind,
} from '../tokens/token-table.js'
export { type VerifiedToken, type VerifyTokenOptions, verifyToken } from '../tokens/verify-token.js'
