/**
 * HTTP message signatures (RFC 9421) as AAuth uses them: signing and verifying messages, content digests, nonces and their limits, and the
 * keys for them. This module does not depend on an edition: a signing profile defines the covered components and the syntax of
 * `Signature-Key`.
 *
 * @packageDocumentation
 */

export { serializeBase64, serializeBase64url } from '#crypto'
export type { BodyCoverage } from '../httpsig/message-components.js'
export {
  type NonceClaim,
  type NonceCounts,
  type NonceLimits,
  type NonceOwner,
  type NonceSource,
  nonceCapacity,
  nonceReplayed,
  nonceSource,
  type ReachedLimit,
  reachedLimit,
  requireNonceLimits,
  requireUnusedNonce,
  type VerifiedNonce,
  widerNetwork,
} from '../httpsig/nonces.js'
export {
  contentDigest,
  digestMismatch,
  fieldValues,
  isSignedMessage,
  parseContentDigest,
  receiveRequest,
  requireContentDigest,
} from '../httpsig/received-message.js'
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
export type { KeyReference, ParsedKeyReference, SigningForm, SigningProfile } from '../httpsig/signing-profile.js'
export { plainHost, requireTarget, type Target } from '../httpsig/signing-profile.js'
export {
  type SignatureStep,
  type SigningKey,
  type VerifiedSignature,
  type VerifySignatureOptions,
  verifySignature,
} from '../httpsig/verify-signature.js'
export { algorithmNames } from '../lib/algorithms.js'
export { parseBase64, parseBase64url } from '../lib/encodings.js'
export { importVerificationKey, jwkThumbprint, showsSecret, type VerificationKey, verifyBytes } from '../lib/jwk.js'
