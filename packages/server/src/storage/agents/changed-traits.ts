import type { AgentTraits } from './agent-storage.js'

/** What differs between two sightings of an agent, for the audit; undefined: nothing. */
export function changedTraits(before: AgentTraits, after: AgentTraits): Record<string, true> | undefined {
  const changes = {
    ...(before.name !== after.name && { name: true as const }),
    ...(differ(before.redirectHosts, after.redirectHosts) && { redirectHosts: true as const }),
    ...(differ(before.keyThumbprints, after.keyThumbprints) && { keyThumbprints: true as const }),
  }
  return Object.keys(changes).length === 0 ? undefined : changes
}

function differ(before: readonly string[], after: readonly string[]): boolean {
  const known = new Set(before)
  return new Set(after).size !== known.size || after.some((value) => !known.has(value))
}
