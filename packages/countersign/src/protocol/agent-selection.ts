/** Agents that something is for: their identifiers, or a function that decides by one. */
export type AgentSelection = readonly string[] | ((agent: string) => boolean)

/** Whether an agent, where there is one, is among those selected. */
export function isSelected(selection: AgentSelection, agent: string | undefined): boolean {
  if (agent === undefined) return false
  return typeof selection === 'function' ? selection(agent) : selection.includes(agent)
}
