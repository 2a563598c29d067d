import { createSigner, january } from 'countersign'
import { documentUrl } from 'countersign/wire'
import type { WrittenAgent } from './agent-folder.js'

/** A document of an agent: where it is published, and what is in it. */
export interface AgentDocument {
  /** Below the agent's identifier, without a slash at the start: `jwks.json`. */
  path: string
  url: string
  document: Readonly<Record<string, unknown>>
}

/** Where people come back to: on whatever port the command listens (W24). */
export const portableRedirect = 'http://127.0.0.1/callback'

/** What an agent publishes, such as on a host of static files: its description, and its public keys. */
export async function agentDocuments({ id, name, keys }: WrittenAgent): Promise<[AgentDocument, AgentDocument]> {
  const { signing, next } = keys
  const signers = await Promise.all((next ? [signing, next] : [signing]).map(createSigner))
  const jwksUri = `${id}/jwks.json`
  const about = {
    agent: id,
    jwks_uri: jwksUri,
    redirect_uris: [portableRedirect],
    ...(name === undefined ? {} : { name }),
  }
  return [
    documentAt(id, documentUrl(january.documents.agent, id), about),
    documentAt(id, jwksUri, { keys: signers.map(({ jwk }) => jwk) }),
  ]
}

function documentAt(id: string, url: string, document: AgentDocument['document']): AgentDocument {
  return { path: url.slice(id.length + 1), url, document }
}
