export {
  type FetchDocument,
  type FetchDocumentOptions,
  type FetchedBytes,
  type FetchRefusal,
  fetchBytes,
} from '../discovery/fetch-document.js'
export { createGuardedFetch, type GuardedFetchOptions } from '../discovery/guarded-fetch.node.js'
export { type CertificateFinderOptions, createCertificateFinder } from './certificate-finder.js'
export { type ClientAddress, createClientAddress } from './client-address.js'
export { createNodeListener, type Handler, type NodeListenerOptions } from './node-listener.js'
export { receiveIncoming } from './receive-incoming.js'
export { createTrustedPeers, trustedNetworkProblem } from './trusted-networks.js'
