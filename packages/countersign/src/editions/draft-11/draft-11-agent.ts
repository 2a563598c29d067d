import type { AgentEdition } from '../edition.js'
import { createAgentProtocol } from './agent-protocol.js'
import { draft11Documents } from './documents.js'
import { type Components, draft11AgentSigning, draft11BaseSigning } from './signing.js'

/** The agent's part of AAuth's draft -11: signatures cover the query and the body. */
export const draft11Agent = agentEdition(draft11AgentSigning.components)

/**
 * The same for resources that cannot verify more than draft -11 requires of every signature. Unless the resource requires it, anyone between
 * the agent and such a resource can change the query and the body of a request. Requests to the person server are signed as usual.
 */
export const draft11AgentWithBaseCoverage = agentEdition(draft11BaseSigning.components)

function agentEdition(resourceComponents: Components) {
  return {
    name: 'draft -11',
    documents: draft11Documents,
    signing: draft11AgentSigning,
    createAgentProtocol: (tools) => createAgentProtocol(tools, resourceComponents),
  } as const satisfies AgentEdition
}
