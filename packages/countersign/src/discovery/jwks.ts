import { type JoseRules, registeredNames } from '../lib/algorithms.js'
import { AAuthError } from '../lib/errors.js'
import { importVerificationKey, showsSecret, type VerificationKey } from '../lib/jwk.js'
import { publishedKeyProblem } from '../lib/published-keys.js'
import { isLoopbackIdentifier } from '../protocol/identifier.js'
import type { Found } from './fetch-document.js'
import { fetchLimits } from './fetch-limits.js'

/** Finds a key of the set by its `kid`. */
export type KeyFinder = (kid: string) => Promise<Found<VerificationKey>>

/**
 * Reads a JWKS (RFC 7517 §5), or says why it is refused. Keys are imported when they are asked for. Two entries with one
 * `kid` are both refused: readers would not agree which of them is meant. So is a key that a standard prints, but on
 * loopback.
 *
 * @param origin where it was found
 */
export function readJwks(
  document: unknown,
  origin: string,
  rules: JoseRules = registeredNames,
): { value: KeyFinder } | { refusal: string } {
  const keys = typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined
  if (!Array.isArray(keys)) return { refusal: 'it has no keys array' }
  if (keys.length > fetchLimits.keys) return { refusal: `it has more than ${fetchLimits.keys} keys` }
  const byKid = new Map<string, Promise<VerificationKey> | object>()
  const repeated = new Set<string>()
  for (const jwk of keys as unknown[]) {
    if (typeof jwk !== 'object' || jwk === null || !('kid' in jwk) || typeof jwk.kid !== 'string') continue
    if (byKid.has(jwk.kid)) repeated.add(jwk.kid)
    byKid.set(jwk.kid, jwk)
  }
  const value: KeyFinder = async (kid) => {
    const entry = byKid.get(kid)
    if (!entry) return { failure: { reason: 'unknown_kid', message: 'no key of this kid is published' } }
    if (repeated.has(kid)) return unusable('its kid names two keys: give each key a kid of its own')
    const imported = entry instanceof Promise ? entry : importVerificationKey(entry, rules)
    byKid.set(kid, imported)
    try {
      const found = await imported
      const problem = isLoopbackIdentifier(origin) ? undefined : publishedKeyProblem(found.thumbprint)
      return problem === undefined ? { found } : unusable(`it ${problem}`)
    } catch (cause) {
      if (!(cause instanceof AAuthError)) throw cause
      return { failure: { reason: 'refused', message: cause.message, cause } }
    }
  }
  return { value }
}

function unusable(message: string): Found<never> {
  return { failure: { reason: 'unusable', message } }
}

/** The keys in a JWKS that show their private part. */
export function privateKeysIn(document: unknown): { kid: string | undefined }[] {
  const { keys } = document as { keys: readonly unknown[] }
  return keys
    .filter((jwk): jwk is { kid?: unknown } => typeof jwk === 'object' && jwk !== null && showsSecret(jwk))
    .map(({ kid }) => ({ kid: typeof kid === 'string' ? kid.slice(0, 256) : undefined }))
}
