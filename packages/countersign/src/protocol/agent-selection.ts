/** The agents to which something applies: their identifiers, or a function that decides by identifier. */
export type AgentSelection = readonly string[] | ((agent: string) => boolean)

/** Whether an agent is selected; false without an agent. */
export function isSelected(selection: AgentSelection, agent: string | undefined): boolean {
  if (agent === undefined) return false
  return typeof selection === 'function' ? selection(agent) : selection.includes(agent)
}
