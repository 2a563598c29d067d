import { january } from '../editions/january/january.js'
import type { PublicJwk } from '../lib/algorithms.js'
import type { Signer } from '../lib/jwk.js'
import { issueToken } from '../tokens/issue-token.js'

/** The issuer of agent tokens: an agent server, whatever it knows its delegates by. */
export interface DelegateIssuer {
  /** The agent's identifier. */
  id: string
  signer: Signer
  /** Lifetime of a token, in seconds. */
  lifetime: number
  now: () => number
}

/** What an agent token states. */
export interface DelegateToken {
  /** The delegate's name. */
  name: string
  /** The key to which the token is bound. */
  jwk: PublicJwk
  /** The recipients that accept the token. */
  audience: string | string[]
}

/** The response to a renewal. */
export interface IssuedDelegateToken {
  agent_token: string
  /** Seconds. */
  expires_in: number
  /** The delegate's name. */
  name: string
}

/**
 * Issues an agent token (S§5). The caller has checked that the delegate holds the key, is enrolled with that key, and is not revoked: the
 * token proves nothing else.
 */
export async function issueDelegateToken(
  { id, signer, lifetime, now }: DelegateIssuer,
  { name, jwk, audience }: DelegateToken,
): Promise<IssuedDelegateToken> {
  const { kid: _kid, use: _use, alg: _alg, ...key } = jwk
  const claims = { iss: id, sub: name, aud: audience, cnf: { jwk: key }, exp: now() + lifetime }
  return { agent_token: await issueToken(january.tokens.agent, claims, { signer, now }), expires_in: lifetime, name }
}

/** The longest lifetime of an agent token, in seconds: recipients accept 24 hours by their own clocks, which may be behind. */
export const maxTokenLifetime = 82_800

/**
 * Why a delegate cannot have this name, as text that follows the name; undefined if it can. Gateways forward names in headers, and pages
 * show them.
 */
export function delegateNameProblem(name: unknown): string | undefined {
  if (typeof name === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(name)) return undefined
  return 'must be 1 to 255 printable ASCII characters without a space at either end, because APIs receive it in a header'
}
