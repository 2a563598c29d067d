/**
 * The editions of the protocol: `january`, its components, and the types that another edition implements (`docs/contributing/editions.md`).
 *
 * @packageDocumentation
 */

export type {
  AgentProtocol,
  AgentTools,
  CallbackMatch,
  ConsentEnd,
  ConsentStore,
  Credential,
  HeldToken,
  KeptConsent,
  ReadRefusal,
  Step,
  TokenNeed,
} from '../editions/agent-protocol.js'
export type {
  AgentServerEdition,
  DelegateIssuer,
  DelegateToken,
  DescribedAgent,
} from '../editions/agent-server-edition.js'
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
  Call,
  ResourceTokenClaims,
  RevocationClaims,
} from '../editions/january/tokens.js'
export { type AccessTokenClaims, accessTokenType } from '../editions/oauth/access-token.js'
export type {
  ResourceEndpoint,
  ResourceProtocol,
  ResourceTools,
  RevocationList,
  RevocationListOptions,
  RevokedTokens,
  SingleUseToken,
} from '../editions/resource-protocol.js'
export type {
  AuthClaims,
  Authorization,
  KeyResolver,
  KeyResolverOptions,
  Requirement,
  ResolvedKey,
  VerifiedRequest,
} from '../editions/verified-request.js'
export { bodyCoverage, claimedAgent } from '../editions/verified-request.js'
export type { ChallengeContext, ResourceTokenBinding } from '../lib/errors.js'
export { asPlainText, describeRefusal, joinReasons, type Refusal, type Refused } from '../lib/refusal.js'
export { type AgentSelection, isSelected } from '../protocol/agent-selection.js'
export type { Challenge } from '../protocol/challenge.js'
export { defaultRisks } from '../protocol/default-risks.js'
export {
  maxFormBytes,
  ownAnswerParameter,
  parseScope,
  type RedirectKind,
  readForm,
  readParameters,
  redirectHost,
  redirectKind,
  requireParameter,
} from '../protocol/parameters.js'
export { byDanger, type Danger, dangers, type Risk, risksByStrength } from '../protocol/risk-order.js'
export {
  fitsPattern,
  isRiskPattern,
  longestName,
  mayInclude,
  type PermissionReading,
  type RiskPatterns,
  readPermission,
} from '../protocol/scope-risk.js'
