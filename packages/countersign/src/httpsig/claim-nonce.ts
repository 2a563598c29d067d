import { AAuthError } from '../lib/errors.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { networkOf } from '../lib/network-of.js'

/** The nonce of a request whose signature verified, not yet remembered. */
export interface VerifiedNonce {
  /** A hash of authority, key and nonce. */
  key: string
  /** Seconds to remember it for: until no clock accepts the signature any more. */
  lifetime: number
}

/** Whose nonce it is: what a store counts, so that nobody fills it for all. */
export interface NonceSource {
  /** The agent that signed, or whose delegate did. Undefined: the signature proves a key, and no agent. */
  agent: string | undefined
  /** RFC 7638 thumbprint of the key. Whoever signs has as many keys as they like. */
  thumbprint: string
  /** Where it came from: IPv4 /24, IPv6 /48, or `unknown` for all whose address is not known. */
  network: string
}

export interface NonceClaim extends VerifiedNonce {
  source: NonceSource
}

/**
 * Remembers a nonce. Resolves to true where it was not remembered yet, exactly once for a key, and to false where it was.
 * Where a source has too many, it throws an `AAuthError` `too_many_requests`; to a key that proves no agent the resource
 * adds which level may do more.
 */
export type ClaimNonce = (claim: NonceClaim) => MaybePromise<boolean>

/** Who signed, and where the request came from. */
export interface NonceOwner {
  agent?: string | undefined
  thumbprint: string
  /** The client's address, where the platform tells it. */
  remoteAddress: string | undefined
}

/** Whose a nonce is, as stores count it. */
export function nonceSource({ agent, thumbprint, remoteAddress }: NonceOwner): NonceSource {
  return { agent, thumbprint, network: remoteAddress === undefined ? 'unknown' : networkOf(remoteAddress, 'site') }
}

/**
 * Claims the nonce of a request, where it has one. To be called when nothing else can refuse the request, and before it
 * changes anything: a nonce that is claimed sooner is spent on a request that nobody answers.
 *
 * @throws AAuthError `nonce_replayed` for one that was claimed before, and what `claimNonce` throws
 */
export async function requireUnusedNonce(
  claimNonce: ClaimNonce,
  nonce: VerifiedNonce | undefined,
  owner: NonceOwner,
): Promise<void> {
  if (!nonce || (await claimNonce({ source: nonceSource(owner), ...nonce }))) return
  throw nonceReplayed()
}

/** What a request is refused with whose nonce was claimed before. */
export function nonceReplayed(options?: ErrorOptions): AAuthError {
  return new AAuthError('nonce_replayed', 'This nonce was used before: sign each request anew.', options)
}
