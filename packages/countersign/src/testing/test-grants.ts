import type { Signer } from '../index.js'
import { type AuthTokenClaims, january, type RevocationClaims, revocationEntry } from '../low-level-exports/editions.js'
import { issueToken } from '../low-level-exports/tokens.js'

/** A grant, in the form in which an auth server stores it. */
export interface TestGrant {
  id: string
  agent: string
  resource: string
  scope: string
  /** The user. */
  sub: string
  isRevoked: boolean
}

/** One auth server's grants. */
export interface TestGrants {
  readonly issuer: string
  readonly signer: Signer
  /** Signs OAuth access tokens, which have their own keys. */
  readonly oauthSigner: Signer
  add(grant: Omit<TestGrant, 'id' | 'isRevoked'>): TestGrant
  /** The grant that covers a request, if a user has made one and not revoked it. */
  find(request: Omit<TestGrant, 'id' | 'isRevoked'>): TestGrant | undefined
  /** Revokes a user's grants or, if an agent is given, only the user's grants to that agent. */
  revoke(sub: string, agent?: string): void
  /** Issues an auth token bound to a key (S§7.3), optionally with changed claims or signed by another key. */
  issue(grant: TestGrant, jwk: object, changes?: TokenChanges): Promise<string>
  /** The signed revocation list. */
  list(): Promise<string>
}

export interface TokenChanges {
  claims?: Partial<AuthTokenClaims> | undefined
  signer?: Signer | undefined
}

/** Lifetimes of auth tokens and revocation lists, in seconds. */
export const lifetimes = { token: 600, list: 120 } as const

/** Creates a test auth server's grants, from which tokens and the revocation list are issued. @param now Unix seconds */
export function createTestGrants(
  issuer: string,
  { signer, oauthSigner }: Pick<TestGrants, 'signer' | 'oauthSigner'>,
  now: () => number,
): TestGrants {
  const grants: TestGrant[] = []
  let tokens = 0

  return {
    issuer,
    signer,
    oauthSigner,
    add(given) {
      const grant = { ...given, id: `grant-${grants.length + 1}`, isRevoked: false }
      grants.push(grant)
      return grant
    },
    find({ agent, resource, scope, sub }) {
      const isCovered = (granted: string) =>
        scope === '' || scope.split(' ').every((value) => granted.split(' ').includes(value))
      const covers = (grant: TestGrant) =>
        grant.agent === agent && grant.resource === resource && grant.sub === sub && isCovered(grant.scope)
      return grants.find((grant) => !grant.isRevoked && covers(grant))
    },
    revoke(sub, agent) {
      for (const grant of grants)
        if (grant.sub === sub && (agent === undefined || grant.agent === agent)) grant.isRevoked = true
    },
    issue({ id, agent, resource, scope, sub }, jwk, changes = {}) {
      const claims: AuthTokenClaims = {
        iss: issuer,
        aud: resource,
        cnf: { jwk },
        ...(scope === '' ? {} : { scope }),
        exp: now() + lifetimes.token,
        // Omitted if the agent is the resource (S§3.5).
        ...(agent === resource ? {} : { agent }),
        sub,
        jti: `${id}.${++tokens}`,
        ...changes.claims,
      }
      return issueToken(january.tokens.auth, claims, { signer: changes.signer ?? signer, now })
    },
    async list() {
      const gone = grants.filter(({ isRevoked }) => isRevoked)
      const revoked = await Promise.all(gone.map(({ id }) => revocationEntry('grant', id)))
      const claims: RevocationClaims = { iss: issuer, iat: now(), exp: now() + lifetimes.list, revoked }
      return issueToken(january.tokens.revocations, claims, { signer, now })
    },
  }
}
