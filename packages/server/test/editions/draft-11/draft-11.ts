import type { Edition } from 'countersign/editions'
import { createAgentProtocol } from './library/agent-protocol.js'
import { documents } from './library/documents.js'
import { headers } from './library/headers.js'
import { createKeyResolver } from './library/resolve-key.js'
import { createResourceProtocol } from './library/resource-protocol.js'
import { signing } from './library/signing.js'
import { tokens } from './library/tokens.js'
import { writeRefusal } from './library/write-refusal.js'

/** The part of AAuth's draft -11 in which a person server issues person and auth tokens to an agent that vouches for itself. */
export const draft11 = {
  name: 'draft -11',
  documents,
  tokens,
  headers,
  signing,
  createKeyResolver,
  writeRefusal,
  createResourceProtocol,
  createAgentProtocol,
} as const satisfies Edition & Record<'tokens' | 'headers', object>
