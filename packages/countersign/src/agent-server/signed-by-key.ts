import { january } from '../editions/january/january.js'
import { type ClaimNonce, requireUnusedNonce } from '../httpsig/nonces.js'
import { fieldValues, type ReceivedMessage } from '../httpsig/received-message.js'
import { verifySignature } from '../httpsig/verify-signature.js'
import { AAuthError } from '../lib/errors.js'
import { importVerificationKey, publishedKeyProblem, type VerificationKey } from '../lib/jwk.js'
import { maxFormBytes, readForm } from '../protocol/parameters.js'
import { type RateLimit, requireBelow } from '../resource/rate-limit.js'

/** What verifying the requests of delegates requires. */
export interface KeyRequestTools {
  /** The host of the agent server, with its port. */
  authority: string
  claimNonce: ClaimNonce
  now: () => number
}

/** A form whose sender holds a key. Nothing else about the sender is known. */
export interface KeyRequest {
  key: VerificationKey
  form: ReadonlyMap<string, string>
  remoteAddress: string | undefined
  /**
   * Claims the nonce of the request, after everything that can refuse the request, and before anything changes.
   *
   * @param delegate the enrolled delegate that sent it, which keys that are not enrolled cannot crowd out
   * @throws AAuthError `nonce_replayed`, `too_many_requests`
   */
  claim(delegate?: string): Promise<void>
}

/**
 * Verifies a form that was signed with the key in its own header (`scheme=hwk`). The signature must cover the body and a nonce.
 *
 * @throws AAuthError for an invalid signature, another scheme, an unusable key, and a body that is not a form
 */
export async function verifyKeyRequest(
  message: ReceivedMessage,
  { authority, claimNonce, now }: KeyRequestTools,
): Promise<KeyRequest> {
  const verified = await verifySignature(message, {
    profile: january.signing,
    authorities: [authority],
    async resolveKey(reference) {
      if (reference.scheme === 'hwk') return { key: await requireOwnKey(reference.jwk) }
      throw new AAuthError(
        'signature_key_scheme_refused',
        'Sign with scheme=hwk and the key of the installation: agent tokens and published keys are not accepted here.',
      )
    },
    now,
    nonce: 'required',
    claimNonce: 'later',
    maxBody: maxFormBytes,
  })
  const { key } = verified.resolved
  const { remoteAddress } = message
  const { thumbprint } = key
  const [contentType = null] = fieldValues(message, 'content-type')
  return {
    key,
    form: readForm(contentType, verified.body),
    remoteAddress,
    claim: (agent) => requireUnusedNonce(claimNonce, verified.nonce, { agent, thumbprint, remoteAddress }),
  }
}

async function requireOwnKey(jwk: object): Promise<VerificationKey> {
  const key = await importVerificationKey(jwk)
  const problem = publishedKeyProblem(key.thumbprint)
  if (problem === undefined) return key
  throw new AAuthError('key_invalid', `The key cannot be used: it ${problem}.`)
}

/**
 * Counts a request by its delegate, or by address and key if the key is not enrolled.
 *
 * @param agent the name of the enrolled delegate that sent it
 * @throws AAuthError `too_many_requests`
 */
export function requireKeyRate(
  limit: RateLimit,
  { key: { thumbprint }, remoteAddress }: KeyRequest,
  agent?: string,
): Promise<void> {
  const level = agent === undefined ? 'signature' : 'identity'
  return requireBelow(limit, { level, agent, thumbprint, remoteAddress, iss: undefined, sub: undefined })
}
