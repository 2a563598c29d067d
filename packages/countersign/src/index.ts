/**
 * The core that every program needs: signers and keys, `AAuthError` with its codes, and the types of events and messages.
 *
 * @packageDocumentation
 */

export type { FetchDocument } from './discovery/fetch-document.js'
export type { AllowedNetwork } from './discovery/network-options.js'
export type { ClaimNonce } from './httpsig/nonces.js'
export type { ContentDigests, ReceivedMessage, Upload, UploadSigner } from './httpsig/received-message.js'
export type { Algorithm, PrivateJwk, PublicJwk } from './lib/algorithms.js'
export { systemClock } from './lib/clock.js'
export { AAuthError, type AAuthErrorOptions, type ErrorCode, errorCases } from './lib/errors.js'
export type {
  ConnectionEvent,
  CountersignEvent,
  DecisionEvent,
  LookupEvent,
  OnEvent,
  PasswordEvent,
  RefusalEvent,
  RequestEvent,
  RevocationEvent,
  Role,
  SocketEvent,
  StorageEvent,
  UploadEvent,
  UpstreamEvent,
} from './lib/events.js'
export { createSigner, type GeneratePrivateJwkOptions, generatePrivateJwk, type Signer } from './lib/jwk.js'
export { createRemoteSigner, type RemoteSignerOptions } from './lib/remote-signer.js'
