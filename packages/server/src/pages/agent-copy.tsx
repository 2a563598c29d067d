import { cleanName } from '../policy/plain-text.js'
import { Host } from './host.js'
import type { Messages } from './messages/messages.js'

/** An agent's host and, where a copy of it is meant, the name that the agent gave that, in quotation marks. */
export function AgentCopy(props: { host: string; delegate: string | undefined; messages: Messages }) {
  const { host, delegate, messages } = props
  if (delegate === undefined) return <Host>{host}</Host>
  return <>{messages.copyOf(<Host>{host}</Host>, <CopyName delegate={delegate} messages={messages} />)}</>
}

/** What an agent calls a copy of itself, in quotation marks. */
export function CopyName({ delegate, messages }: { delegate: string; messages: Messages }) {
  return <span class="copy">{messages.quoted(<bdi>{cleanName(delegate) || '?'}</bdi>)}</span>
}
