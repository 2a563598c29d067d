import { AgentMark, Host, Icon } from '../components/marks.js'
import { TimeOfDay } from '../components/moment.js'
import { Done } from '../components/notices.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { AgentsPage, EndedAgent } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import { renderAccountLayout } from './account-layout.js'
import { AgentEntry, Parties } from './agent-entry.js'
import { Devices } from './device-pages.js'
import { OtherPages } from './other-pages.js'

/**
 * Renders the agents that can act for the user: `data-state="agents"`, `"agents-empty"`, or `"agents-removed"` right after a revocation.
 *
 * @returns A complete HTML document.
 */
export function renderAgents(model: AgentsPage, messages: Messages = en): string {
  const { account } = messages
  const none = model.agents.length === 0 && !model.filter && model.newer === undefined
  return renderAccountLayout({
    frame: model,
    messages,
    title: model.removed ? account.removedTitle : messages.myAgents,
    state: model.removed ? 'agents-removed' : none ? 'agents-empty' : 'agents',
    section: 'agents',
    children: (
      <>
        <h1>{messages.myAgents}</h1>
        {model.removed && <Removed removed={model.removed} messages={messages} />}
        {model.confirmed && <Confirmed of={model.confirmed} messages={messages} />}
        {none ? <None model={model} messages={messages} /> : <Filled model={model} messages={messages} />}
        {model.devices && model.devices.length > 0 && (
          <Devices frame={model} devices={model.devices} messages={messages} />
        )}
        {model.deviceCodeHref !== undefined && (
          <p class="then">
            <a class="button quiet" href={model.deviceCodeHref}>
              {account.devices.codeHeading}
            </a>
          </p>
        )}
        {model.ended && model.ended.length > 0 && <Ended agents={model.ended} messages={messages} />}
      </>
    ),
  })
}

function Filled({ model, messages }: { model: AgentsPage; messages: Messages }) {
  const { account } = messages
  const { agents, filter } = model
  return (
    <>
      <p class="lead">{account.agentsLead}</p>
      {filter && (
        <search>
          <form class="filter" method="get" action={accountPaths.agents}>
            <label for="filter">{account.filter}</label>
            <input id="filter" name="filter" type="search" value={filter.text} dir="auto" autocomplete="off" />
            <button class="button quiet" type="submit">
              {account.find}
            </button>
          </form>
        </search>
      )}
      {filter && filter.text !== '' && (
        <p class="small" role="status">
          {messages.sentences(
            account.found(new Set(agents.map(({ agentHost }) => agentHost)).size, filter.total),
            <a href={accountPaths.agents}>{account.showAll}</a>,
          )}
        </p>
      )}
      {agents.length > 0 && (
        <ul class="entries">
          {agents.map((agent) => (
            <AgentEntry agent={agent} now={model.now} messages={messages} />
          ))}
        </ul>
      )}
      {model.older !== undefined && <p class="small">{account.moreAgents}</p>}
      <OtherPages label={account.agentPages} newer={model.newer} older={model.older} messages={messages} />
      {agents.length > 1 && (
        <p class="actions">
          <a class="quietly" href={accountPaths.removeAll}>
            {account.removeAll}
          </a>
        </p>
      )}
    </>
  )
}

/** What was just removed: when it stopped, and when what was already given ends. */
export function Removed(props: { removed: NonNullable<AgentsPage['removed']>; messages: Messages }) {
  const { removed, messages } = props
  const clock = (at: number) => <TimeOfDay at={at} messages={messages} />
  const { account } = messages
  const sentence = removed.isTold ? account.removedTold : account.removed
  return <Done>{sentence(clock(removed.stoppedAt), clock(removed.expiresBy))}</Done>
}

/** What users without agents see, who may have devices that were not allowed anything yet. */
function None({ model, messages }: { model: AgentsPage; messages: Messages }) {
  const { account } = messages
  if (model.devices?.length || model.confirmed?.isAllowed) return <p class="lead">{account.devices.noAccess}</p>
  return (
    <div class="empty">
      <span class="mark" aria-hidden="true">
        <Icon name="shield" />
      </span>
      <p class="lead">{account.noAgents}</p>
      <p>{account.noAgentsYet}</p>
    </div>
  )
}

/** The device that the user just confirmed or refused. It is in the list once it has learned of that. */
function Confirmed(props: { of: NonNullable<AgentsPage['confirmed']>; messages: Messages }) {
  const { of, messages } = props
  const { devices } = messages.account
  if (!of.isAllowed) return <Done>{devices.denied}</Done>
  const device = messages.quoted(<bdi>{of.device}</bdi>)
  return <Done>{messages.sentences(devices.confirmed(device), devices.afterConfirmed)}</Done>
}

/** The agents without access, and whether resources know. */
function Ended({ agents, messages }: { agents: readonly EndedAgent[]; messages: Messages }) {
  const { account } = messages
  return (
    <section>
      <h2>{account.withoutAccess}</h2>
      <ul class="entries">
        {agents.map((agent) => {
          const parties = <Parties of={agent} messages={messages} />
          return (
            <li class="entry">
              <AgentMark host={agent.agentHost} />
              <div class="who">
                <p>{parties}</p>
                {agent.told && <p>{account.told[agent.told](<Host>{agent.resourceHost}</Host>)}</p>}
                {agent.isBound && <p>{account.stillBound}</p>}
              </div>
              <ul class="ends">
                <li>
                  <a href={accountPaths.agent(agent.id)}>
                    {messages.details} <span class="unseen">{parties}</span>
                  </a>
                </li>
                {agent.isBound && (
                  <li>
                    <a href={accountPaths.removeAgent(agent.id)}>
                      {account.removeEntirely} <span class="unseen">{parties}</span>
                    </a>
                  </li>
                )}
              </ul>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
