import type { Edition } from '../edition.js'
import { januaryHeaders } from './headers.js'
import { januaryAgent } from './january-agent.js'
import { parseSignatureKey } from './parse-signature-key.js'
import { writeRefusal } from './refusals.js'
import { createKeyResolver } from './resolve-key.js'
import { createResourceProtocol } from './resource-protocol.js'
import { januaryTokens } from './tokens.js'

/** AAuth as of January 2026. */
export const january = {
  ...januaryAgent,
  tokens: januaryTokens,
  headers: januaryHeaders,
  signing: { ...januaryAgent.signing, parseKey: parseSignatureKey },
  createKeyResolver,
  writeRefusal,
  createResourceProtocol,
} as const satisfies Edition & Record<'tokens' | 'headers', object>
