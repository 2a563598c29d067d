export type { FetchDocument } from '../discovery/fetch-document.js'
export { createGuardedFetch, type GuardedFetchOptions } from '../discovery/guarded-fetch.node.js'
export { createNodeListener, type Handler, type NodeListenerOptions } from './node-listener.js'
export { receiveIncoming } from './receive-incoming.js'
