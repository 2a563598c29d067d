import type { VerifiedSignature } from '../../httpsig/verify-signature.js'
import { riskOf } from '../../protocol/scope-risk.js'
import type { ResolvedKey } from '../verified-request.js'
import type { Call } from './tokens.js'

const longest = { target: 2048, digest: 512 }

/**
 * Returns a verified request as a call. Undefined if the call cannot be named in a token: its body is unsigned, its host is not the host of
 * the resource's identifier, or its URL or digest is too long.
 */
export function callOf(
  { method, authority, path, query = '', digest }: VerifiedSignature<ResolvedKey>,
  resource: string,
): Call | undefined {
  const { origin, host } = new URL(resource)
  const target = origin + path + query
  if (digest === undefined || authority !== host) return undefined
  if (target.length > longest.target || digest.length > longest.digest) return undefined
  return digest === '' ? { method, target } : { method, target, digest }
}

/** Whether a `call` claim names this call. */
export function isCall(claimed: unknown, actual: Call | undefined): boolean {
  const { method, target, digest } = claimed as Call
  return method === actual?.method && target === actual.target && digest === actual.digest
}

/** Whether a user can be offered to allow a scope for one call only: it deletes or spends something. */
export function isForOneCall(scope: string): boolean {
  return scope.split(' ').some((value) => ['delete', 'spend'].includes(riskOf(value)))
}
