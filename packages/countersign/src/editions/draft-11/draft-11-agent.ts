import type { AgentEdition } from '../edition.js'
import { createAgentProtocol } from './agent-protocol.js'
import { draft11Documents } from './documents.js'
import { draft11AgentSigning } from './signing.js'

/** The agent's part of AAuth's draft -11. */
export const draft11Agent = {
  name: 'draft -11',
  documents: draft11Documents,
  signing: draft11AgentSigning,
  createAgentProtocol,
} as const satisfies AgentEdition
