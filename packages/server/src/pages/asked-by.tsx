import { Host } from './host.js'
import type { Messages } from './messages/messages.js'

interface Asked {
  agentHost?: string | undefined
  resourceHost?: string | undefined
  messages: Messages
  /** What it says outside of a request. @default nothing */
  otherwise?: string | undefined
  /** What comes after who asks. @default that nothing is allowed yet */
  next?: string | undefined
}

/** The lead text that says which agent asked, above the sign-in form. */
export function AskedBy({ agentHost, resourceHost, messages, otherwise, next = messages.signInNext }: Asked) {
  if (agentHost === undefined || resourceHost === undefined) return <p class="lead">{otherwise}</p>
  return (
    <p class="lead">
      {agentHost === resourceHost
        ? messages.signInForAgent(<Host>{agentHost}</Host>)
        : messages.signInReason(<Host>{agentHost}</Host>, <Host>{resourceHost}</Host>)}{' '}
      {next}
    </p>
  )
}
