import type { AllowedAgent } from '../account-models.js'
import { AgentCopy } from '../agent-copy.js'
import { Host } from '../host.js'
import type { Messages } from '../messages/messages.js'

interface Named {
  of: Pick<AllowedAgent, 'agentHost' | 'delegate' | 'resourceHost'>
  messages: Messages
}

/** An agent, and where it has access; one that signs people in has that nowhere else. */
export function Parties({ of: { agentHost, delegate, resourceHost }, messages }: Named) {
  const agent = <AgentCopy host={agentHost} delegate={delegate} messages={messages} />
  if (agentHost === resourceHost) return agent
  return <>{messages.account.agentHeading(agent, <Host>{resourceHost}</Host>)}</>
}
