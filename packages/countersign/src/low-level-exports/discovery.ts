/**
 * Documents and keys of other parties: identifiers and the URLs of their documents, fetching documents within limits, caching them, and
 * finding a key in them. For URLs that others choose, use `createGuardedFetch` from `countersign/node`, or `fetchWithoutAddressChecks` on
 * platforms without access to sockets.
 *
 * @packageDocumentation
 */

export type { Discovery } from '../discovery/discovery.js'
export { createDiscovery, findTokenKey, type GuardedDiscoveryOptions } from '../discovery/discovery.js'
export type { DiscoveryOptions, FoundKey } from '../discovery/document-sources.js'
export {
  type ConcurrencyLimit,
  createConcurrencyLimit,
  createFetchBudget,
  type Delay,
  type DiscoveryLimits,
} from '../discovery/fetch-budget.js'
export { type DiscoveryFailure, type Found, fetchLimits, maxCacheSeconds } from '../discovery/fetch-document.js'
export type { CertificateFinder, FoundCertificate } from '../discovery/found-certificate.js'
export type { FetchBudget } from '../discovery/lookup-guard.js'
export type { NetworkOptions } from '../discovery/network-options.js'
export { fetchWithoutAddressChecks } from '../discovery/unchecked-fetch.js'
export { causeMessages, isUntrustedCertificate } from '../lib/error-reasons.js'
export {
  type DocumentOptions,
  type DocumentType,
  documentResponse,
  documentUrl,
  type EndpointOrigins,
  endpointProblem,
  type IdentifierOptions,
  identifierRepair,
  isFetchableUrl,
  isIdentifier,
  isLoopbackIdentifier,
  type OwnDocument,
  type PublishedDocument,
  parseDocument,
  requireIdentifier,
} from '../protocol/documents.js'
