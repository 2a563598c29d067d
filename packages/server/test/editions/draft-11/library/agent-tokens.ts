import type { AgentTools } from 'countersign/editions'
import { issueToken, publishedJwk } from 'countersign/tokens'
import { ownAgentId } from './agent-id.js'
import { documents } from './documents.js'
import { joseNames } from './jose-names.js'
import { tokens } from './tokens.js'

const seconds = { life: 3600, renewal: 300 }

/**
 * Returns a function that provides the agent token of an agent that vouches for itself, and replaces it a few minutes before it expires.
 */
export function createAgentTokens({ id, signer, authServers, now }: AgentTools): () => Promise<string> {
  const [ps] = authServers
  let held: { jwt: Promise<string>; until: number } | undefined

  function issue(at: number): Promise<string> {
    const claims = {
      iss: id,
      dwk: documents.agent.name,
      sub: ownAgentId(id),
      cnf: { jwk: publishedJwk(signer.jwk, joseNames) },
      ...(ps === undefined ? {} : { ps }),
      iat: at,
      exp: at + seconds.life,
      jti: crypto.randomUUID(),
    }
    return issueToken(tokens.agent, claims, { signer, now })
  }

  return async function agentToken() {
    const at = Math.floor(now())
    if (!held || held.until <= at) held = { jwt: issue(at), until: at + seconds.life - seconds.renewal }
    return held.jwt
  }
}
