import { publishedJwk } from '../../lib/algorithms.js'
import { isFetchableUrl } from '../../protocol/documents.js'
import { issueToken } from '../../tokens/issue-token.js'
import type { AgentServerEdition } from '../agent-server-edition.js'
import { isServerId } from './agent-id.js'
import { draft11Jose, requireUsableSigner } from './algorithms.js'
import { draft11Documents } from './documents.js'
import { sendRevocation } from './send-revocation.js'
import { draft11Tokens } from './tokens.js'

/** The server of an agent with many installations, as an agent provider of AAuth's draft -11 (§4.3, 5.3). */
export const draft11AgentServer: AgentServerEdition = {
  document: draft11Documents.agent,
  hasAudiences: false,
  describe({ id, signer, redirectUris, about = {}, allowInsecureLoopback }) {
    if (!isServerId(id, { allowInsecureLoopback }))
      throw new TypeError(`id: in draft -11, an agent's identifier has no port and no path: ${String(id)}`)
    requireUsableSigner('signer', signer)
    const pages = redirectUris.filter((uri) => uri.startsWith('https://'))
    const isLocal = redirectUris.some((uri) => uri.startsWith('http://'))
    const [page] = pages
    if (pages.length > 1 || redirectUris.some((uri) => !/^https?:\/\//.test(uri)))
      throw new TypeError('redirectUris: in draft -11, list at most one https URL, and one on loopback')
    const { name, logo_uri, policy_uri, tos_uri } = about
    const described = Object.entries({ name, logo_uri, policy_uri, tos_uri }).filter(([, value]) => value !== undefined)
    return {
      issuer: id,
      jwks_uri: `${id}/jwks.json`,
      ...Object.fromEntries(described),
      ...(page === undefined ? {} : { callback_endpoint: page }),
      ...(isLocal ? { localhost_callback_allowed: true } : {}),
    }
  },
  nameProblem: (name) =>
    typeof name === 'string' && /^[A-Za-z0-9\-_.]{1,255}$/.test(name)
      ? undefined
      : 'must be 1 to 255 letters, digits, hyphens, underscores and dots, because it is part of aauth:name@host',
  issue({ id, signer, lifetime, now }, { name, jwk, audience: ps, issuedAt, jti }) {
    const { kid: _kid, use: _use, ...key } = publishedJwk(jwk, draft11Jose)
    const claims = {
      iss: id,
      dwk: draft11Documents.agent.name,
      sub: `aauth:${name}@${new URL(id).host}`,
      cnf: { jwk: key },
      ...(ps === undefined ? {} : { ps }),
      iat: issuedAt,
      exp: issuedAt + lifetime,
      jti,
    }
    return issueToken(draft11Tokens.agent, claims, { signer, now })
  },
  async report({ authServer, ...token }, { discovery, ...tools }) {
    const metadata = await discovery.findMetadata(draft11Documents.authServer, authServer)
    if ('failure' in metadata) return 'failed'
    const { revocation_endpoint: endpoint } = metadata.found
    if (endpoint === undefined || !isFetchableUrl(endpoint, tools)) return 'unsupported'
    return sendRevocation(endpoint, token, { ...tools, wellKnown: draft11Documents.agent.name })
  },
}
