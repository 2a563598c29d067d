import type { AllowedAgent } from '../account-models.js'
import { Host } from '../host.js'
import type { Messages } from '../messages/messages.js'

interface Named {
  of: Pick<AllowedAgent, 'agentHost' | 'resourceHost'>
  messages: Messages
}

/** An agent, and where it has access; one that signs people in has that nowhere else. */
export function Parties({ of: { agentHost, resourceHost }, messages }: Named) {
  const agent = <Host>{agentHost}</Host>
  if (agentHost === resourceHost) return agent
  return <>{messages.account.agentHeading(agent, <Host>{resourceHost}</Host>)}</>
}
