import type { AgentEdition } from '../edition.js'
import { createAgentProtocol } from './agent-protocol.js'
import { januaryDocuments } from './documents.js'
import { januarySigning } from './signature-key.js'

/** The agent's part of AAuth as of January 2026. */
export const januaryAgent = {
  name: 'January 2026',
  documents: januaryDocuments,
  signing: januarySigning,
  createAgentProtocol,
} as const satisfies AgentEdition
