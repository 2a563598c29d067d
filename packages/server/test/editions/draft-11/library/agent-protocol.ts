import { AgentError } from 'countersign/agent'
import type {
  AgentProtocol,
  AgentTools,
  AuthClaims,
  Challenge,
  Credential,
  ReadRefusal,
  Step,
  TokenNeed,
} from 'countersign/editions'
import { publishedJwk } from 'countersign/tokens'
import { createAgentTokens } from './agent-tokens.js'
import type { AgentDocument } from './documents.js'
import { headers } from './headers.js'
import { joseNames } from './jose-names.js'
import { obtainToken } from './obtain-token.js'
import { requireResourceToken } from './require-resource-token.js'
import { parseRequirement } from './requirement.js'
import { tokens } from './tokens.js'
import { verifyIssued } from './verify-issued.js'

/** The agent's side of the protocol. */
export function createAgentProtocol(tools: AgentTools): AgentProtocol {
  const { id, signer, about } = tools
  const agentToken = tools.agentToken ?? createAgentTokens(tools)
  const metadata: AgentDocument = { issuer: id, jwks_uri: `${id}/jwks.json`, ...about }

  return {
    metadata: { ...metadata },
    keys: [publishedJwk(signer.jwk, joseNames)],
    async signatureFor(credential) {
      const jwt = credential.scheme === 'token' ? credential.held.jwt : await agentToken()
      return { signatureKey: { scheme: 'jwt', jwt } }
    },
    readRefusal,
    stepFor: (_status, challenge, credential) => stepFor(challenge, credential),
    requiredToken(challenge, { url, credential }) {
      if (challenge.level === 'person-token') return personNeed(tools, url)
      if (credential.scheme !== 'token' || challenge.resourceToken === undefined) return undefined
      return requireResourceToken(challenge.resourceToken, { url, presented: credential.held, signer })
    },
    async obtain(need, owner, signal) {
      const token = await obtainToken(tools, need, { owner, signal })
      await tools.keep(token, owner, signal)
      return token
    },
    refresh: async () => undefined,
    async verifyOwn({ jwt, authServer }): Promise<AuthClaims> {
      const { claims } = await verifyIssued(tools, tokens.person, jwt, { resource: id, authServer })
      return { ...claims }
    },
    complete: undefined,
  }
}

function readRefusal(response: Response): ReadRefusal {
  const said = response.headers.get(headers.problem) ?? ''
  const problem = /\berror=unknown_key\b/.test(said)
    ? 'key_unknown'
    : /\berror=invalid_signature\b/.test(said)
      ? 'signature_refused'
      : undefined
  const asked = response.status === 401 ? parseRequirement(response.headers.get(headers.requirement) ?? '') : undefined
  if (!asked || asked.requirement === 'interaction' || asked.requirement === 'approval') return { problem }
  return { challenge: { level: asked.requirement, resourceToken: asked.resourceToken }, problem }
}

/** Tokens are obtained in order of increasing access: agent, person, auth. */
function stepFor({ level }: Challenge, credential: Credential): Step | undefined {
  if (level === 'auth-token') return 'authorize'
  if (credential.scheme === 'token') return 'dropToken'
  return level === 'person-token' ? 'authorize' : undefined
}

function personNeed({ authServers: [authServer] }: AgentTools, url: string): TokenNeed {
  if (authServer === undefined)
    throw new AgentError(
      'auth_server_unknown',
      'List a person server in authServers: this edition uses the agent’s own person server.',
    )
  return { resource: new URL(url).origin, authServer, scope: undefined }
}
