/**
 * For programs on Node: a listener for Node's servers, connection limits, client addresses behind proxies, the guarded fetch, private
 * files, and settings from a file and the environment.
 *
 * @packageDocumentation
 */

export { type AllowedNetworkProblem, allowedNetworkProblems } from '../discovery/allowed-networks.node.js'
export { egressProxyProblem } from '../discovery/egress-proxy.node.js'
export {
  AddressRefused,
  type FetchDocument,
  type FetchDocumentOptions,
  type FetchedBytes,
  type FetchRefusal,
  fetchBytes,
} from '../discovery/fetch-document.js'
export type { GuardedFetch, GuardedFetchOptions, GuardedInit } from '../discovery/guarded-fetch.js'
export { createGuardedFetch } from '../discovery/guarded-fetch.node.js'
export type { AllowedNetwork, NetworkOptions } from '../discovery/network-options.js'
export { receiveIncoming } from '../httpsig/receive-incoming.js'
export { createEmitter, type Emit } from '../lib/events.js'
export { importOptional, MissingPackageError } from '../lib/import-optional.js'
export { LruCache } from '../lib/lru-cache.js'
export { networkOf } from '../lib/network-of.js'
export { nearestName } from '../lib/options.js'
export { appendChunk, readStream } from '../lib/read-stream.js'
export { hasTokenParameter, namesToken } from '../lib/token-parameter.js'
export { environmentSettings, variableOf } from '../settings/environment-settings.js'
export { ConfigurationError, type ConfigurationProblem, problemsOf } from '../settings/problems.js'
export { type SettingRow, settingRows, withOverrides } from '../settings/setting-rows.js'
export { type CallbackPort, type CallbackPortOptions, openCallbackPort } from './callback-port.js'
export { type ConnectionQueue, createConnectionQueue, endGracefully } from './connection-queue.js'
export { fileDelegates } from './file-delegates.js'
export { type FileRevokedTokensOptions, fileRevokedTokens } from './file-revoked-tokens.js'
export { type FileSessionsOptions, fileSessions } from './file-sessions.js'
export { fileStore } from './file-store.js'
export { type HeadWriter, keepPrivate, nodeResponseOf } from './keep-private.js'
export { type ConnectionShares, limitConnections } from './limit-connections.js'
export { type LoopbackConsentOptions, loopbackConsent, showLoopbackPage } from './loopback-consent.js'
export type { Handler, MountOptions } from './mounted-listener.js'
export { createMountedListener, createNodeListener, type NodeListenerOptions } from './node-listener.js'
export { githubActionsToken, kubernetesToken } from './platform-tokens.js'
export { FileStoreError, openPrivateFolder, readPrivateFile, writePrivateFile } from './private-files.js'
export { readConfigurationFile } from './read-configuration-file.js'
export { refuseUnreadable } from './refuse-unreadable.js'
export {
  createSessionListener,
  type ListenedResource,
  type SessionListenerOptions,
  sessionOf,
} from './session-listener.js'
export {
  type ClientAddress,
  createClientAddress,
  createTrustedPeers,
  trustedNetworkProblem,
  trustedNetworksProblem,
} from './trusted-networks.js'
