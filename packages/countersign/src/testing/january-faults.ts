import { january, parseChallenge } from '../entry-points/editions.js'
import { decodeToken, parseJsonObject } from '../entry-points/tokens.js'
import type { FaultForm } from './test-faults.js'

/** The faulty requests of January 2026. */
export const januaryFaults: FaultForm = {
  profile: january.signing,
  keyReference({ jwk }) {
    const { kid: _kid, alg: _alg, use: _use, ...members } = jwk
    return { scheme: 'hwk', jwk: members }
  },
  agentReference: async ({ id, signer }) => ({
    scheme: 'jwks',
    id,
    kid: signer.kid,
    wellKnown: january.documents.agent.name,
  }),
  issue: ({ grants, signer }, grant, changes) => grants.issue(grant, signer.jwk, changes),
  async accessIn({ status, headers }, text) {
    const header = headers.get(january.headers.challenge)
    const { error } = parseJsonObject(text) ?? {}
    if (status !== 401 || header === null || error !== 'expired_auth_token') return undefined
    const { resourceToken } = parseChallenge(header)
    const scope = resourceToken && decodeToken(resourceToken)?.payload.scope
    return { scope: typeof scope === 'string' ? scope : undefined }
  },
  narrow: async (scope) => scope.split(' ').slice(0, -1).join(' '),
  // An API with `denyList` has read the revocation by then.
  async revoke({ clock }, grant) {
    grant.isRevoked = true
    clock.advance(5)
  },
}
