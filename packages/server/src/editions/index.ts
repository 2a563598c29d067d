/**
 * For implementing the auth server of another edition: the interface to implement, its inputs, and the parts shared by all editions.
 *
 * @packageDocumentation
 */

export type {
  ConsentLink,
  ConsentTransport,
  CreateTransport,
  Decision,
  LinkProblem,
} from '../http/consent-transport.js'
export type { ServerContext } from '../http/context.js'
export type { Arrival, Endpoint, Route } from '../http/route.js'
export { hashSecret, type MintedSecrets } from '../secrets/server-keys.js'
export type { AuthRequest, RedeemOutcome, RequestDisplay, TokenIssue } from '../storage/api/storage.js'
export type { RequestingAgent, ServerEdition, SignedContext, SignedEdition, VerifyingEdition } from './edition.js'
export { type Admission, orUncount, type RequestedAccess, requireAdmitted, requireRoom } from './require-admitted.js'
export {
  type Answer,
  type ClaimingAction,
  type FormEndpoint,
  type RequestJudge,
  requireFreshKeys,
  type SigningAgent,
  signedForm,
  signedRequest,
} from './signed-request.js'
export { contentOf, type TokenContent, type TokenSubject } from './token-content.js'
