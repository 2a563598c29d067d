import type { Edition } from '../edition.js'
import { createAgentProtocol } from './agent-protocol.js'
import { januaryDocuments } from './documents.js'
import { januaryHeaders } from './headers.js'
import { writeRefusal } from './refusals.js'
import { createKeyResolver } from './resolve-key.js'
import { createResourceProtocol } from './resource-protocol.js'
import { januarySigning } from './signing.js'
import { januaryTokens } from './tokens.js'

/** AAuth as of January 2026. */
export const january = {
  name: 'January 2026',
  documents: januaryDocuments,
  tokens: januaryTokens,
  headers: januaryHeaders,
  signing: januarySigning,
  createKeyResolver,
  writeRefusal,
  createResourceProtocol,
  createAgentProtocol,
} as const satisfies Edition & Record<'tokens' | 'headers', object>
