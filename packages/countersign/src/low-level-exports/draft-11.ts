/**
 * Draft -11 of AAuth: its values for agents, resources and auth servers, and their parts. A separate entry point, so that programs that use
 * only January 2026 do not load it.
 *
 * @packageDocumentation
 */

export { type AgentId, isServerId, parseAgentId } from '../editions/draft-11/agent-id.js'
export { issueAgentToken } from '../editions/draft-11/agent-tokens.js'
export { acceptedAlgorithms, draft11Jose, requireUsableSigner } from '../editions/draft-11/algorithms.js'
export {
  type AgentDocument,
  draft11Documents,
  type PersonDocument,
  type ResourceDocument,
} from '../editions/draft-11/documents.js'
export { draft11 } from '../editions/draft-11/draft-11.js'
export { draft11Agent, draft11AgentWithBaseCoverage } from '../editions/draft-11/draft-11-agent.js'
export {
  type Draft11ResourceOptions,
  draft11Resource,
  draft11ResourceWith,
  draft11ResourceWithBaseCoverage,
} from '../editions/draft-11/draft-11-resource.js'
export type { ResourceAccounts } from '../editions/draft-11/judge-request.js'
export { readJson } from '../editions/draft-11/read-json.js'
export { writeRefusal } from '../editions/draft-11/refusals.js'
export {
  parseRequirement,
  type Requirement,
  requirementHeader,
  serializeRequirement,
  type TokenLevel,
} from '../editions/draft-11/requirement.js'
export type { AccessMode } from '../editions/draft-11/resource-protocol.js'
export {
  isSignatureErrorName,
  parseSignatureError,
  type SignatureError,
  type SignatureErrorName,
  serializeSignatureError,
  signatureErrorHeader,
} from '../editions/draft-11/signature-error.js'
export { serializeSignatureKey } from '../editions/draft-11/signature-key.js'
export {
  draft11AgentSigning,
  draft11BaseSigning,
  draft11ServerSigning,
  draft11Signing,
} from '../editions/draft-11/signing.js'
export {
  type AgentTokenClaims,
  type AuthTokenClaims,
  draft11Tokens,
  type PersonTokenClaims,
  type ResourceTokenClaims,
} from '../editions/draft-11/tokens.js'
export { createRevokedTokens } from '../editions/revoked-tokens.js'
