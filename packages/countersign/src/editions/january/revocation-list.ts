import * as platform from '#crypto'
import { createGuardedFetch } from '#guarded-fetch'
import { findTokenKey } from '../../discovery/discovery.js'
import { type Found, fetchText } from '../../discovery/fetch-document.js'
import { AAuthError } from '../../lib/errors.js'
import { endpointProblem } from '../../protocol/documents.js'
import { decodeToken, verifyDecodedToken } from '../../tokens/verify-token.js'
import type { RevocationList, RevocationListOptions } from '../resource-protocol.js'
import type { AuthClaims } from '../verified-request.js'
import { januaryDocuments } from './documents.js'
import { januaryTokens, type RevocationClaims } from './tokens.js'

const limits = {
  /** Milliseconds. */
  timeout: 2500,
  /** Polling interval, in seconds. */
  interval: 2,
  /** Age up to which a list is used without waiting for a poll, in seconds. */
  freshAge: 3,
  /** Age up to which a list is used while a newer one cannot be fetched, in seconds. */
  staleAge: 30,
  /** Maximum age difference between the lists of two instances of an auth server, in seconds. */
  skew: 10,
}

interface HeldList {
  revoked: ReadonlySet<string>
  /** A timestamp for each user, or client of a user: the tokens issued up to that time are revoked. */
  revokedBefore: ReadonlyMap<string, number>
  before: number
  issuedAt: number
  /** When the list was requested. */
  at: number
}

/** Creates the revocation list of one auth server. Nothing is fetched before the first token is checked. */
export function createRevocationList(options: RevocationListOptions): RevocationList {
  const { issuer, discovery, endpointOrigins, now, whenUnreachable } = options
  const fetch = options.fetch ?? createGuardedFetch({ ...options, configuredOrigin: new URL(issuer).origin })
  let held: HeldList | undefined
  let polling: Promise<void> | undefined
  let polledAt: number | undefined
  let failedAt: number | undefined
  let failure: unknown

  const isWithin = (time: number | undefined, seconds: number) =>
    time !== undefined && Math.abs(now() - time) <= seconds

  async function poll(at: number): Promise<void> {
    try {
      held = await fetchList(at)
      failedAt = undefined
    } catch (error) {
      failedAt = now()
      failure = error
    }
  }

  function pollWhenDue(): void {
    if (polling || isWithin(polledAt, limits.interval - 1)) return
    polledAt = now()
    polling = poll(polledAt).finally(() => {
      polling = undefined
    })
  }

  async function fetchList(at: number): Promise<HeldList> {
    const { revocation_list_uri: uri } = requireFound(await discovery.findMetadata(januaryDocuments.authServer, issuer))
    if (uri === undefined) throw refusal('the auth server’s document has no revocation_list_uri')
    const problem = endpointProblem(issuer, 'revocation_list_uri', uri, endpointOrigins)
    if (problem !== undefined) throw refusal(`the auth server’s document was rejected: ${problem}`)
    const { characters: maxBytes } = revocationListLimits
    const fetched = await fetchText(uri, { fetch, maxBytes, timeout: limits.timeout, accept: 'application/jwt' })
    if ('refusal' in fetched) throw refusal(fetched.refusal, fetched.cause)
    const { claims } = await verifyDecodedToken(januaryTokens.revocations, decodeToken(fetched.text, maxBytes), {
      ...options,
      audience: issuer,
      issuers: [issuer],
      findKey: findTokenKey(discovery, januaryDocuments.authServer, requireFound),
    })
    return listOf(claims, at)
  }

  function listOf({ revoked, revoked_before: times = {}, before = -1, iat }: RevocationClaims, at: number): HeldList {
    if (held && iat < held.issuedAt - limits.skew) throw refusal('it is older than the previous one')
    const revokedBefore = new Map(Object.entries(times))
    return { revoked: new Set(revoked), revokedBefore, before, issuedAt: iat, at }
  }

  async function judge(claims: AuthClaims, agent: string | undefined): Promise<void> {
    if (!isWithin(held?.at, limits.staleAge) && whenUnreachable === 'refuse') {
      throw new AAuthError('unavailable', 'The auth server’s revocation list is not available.', {
        cause: failure,
        retryAfter: limits.interval,
      })
    }
    if (!held) return
    if (held.before >= (claims.iat ?? 0)) throw revokedToken()
    if (held.revoked.size + held.revokedBefore.size > 0) await requireUnlisted(held, claims, agent)
  }

  return {
    async requireUnrevoked(claims, agent) {
      pollWhenDue()
      const isKnown = isWithin(held?.at, limits.freshAge) || isWithin(failedAt, limits.freshAge)
      if (!isKnown) await polling
      await judge(claims, agent)
    },
  }
}

async function requireUnlisted(
  { revoked, revokedBefore }: HeldList,
  { iat = 0, jti, sub, agent: named, client_id: client }: AuthClaims,
  agent: string | undefined,
): Promise<void> {
  const [grant, family] = jti?.split('.', 2) ?? []
  const of = {
    grant,
    agent: typeof named === 'string' ? named : agent,
    sub,
    // Only the tokens of OAuth clients belong to a family.
    family: client === undefined ? undefined : family,
    client: client === undefined ? undefined : `${sub} ${String(client)}`,
  } as const
  for (const kind of ['grant', 'agent', 'sub', 'family', 'client'] as const) {
    const value = of[kind]
    if (value === undefined) continue
    const entry = await revocationEntry(kind, value)
    if (revoked.has(entry) || (revokedBefore.get(entry) ?? -1) >= iat) throw revokedToken()
  }
}

function revokedToken(): AAuthError {
  return new AAuthError('auth_token_invalid', 'The auth token was revoked.', {
    challenge: { level: 'authorization' },
  })
}

function requireFound<T>(found: Found<T>): T {
  if ('found' in found) return found.found
  throw refusal(found.failure.message, found.failure)
}

function refusal(why: string, cause?: unknown): AAuthError {
  return new AAuthError('revocation_list_refused', `The revocation list cannot be used: ${why}.`, { cause })
}

/**
 * What a revocation applies to: a grant (the `jti` up to its first dot), a family of refresh tokens (the `jti` between its two dots, if it
 * has two), everything that belongs to an agent or a user (`sub`), or what a client was issued for a user (`sub`, space, `client_id`).
 */
export type RevokedKind = 'grant' | 'family' | 'agent' | 'sub' | 'client'

/** The length of an entry, in characters. */
const length = 16

/**
 * Maximum size of a revocation list: the number of entries (of all kinds combined), and the length of its token in characters. That many
 * entries fit into the token with their timestamps.
 */
export const revocationListLimits = { entries: 10_000, characters: 524_288 } as const

/**
 * The entry for a grant, family, agent or user in a revocation list: the first 96 bits of a SHA-256 hash, as 16 characters of base64url. The
 * list is public and must not reveal anyone's identity.
 */
export async function revocationEntry(kind: RevokedKind, value: string): Promise<string> {
  return (await platform.hashText(`${kind} ${value}`)).slice(0, length)
}
