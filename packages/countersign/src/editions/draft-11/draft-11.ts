import type { Edition } from '../edition.js'
import { draft11Agent } from './draft-11-agent.js'
import { draft11Resource } from './draft-11-resource.js'
import { draft11Tokens } from './tokens.js'

/** Draft -11 of AAuth (September 2026). */
export const draft11 = {
  ...draft11Agent,
  ...draft11Resource,
  tokens: draft11Tokens,
} as const satisfies Edition & Record<'tokens', object>
