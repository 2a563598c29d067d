import type { BodyCoverage } from '../httpsig/covered-components.js'
import { type AgentSelection, isSelected } from '../protocol/agent-selection.js'
import type { ResolvedKey } from './key-resolver.js'

/**
 * Whether a body must be signed, by who signed, where some agents may leave theirs unsigned; undefined: none may. Where it
 * depends on the agent, keys are looked for before it is known.
 */
export function bodyCoverage(unsignedBodies: AgentSelection): ((resolved: ResolvedKey) => BodyCoverage) | undefined {
  if (typeof unsignedBodies !== 'function' && unsignedBodies.length === 0) return undefined
  return ({ agent }) => (isSelected(unsignedBodies, agent) ? 'if-covered' : 'required')
}
