import type { Edition } from '../edition.js'
import { januaryAgent } from './january-agent.js'
import { januaryResource } from './january-resource.js'
import { januaryHeaders } from './signature-key.js'
import { januaryTokens } from './tokens.js'

/** AAuth as of January 2026. */
export const january = {
  ...januaryAgent,
  ...januaryResource,
  tokens: januaryTokens,
  headers: januaryHeaders,
} as const satisfies Edition & Record<'tokens' | 'headers', object>
