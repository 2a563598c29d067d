import { AgentDelegate, AgentMark, CallText, Host } from '../components/marks.js'
import { Day, DayAndTime } from '../components/moment.js'
import { MissingInfo } from '../components/notices.js'
import { byConcern, RiskWords, Until, Words } from '../components/permission-lists.js'
import type { Messages } from '../messages/messages.js'
import type { AllowedAgent } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'

interface Entry {
  agent: AllowedAgent
  now: number
  messages: Messages
}

/**
 * One agent in the list: its name, where it has access, what it can do, how long it has had access, when the access expires, and the link
 * to remove it.
 */
export function AgentEntry({ agent, now, messages }: Entry) {
  const { account } = messages
  const host = <AgentDelegate host={agent.agentHost} delegate={agent.delegate} messages={messages} />
  const resource = <Host>{agent.resourceHost}</Host>
  const hidden = agent.able.length - briefOf(agent.able).length + (agent.more ?? 0)
  const which = (
    <span class="unseen">
      {account.ofAgent(host, resource)}
      <WithAccount after=" " name={agent.account} messages={messages} />
    </span>
  )
  return (
    <li class="entry">
      <AgentMark host={agent.agentHost} logo={agent.logo} />
      <div class="who">
        <h2>{host}</h2>
        {agent.agentName && <p class="claim">{messages.callsItself(messages.quoted(<bdi>{agent.agentName}</bdi>))}</p>}
        <p>{agent.agentHost === agent.resourceHost ? account.signsIn : account.actsAt(resource)}</p>
        {agent.account !== undefined && (
          <p>
            <WithAccount name={agent.account} messages={messages} />
          </p>
        )}
        <AgentNotes agent={agent} messages={messages} />
      </div>
      <ul class="brief">
        {briefOf(agent.able).map((permission) => (
          <li data-risk={permission.risk}>
            <RiskWords risk={permission.risk} messages={messages} />{' '}
            <span>
              <Words permission={permission} messages={messages} />
              <Until at={permission.until} now={now} messages={messages} />
            </span>
          </li>
        ))}
        {hidden > 0 && <li>{account.morePermissions(hidden)}</li>}
      </ul>
      <p class="small">
        <Span agent={agent} now={now} messages={messages} />
      </p>
      <ul class="ends">
        <li>
          <a href={accountPaths.agent(agent.id)}>
            {messages.details} {which}
          </a>
        </li>
        <li>
          <a class="button remove" href={accountPaths.removeAgent(agent.id)}>
            {account.remove} {which}
          </a>
        </li>
      </ul>
    </li>
  )
}

/** The maximum number of permissions in an entry of the list. */
const mostInBrief = 20

/** The permissions for an entry of the list: all if there are few, otherwise the most dangerous ones. */
function briefOf(able: AllowedAgent['able']): AllowedAgent['able'] {
  return able.length <= mostInBrief ? able : [...able].sort(byConcern).slice(0, mostInBrief)
}

/** Whether an agent proves that its requests are its own, and what has happened to it since the user allowed it. */
export function AgentNotes({ agent, messages: { account } }: Pick<Entry, 'agent' | 'messages'>) {
  return (
    <>
      <p>{agent.bearer ? account.worksForCopies : account.signsRequests}</p>
      {agent.call !== undefined && <p>{account.onlyOnce(<CallText text={agent.call} />)}</p>}
      {agent.isUnused && <MissingInfo>{account.unused}</MissingInfo>}
      {agent.hasChanged && <MissingInfo>{account.hasChanged}</MissingInfo>}
      {agent.blocked && <MissingInfo>{account.blocked[agent.blocked]}</MissingInfo>}
    </>
  )
}

/** Number of seconds before expiry from which the time of day is shown as well. */
const ENDS_SOON = 2 * 86400

/** In sentences: since when the agent has had access, when the agent was last used and, while it has access, when that access expires. */
export function Span({ agent, ended, now, messages }: Entry & { ended?: boolean }) {
  const { account } = messages
  const day = (at: number) => <Day at={at} now={now} messages={messages} />
  const endOf = (at: number) => (at - now < ENDS_SOON ? <DayAndTime at={at} now={now} messages={messages} /> : day(at))
  return (
    <>
      {messages.sentences(
        <span class="phrase">{account.allowedOn(day(agent.since))}</span>,
        <span class="phrase">
          {agent.lastUsed === undefined ? account.notUsedYet : account.lastUsedOn(day(agent.lastUsed))}
        </span>,
        !ended && (
          <span class="phrase">
            {agent.ends === undefined ? account.endsWhenRemoved : account.endsOn(endOf(agent.ends))}
          </span>
        ),
      )}
    </>
  )
}

/** With which account at the resource an agent has access, if the user allowed it for one. */
function WithAccount({ name, after, messages }: { name: string | undefined; after?: string; messages: Messages }) {
  if (name === undefined) return null
  return (
    <>
      {after}
      {messages.account.withAccount(messages.quoted(<bdi>{name}</bdi>))}
    </>
  )
}

interface Named {
  of: Pick<AllowedAgent, 'agentHost' | 'delegate' | 'resourceHost' | 'account'>
  messages: Messages
}

/** An agent, and where it has access. An agent that signs users in has access to itself. */
export function Parties({ of: { agentHost, delegate, resourceHost, account }, messages }: Named) {
  const agent = <AgentDelegate host={agentHost} delegate={delegate} messages={messages} />
  if (agentHost === resourceHost) return agent
  return (
    <>
      {messages.account.agentHeading(agent, <Host>{resourceHost}</Host>)}
      <WithAccount after=" " name={account} messages={messages} />
    </>
  )
}
