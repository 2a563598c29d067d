/**
 * Marks in comments: `W12` and `S§9.3` are in `docs/protocol.md`, `K25` is in `docs/attacks.md`, both in the package `countersign`.
 *
 * @packageDocumentation
 */

export { createDiscovery, type GuardedDiscoveryOptions } from '../discovery/create-discovery.js'
export type { Discovery } from '../discovery/discovery.js'
export type { DiscoveryOptions } from '../discovery/document-sources.js'
export type { DiscoveryLimits } from '../discovery/fetch-budget.js'
export type { DiscoveryFailure, Found } from '../discovery/fetch-document.js'
export { fetchLimits, longestKept } from '../discovery/fetch-document.js'
export type { CertificateFinder, FoundCertificate } from '../discovery/found-certificate.js'
export type { FoundKey } from '../discovery/jwks.js'
export type { Delay } from '../discovery/lookup-queue.js'
export type { NetworkOptions } from '../discovery/network-options.js'
export { tokenKeys } from '../discovery/token-keys.js'
export type {
  AgentProtocol,
  AgentTools,
  CallbackMatch,
  ConsentEnd,
  Credential,
  HeldToken,
  KeptConsent,
  KeptConsents,
  ReadRefusal,
  Step,
  TokenNeed,
} from '../editions/agent-protocol.js'
export { bodyCoverage } from '../editions/body-coverage.js'
export type { AgentEdition, Edition, ResourceEdition, WrittenRefusal } from '../editions/edition.js'
export { type JanuaryChallenge, parseChallenge, serializeChallenge } from '../editions/january/challenge.js'
export type { AgentMetadata, IssuerMetadata, ResourceMetadata } from '../editions/january/documents.js'
export { january } from '../editions/january/january.js'
export { wireErrorOf } from '../editions/january/refusals.js'
export { type RevokedKind, revocationEntry, revocationListLimits } from '../editions/january/revocation-list.js'
export { parseSignatureKey, serializeSignatureKey } from '../editions/january/signature-key.js'
export type {
  AgentTokenClaims,
  AuthTokenClaims,
  ResourceTokenClaims,
  RevocationClaims,
} from '../editions/january/tokens.js'
export type { KeyResolver, KeyResolverOptions, ResolvedKey } from '../editions/key-resolver.js'
export type {
  ResourceEndpoint,
  ResourceProtocol,
  ResourceTools,
  RevocationList,
  RevocationListOptions,
} from '../editions/resource-protocol.js'
export type { AuthClaims, Authorization, Requirement, VerifiedRequest } from '../editions/verified-request.js'
export { claimedAgent } from '../editions/verified-request.js'
export { contentDigest, digestMismatch, parseContentDigest, requireContentDigest } from '../httpsig/content-digest.js'
export type { BodyCoverage } from '../httpsig/covered-components.js'
export {
  type NonceClaim,
  type NonceCounts,
  type NonceLimits,
  type NonceOwner,
  type NonceSource,
  nonceReplayed,
  nonceRoom,
  nonceSource,
  type ReachedLimit,
  reachedLimit,
  requireNonceLimits,
  requireUnusedNonce,
  type VerifiedNonce,
  widerNetwork,
} from '../httpsig/nonces.js'
export { receiveRequest } from '../httpsig/receive-request.js'
export { fieldValues, isSignedMessage } from '../httpsig/received-message.js'
export {
  type SignableMessage,
  type SignatureHeaders,
  type SignMessageOptions,
  type SignRequestOptions,
  signMessage,
  signRequest,
} from '../httpsig/sign-request.js'
export {
  parseSignature,
  parseSignatureInput,
  type SignatureInput,
  serializeSignatureBase,
} from '../httpsig/signature-input.js'
export type { KeyReference, ParsedKeyReference } from '../httpsig/signing-profile.js'
export { coverageOf, type SigningForm, type SigningProfile } from '../httpsig/signing-profile.js'
export { plainHost, requireTarget, type Target } from '../httpsig/target.js'
export {
  type SignatureStep,
  type SigningKey,
  type VerifiedSignature,
  type VerifySignatureOptions,
  verifySignature,
} from '../httpsig/verify-signature.js'
export { algorithmNames, type JoseRules, publishedJwk, registeredNames } from '../lib/algorithms.js'
export { parseBase64, parseBase64url, serializeBase64, serializeBase64url } from '../lib/base64url.js'
export { systemClock } from '../lib/clock.js'
export { errorReasons, isUntrustedCertificate } from '../lib/error-reasons.js'
export { type AAuthErrorOptions, type ChallengeContext, errorCases, type ResourceTokenBinding } from '../lib/errors.js'
export type { Tell } from '../lib/events.js'
export { createTell } from '../lib/events.js'
export { parseJsonObject } from '../lib/json.js'
export { importVerificationKey, jwkThumbprint, showsSecret, type VerificationKey, verifyBytes } from '../lib/jwk.js'
export { LruCache } from '../lib/lru-cache.js'
export type { MaybePromise } from '../lib/maybe-promise.js'
export { networkOf } from '../lib/network-of.js'
export { nearestName } from '../lib/options.js'
export { appendChunk } from '../lib/read-stream.js'
export { asPlainText, describeRefusal, joinReasons, type Refusal, type Refused } from '../lib/refusal.js'
export type { GeneratePrivateJwkOptions } from '../lib/signer.js'
export { type AgentSelection, isSelected } from '../protocol/agent-selection.js'
export type { Challenge } from '../protocol/challenge.js'
export {
  type DocumentType,
  documentResponse,
  documentUrl,
  isFetchableUrl,
  type OwnDocument,
  type PublishedDocument,
  parseDocument,
} from '../protocol/document-type.js'
export { type EndpointOrigins, endpointProblem } from '../protocol/endpoint-origins.js'
export { maxFormBytes, readForm, readParameters, requireParameter } from '../protocol/form.js'
export {
  type IdentifierOptions,
  identifierRepair,
  isIdentifier,
  isLoopbackIdentifier,
  requireIdentifier,
} from '../protocol/identifier.js'
export { ownAnswerParameter, type RedirectKind, redirectKind } from '../protocol/redirect-uri.js'
export { parseScope } from '../protocol/scope.js'
export { environmentSettings, variableOf } from '../settings/environment-settings.js'
export type { ConfigurationProblem } from '../settings/problems.js'
export { ConfigurationError, problemsOf } from '../settings/problems.js'
export { type SettingRow, settingRows, withOverrides } from '../settings/setting-rows.js'
export { confirmationJwk } from '../tokens/confirmation-jwk.js'
export { type DecodedToken, decodeToken, maxTokenLength } from '../tokens/decode-token.js'
export type { IssueTokenOptions } from '../tokens/issue-token.js'
export { requestCode } from '../tokens/request-code.js'
export { requireOwnSigner } from '../tokens/require-own-signer.js'
export type { ClaimKind, ClaimRule, RegisteredClaims, TokenType } from '../tokens/token-type.js'
export { type VerifiedToken, type VerifyTokenOptions, verifyToken } from '../tokens/verify-token.js'
