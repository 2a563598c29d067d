import { AgentDelegate, Icon } from '../components/marks.js'
import { TimeOfDay } from '../components/moment.js'
import { Done } from '../components/notices.js'
import { en } from '../messages/en.js'
import type { Messages } from '../messages/messages.js'
import type { AgentsPage } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import { renderAccountLayout } from './account-layout.js'
import { AgentEntry } from './agent-entry.js'
import { OtherPages } from './other-pages.js'

/**
 * Renders the agents that can act for the user: `data-state="agents"`, `"agents-empty"`, or `"agents-removed"` right after a revocation.
 *
 * @returns A complete HTML document.
 */
export function renderAgents(model: AgentsPage, messages: Messages = en): string {
  const { account } = messages
  const none = model.agents.length === 0 && !model.filter && model.newer === undefined
  const { idle = [] } = model
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
        {none ? (
          <div class="empty">
            <span class="mark" aria-hidden="true">
              <Icon name="shield" />
            </span>
            <p class="lead">{account.noAgents}</p>
            <p>{account.noAgentsYet}</p>
          </div>
        ) : (
          <Filled model={model} messages={messages} />
        )}
        {idle.length > 0 && <Idle agents={idle} messages={messages} />}
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
          {account.found(new Set(agents.map(({ agentHost }) => agentHost)).size, filter.total)}{' '}
          <a href={accountPaths.agents}>{account.showAll}</a>
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

function Idle({ agents, messages }: { agents: NonNullable<AgentsPage['idle']>; messages: Messages }) {
  const { account } = messages
  return (
    <>
      <h2>{account.idleAgents}</h2>
      <p>{account.idleAgentsLead}</p>
      <ul>
        {agents.map(({ id, agentHost, delegate }) => (
          <li>
            <a href={accountPaths.agent(id)}>
              <AgentDelegate host={agentHost} delegate={delegate} messages={messages} />
            </a>
          </li>
        ))}
      </ul>
    </>
  )
}

function Removed(props: { removed: NonNullable<AgentsPage['removed']>; messages: Messages }) {
  const { removed, messages } = props
  const clock = (at: number) => <TimeOfDay at={at} messages={messages} />
  return <Done>{messages.account.removed(clock(removed.stoppedAt), clock(removed.expiresBy))}</Done>
}
