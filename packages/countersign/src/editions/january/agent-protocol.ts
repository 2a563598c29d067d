import * as platform from '#crypto'
import { findTokenKey } from '../../discovery/discovery.js'
import type { KeyReference } from '../../httpsig/signing-profile.js'
import { AgentError } from '../../lib/agent-error.js'
import { AAuthError } from '../../lib/errors.js'
import { isIdentifier, isUnder } from '../../protocol/documents.js'
import { decodeToken, verifyToken } from '../../tokens/verify-token.js'
import type { AgentProtocol, AgentTools, Credential, ReadRefusal, Step, TokenNeed } from '../agent-protocol.js'
import { requireTokenKey } from '../auth-server-requests.js'
import { type JanuaryChallenge, parseChallenge } from './challenge.js'
import { type AgentMetadata, januaryDocuments } from './documents.js'
import { createPendingConsents } from './pending-consents.js'
import { redeemConsent, refreshAuthToken, requestAuthToken, type TokenRequester } from './request-auth-token.js'
import { januaryHeaders, signatureProblem } from './signature-key.js'
import { authToken, resourceTokenType } from './tokens.js'

/** An agent's side of the protocol (S§3, 4, 8.1, 9). */
export function createAgentProtocol(tools: AgentTools): AgentProtocol {
  const { id, signer, discovery, agentToken, interop, redirectUri } = tools
  const requester: TokenRequester = {
    ...tools,
    send: (request) => tools.send(request, { scheme: 'agent' }),
    thumbprint: signer.thumbprint,
    stateOptional: interop.stateOptional ?? [],
  }
  const pending = createPendingConsents({
    ...tools,
    exchangeCode: (...exchange) => redeemConsent(requester, ...exchange),
  })
  const { kid: _kid, alg: _alg, use: _use, ...members } = signer.jwk
  const headerKey: KeyReference = { scheme: 'hwk', jwk: members }
  const { name: wellKnown } = januaryDocuments.agent
  const publishedKey: KeyReference = { scheme: 'jwks', id, kid: signer.kid, wellKnown }
  const metadata: AgentMetadata = {
    agent: id,
    jwks_uri: `${id}/jwks.json`,
    redirect_uris: [redirectUri],
    ...tools.about,
  }

  return {
    metadata: { ...metadata },
    keys: [signer.jwk],
    async signatureFor(credential, { url }) {
      if (credential.scheme === 'key') return { signatureKey: headerKey }
      const jwt = credential.scheme === 'token' ? credential.held.jwt : await agentToken?.(url)
      return { signatureKey: jwt === undefined ? publishedKey : { scheme: 'jwt', jwt } }
    },
    readRefusal,
    stepFor: (status, challenge, credential) => stepFor(status, challenge as JanuaryChallenge, credential),
    async requiredToken({ resourceToken, authServer }, { url }): Promise<TokenNeed | undefined> {
      if (resourceToken === undefined || authServer === undefined) return undefined
      const { thumbprint } = signer
      const { resource, scope, call } = requireResourceToken(resourceToken, { url, authServer, agent: id, thumbprint })
      // A hash, because it becomes part of names in the store.
      const hash = call ? await platform.hashText(JSON.stringify(call)) : undefined
      return { resource, authServer, scope, resourceToken, call: hash }
    },
    obtain: (need, owner, signal) => requestAuthToken(requester, pending, need, { owner, signal }),
    waitFor: (page, owner, signal) => pending.waitForPage(page, owner, signal),
    refresh: (held, signal) => refreshAuthToken(requester, held, signal),
    async verifyOwn({ jwt, authServer }) {
      const { claims } = await verifyToken(authToken, jwt, {
        ...tools,
        audience: id,
        issuers: [authServer],
        findKey: findTokenKey(discovery, januaryDocuments.authServer, (found) => requireTokenKey(authServer, found)),
      })
      return { ...claims }
    },
    async complete(parameters, owner) {
      const match = await pending.complete(parameters, owner)
      if (!match.matched) return match
      const { answer, finished } = match
      const refused = 'error' in answer ? (answer.error === 'access_denied' ? 'denied' : 'failed') : undefined
      return { matched: true, decision: refused ?? 'allowed', finished }
    },
  }
}

function readRefusal(response: Response): ReadRefusal {
  const isRefused = [401, 403, 429].includes(response.status)
  const header = isRefused ? response.headers.get(januaryHeaders.challenge) : null
  return { challenge: header === null ? undefined : readChallenge(header), problem: signatureProblem(response) }
}

function readChallenge(header: string): JanuaryChallenge | undefined {
  try {
    return parseChallenge(header)
  } catch (error) {
    // An unreadable challenge must not hide the response that carried it.
    if (!(error instanceof AAuthError)) throw error
    if (error.code !== 'challenge_unsupported') return undefined
    throw new AgentError('challenge_unsupported', error.message, { cause: error })
  }
}

function stepFor(status: number, challenge: JanuaryChallenge, credential: Credential): Step | undefined {
  if (challenge.level === 'identity') return credential.scheme === 'key' ? 'identify' : undefined
  if (challenge.level !== 'authorization') return undefined
  if (credential.scheme === 'key') return challenge.resourceToken === undefined ? 'identify' : 'authorize'
  if (credential.scheme === 'token' && status === 401) {
    if (credential.held.refreshToken !== undefined) return 'refresh'
    if (challenge.resourceToken === undefined) return 'dropToken'
  }
  return 'authorize'
}

/** The expected claims of the resource token (W21). */
interface ExpectedResourceToken {
  url: string
  authServer: string
  agent: string
  thumbprint: string
}

/**
 * Checks that a resource token matches this request before the token is forwarded. Otherwise, a resource could make the agent request
 * access to another resource. The auth server verifies the signature.
 *
 * @throws AgentError `resource_token_refused`
 */
function requireResourceToken(
  compact: string,
  expected: ExpectedResourceToken,
): Pick<TokenNeed, 'resource' | 'scope'> & { call: unknown } {
  const refuse = (why: string) => new AgentError('resource_token_refused', `The resource token was rejected: ${why}.`)
  const token = decodeToken(compact)
  if (token?.header.typ !== resourceTokenType) throw refuse(`it is not a token of type ${resourceTokenType}`)
  const { iss, aud, agent, agent_jkt: thumbprint, scope, call } = token.payload
  if (!isIdentifier(iss, { allowInsecureLoopback: true, allowPath: true }) || !isUnder(expected.url, iss))
    throw refuse('its iss is not the resource that was called')
  if (aud !== expected.authServer) throw refuse('its aud is not the auth_server of the challenge')
  if (agent !== expected.agent) throw refuse('its agent is not this agent')
  if (thumbprint !== expected.thumbprint) throw refuse('its agent_jkt is not this agent’s key')
  return { resource: iss, scope: typeof scope === 'string' ? scope : undefined, call }
}
