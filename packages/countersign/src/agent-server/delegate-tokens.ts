import type { AgentServerEdition } from '../editions/agent-server-edition.js'
import { january } from '../editions/january/january.js'
import { issueToken } from '../tokens/issue-token.js'

/** The longest lifetime of an agent token, in seconds: recipients accept 24 hours by their own clocks, which may be behind. */
export const maxTokenLifetime = 82_800

/** The server of an agent with many installations in January 2026 (S§5). */
export const januaryAgentServer: AgentServerEdition = {
  document: january.documents.agent,
  hasAudiences: true,
  describe: ({ id, redirectUris, about }) => ({
    agent: id,
    jwks_uri: `${id}/jwks.json`,
    redirect_uris: [...redirectUris],
    ...about,
  }),
  // Gateways forward names in headers, and pages show them.
  nameProblem: (name) =>
    typeof name === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(name)
      ? undefined
      : 'must be 1 to 255 printable ASCII characters without a space at either end, because APIs receive it in a header',
  issue({ id, signer, lifetime, now }, { name, jwk, issuedAt, audience = '' }) {
    const { kid: _kid, use: _use, alg: _alg, ...key } = jwk
    const claims = { iss: id, sub: name, aud: audience, cnf: { jwk: key }, exp: issuedAt + lifetime }
    return issueToken(january.tokens.agent, claims, { signer, now })
  },
}
