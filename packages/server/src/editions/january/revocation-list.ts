import {
  january,
  type RevocationClaims,
  requireParameter,
  revocationEntry,
  revocationListLimits,
} from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { hashSecret } from '../../secrets/server-keys.js'
import { type Revocations, validTokensIssuedSince } from '../../storage/api/storage.js'
import type { SignedContext } from '../edition.js'
import type { ClaimingAction, SigningAgent } from '../signed-request.js'

/** Maximum number of entries per user. For a user with more, a single timestamp revokes everything issued to them up to that time. */
const perUser = 20

const seconds = { life: 120, shared: 1, betweenWarnings: 600 }

/** The path of the list, relative to the issuer. */
export const revocationListPath = '/.well-known/aauth-revocations'

/**
 * Creates the endpoint that resources poll for revoked tokens (attacks T23). It serves a signed list of the grants, agents and users that
 * were revoked, and of the families if an edition has any, for as long as one of their tokens may be valid. The list is built at most once a
 * second, however many resources poll.
 */
export function createRevocationListEndpoint(context: SignedContext): () => Promise<Response> {
  let shared: { at: number; list: Promise<string> } | undefined
  let warnedAt = Number.NEGATIVE_INFINITY

  function warn(at: number): void {
    if (Math.abs(at - warnedAt) < seconds.betweenWarnings) return
    warnedAt = at
    const left = 'it omits revocations by the newest accounts, whose tokens keep working until they expire'
    context.onError(new Error(`The revocation list is full: ${left}.`), '-')
  }

  async function makeList(at: number): Promise<string> {
    const since = await validTokensIssuedSince(context.storage, { at, lifetime: context.lifetimes.authToken })
    const limit = revocationListLimits.entries
    const { hasFamilies, unlistedEditions: without } = context
    const found = await context.storage.listRevocations({ since, perUser, limit, families: hasFamilies, without })
    if (!found.isWhole) warn(at)
    const claims: RevocationClaims = { iss: context.issuer, iat: at, exp: at + seconds.life, revoked: [] }
    const families = found.families.map((value) => ({ kind: 'family', value }) as const)
    const entries = await Promise.all(
      [...found.revoked, ...families].map(async ({ kind, value }) => revocationEntry(kind, value)),
    )
    // Sorted, so that the order does not tell which entries belong to the same user.
    claims.revoked = entries.toSorted()
    const times = await timesOf(found)
    if (times.length > 0)
      claims.revoked_before = Object.fromEntries(times.toSorted(([one], [other]) => (one < other ? -1 : 1)))
    if (found.before !== undefined) claims.before = found.before
    return issueToken(january.tokens.revocations, claims, { signer: await context.keys.signer() })
  }

  function sharedList(): Promise<string> {
    const at = context.now()
    if (shared?.at === at) return shared.list
    const made = { at, list: makeList(at) }
    shared = made
    made.list.catch(() => {
      if (shared === made) shared = undefined
    })
    return made.list
  }

  return async function revocationList() {
    const headers = { 'content-type': 'application/jwt', 'cache-control': `public, max-age=${seconds.shared}` }
    return new Response(await sharedList(), { headers })
  }
}

async function timesOf({ revokedBefore, clientsRevokedBefore }: Revocations): Promise<(readonly [string, number])[]> {
  const ofUsers = revokedBefore.map(async ({ sub, at }) => [await revocationEntry('sub', sub), at] as const)
  const ofClients = clientsRevokedBefore.map(
    async ({ sub, client, at }) => [await revocationEntry('client', `${sub} ${client}`), at] as const,
  )
  return Promise.all([...ofUsers, ...ofClients])
}

/**
 * `POST /agent/revoke`: an agent revokes a refresh token that it no longer needs. The response is the same whether the token belongs to
 * this agent, belongs to another agent, or does not exist (RFC 7009 §2.2).
 */
export function revokeToken(
  context: SignedContext,
  { agent, delegate }: SigningAgent,
  form: ReadonlyMap<string, string>,
): ClaimingAction<Record<string, never>> {
  const tokenHash = hashSecret(requireParameter(form, 'token'))
  return {
    async claiming(nonce) {
      await context.storage.revokeRefreshToken({ nonce, tokenHash, agent, delegate })
      return {}
    },
  }
}
