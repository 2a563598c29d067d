import { issueToken, type RevocationClaims, revocationEntry } from 'countersign'
import type { ServerContext } from '../context.js'

/** Entries that a list has at most: beyond, one time stands for all of them. */
const maxEntries = 5000

const seconds = { life: 120, shared: 1, clockDifference: 60 }

/** Where the list is, after the issuer. */
export const revocationListPath = '/.well-known/aauth-revocations'

/**
 * Creates what answers resources that poll for auth tokens taken back (attacks T23): a signed list of the grants, agents
 * and people that were, as long as one of their tokens may be alive. It is made once a second at most, however many ask.
 */
export function createRevocationListEndpoint(context: ServerContext): () => Promise<Response> {
  let shared: { at: number; list: Promise<string> } | undefined

  async function makeList(at: number): Promise<string> {
    const since = at - context.lifetimes.authToken - seconds.clockDifference
    const revoked = await context.storage.listRevocations({ since, limit: maxEntries + 1 })
    const claims: RevocationClaims = { iss: context.issuer, iat: at, exp: at + seconds.life, revoked: [] }
    const [newest] = revoked
    if (newest && revoked.length > maxEntries) claims.before = newest.at
    else claims.revoked = await Promise.all(revoked.map(async ({ kind, value }) => revocationEntry(kind, value)))
    return issueToken('revocations+jwt', claims, { signer: await context.keys.signer() })
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
