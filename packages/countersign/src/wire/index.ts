/**
 * Marks in comments: `W12` and `S§9.3` are in `docs/protocol.md`, `K25` is in `docs/attacks.md`, both in the package `countersign`.
 *
 * @packageDocumentation
 */

export { longestKept } from '../discovery/cache-time.js'
export { createDiscovery, type GuardedDiscoveryOptions } from '../discovery/create-discovery.js'
export type { Discovery, DiscoveryOptions } from '../discovery/discovery.js'
export type { DiscoveryLimits } from '../discovery/fetch-budget.js'
export type { DiscoveryFailure, Found } from '../discovery/fetch-document.js'
export { fetchLimits } from '../discovery/fetch-limits.js'
export type { CertificateFinder, FoundCertificate } from '../discovery/found-certificate.js'
export type { Delay } from '../discovery/lookup-queue.js'
export type { NetworkOptions } from '../discovery/network-options.js'
export type { FoundKey } from '../discovery/refetches.js'
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
export type { AuthClaims, Authorization } from '../editions/authorization.js'
export { bodyCoverage } from '../editions/body-coverage.js'
export { claimedAgent } from '../editions/claimed-agent.js'
export type { AgentEdition, Edition, ResourceEdition, WrittenRefusal } from '../editions/edition.js'
export { type JanuaryChallenge, parseChallenge, serializeChallenge } from '../editions/january/challenge.js'
export type { AgentMetadata, IssuerMetadata, ResourceMetadata } from '../editions/january/documents.js'
export { january } from '../editions/january/january.js'
export { parseSignatureKey } from '../editions/january/parse-signature-key.js'
export { wireErrorOf } from '../editions/january/refusals.js'
export { type RevokedKind, revocationEntry, revocationListLimits } from '../editions/january/revocation-entry.js'
export { serializeSignatureKey } from '../editions/january/serialize-signature-key.js'
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
export type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
export {
  type NonceClaim,
  type NonceOwner,
  type NonceSource,
  nonceReplayed,
  nonceSource,
  requireUnusedNonce,
  type VerifiedNonce,
} from '../httpsig/claim-nonce.js'
export { contentDigest, digestMismatch, parseContentDigest, requireContentDigest } from '../httpsig/content-digest.js'
export { isSignedMessage } from '../httpsig/is-signed-message.js'
export type { KeyReference, ParsedKeyReference } from '../httpsig/key-reference.js'
export {
  type NonceCounts,
  type NonceLimits,
  nonceRoom,
  type ReachedLimit,
  reachedLimit,
  requireNonceLimits,
  widerNetwork,
} from '../httpsig/nonce-limits.js'
export { plainHost } from '../httpsig/plain-host.js'
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
export { coverageOf, type SigningForm, type SigningProfile } from '../httpsig/signing-profile.js'
export { requireTarget, type Target } from '../httpsig/target.js'
export {
  type BodyCoverage,
  type SigningKey,
  type VerifiedSignature,
  type VerifySignatureOptions,
  verifySignature,
} from '../httpsig/verify-signature.js'
export { algorithmNames, type JoseRules, publishedJwk, registeredNames } from '../lib/algorithms.js'
export { appendChunk } from '../lib/append-chunk.js'
export { parseBase64, parseBase64url, serializeBase64, serializeBase64url } from '../lib/base64url.js'
export { systemClock } from '../lib/clock.js'
export { createTell } from '../lib/create-tell.js'
export { errorReasons } from '../lib/error-reasons.js'
export { type AAuthErrorOptions, type ChallengeContext, errorCases, type ResourceTokenBinding } from '../lib/errors.js'
export type { Tell } from '../lib/events.js'
export { importVerificationKey, jwkThumbprint, showsSecret, type VerificationKey, verifyBytes } from '../lib/jwk.js'
export { LruCache } from '../lib/lru-cache.js'
export type { MaybePromise } from '../lib/maybe-promise.js'
export { nearestName } from '../lib/nearest-name.js'
export { networkOf } from '../lib/network-of.js'
export { parseJsonObject } from '../lib/parse-json.js'
export { asPlainText, describeRefusal, joinReasons, type Refusal, type Refused } from '../lib/refusal.js'
export type { GeneratePrivateJwkOptions } from '../lib/signer.js'
export { isUntrustedCertificate } from '../lib/untrusted-certificate.js'
export { type AgentSelection, isSelected } from '../protocol/agent-selection.js'
export type { Challenge } from '../protocol/challenge.js'
export { documentResponse } from '../protocol/document-response.js'
export {
  type DocumentType,
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
export { ConfigurationError } from '../settings/configuration-error.js'
export type { ConfigurationProblem } from '../settings/configuration-problem.js'
export { environmentSettings, variableOf } from '../settings/environment-settings.js'
export { problemsOf } from '../settings/problems-of.js'
export { type SettingRow, settingRows } from '../settings/setting-rows.js'
export { withOverrides } from '../settings/with-overrides.js'
export { confirmationJwk } from '../tokens/confirmation-jwk.js'
export { type DecodedToken, decodeToken, maxTokenLength } from '../tokens/decode-token.js'
export type { IssueTokenOptions } from '../tokens/issue-token.js'
export { requestCode } from '../tokens/request-code.js'
export { requireOwnSigner } from '../tokens/require-own-signer.js'
export type { ClaimKind, ClaimRule, RegisteredClaims, TokenType } from '../tokens/token-type.js'
export { type VerifiedToken, type VerifyTokenOptions, verifyToken } from '../tokens/verify-token.js'
