import { Fact, PermissionNames } from '../components/agent-card.js'
import { AgentDelegate, AgentMark, Host, isFullName } from '../components/marks.js'
import { DayAndTime } from '../components/moment.js'
import { Done, MissingInfo } from '../components/notices.js'
import { PermissionTable } from '../components/permission-lists.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { AgentPage } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import { renderAccountLayout } from './account-layout.js'
import { ActivityList } from './activity-page.js'
import { AgentNotes, Parties, Span } from './agent-entry.js'
import { Removed } from './agents-page.js'

/**
 * Renders what one agent can do and has done, `data-state="agent"`, or `"agent-ended"` if its access has ended.
 *
 * @returns A complete HTML document.
 */
export function renderAgent(model: AgentPage, messages: Messages = en): string {
  const { agent, ended, now } = model
  const { account } = messages
  const host = <AgentDelegate host={agent.agentHost} delegate={agent.delegate} messages={messages} />
  return renderAccountLayout({
    frame: model,
    messages,
    title: agent.agentHost,
    state: ended ? 'agent-ended' : 'agent',
    section: 'agents',
    inside: true,
    reports: true,
    children: (
      <>
        <h1>
          <Parties of={agent} messages={messages} />
        </h1>
        {model.removed && <Removed removed={model.removed} messages={messages} />}
        {model.isExtended && <Done>{account.extended}</Done>}
        {ended && (
          <p class="lead">
            {messages.sentences(
              agent.agentHost === agent.resourceHost
                ? account.noLongerSignsIn(host)
                : account.noLonger(host, <Host>{agent.resourceHost}</Host>),
              account.ended[ended.by](<DayAndTime at={ended.at} now={now} messages={messages} />),
            )}
          </p>
        )}
        {model.told && <p>{account.told[model.told](<Host>{agent.resourceHost}</Host>)}</p>}
        <div class="agent">
          <AgentMark host={agent.agentHost} logo={agent.logo} />
          <div class="who">
            <p>
              <Host>{agent.agentHost}</Host>
            </p>
            {agent.agentName ? (
              <p class="claim">{messages.callsItself(messages.quoted(<bdi>{agent.agentName}</bdi>))}</p>
            ) : (
              <MissingInfo>{messages.noName}</MissingInfo>
            )}
            <AgentNotes agent={agent} messages={messages} />
          </div>
          <p class="fact">
            <span>
              <Span agent={agent} ended={ended !== undefined} now={now} messages={messages} />
            </span>
          </p>
          <details>
            <summary>{messages.details}</summary>
            <dl>
              <Fact name={messages.detailAgent}>{agent.identifier}</Fact>
              {agent.delegate !== undefined && (
                <Fact
                  name={
                    isFullName(agent.delegate, agent.agentHost)
                      ? messages.blocks.detailAgentId
                      : messages.detailDelegate
                  }
                >
                  {agent.delegate}
                </Fact>
              )}
              {agent.jkt && <Fact name={messages.detailKey}>{agent.jkt}</Fact>}
              <Fact name={messages.detailResource}>{agent.resource}</Fact>
              {agent.able.length > 0 && <PermissionNames able={agent.able} messages={messages} />}
            </dl>
          </details>
        </div>
        <section>
          <h2>{ended ? account.wasAble : account.isAble}</h2>
          <PermissionTable
            able={agent.able}
            resourceHost={agent.resourceHost}
            now={now}
            messages={messages}
            removeHref={
              ended || agent.able.length + (agent.more ?? 0) === 1
                ? undefined
                : (name) => accountPaths.removePermission(agent.id, name)
            }
            extendHref={(name) =>
              model.extendable?.includes(name) ? accountPaths.extendPermission(agent.id, name) : undefined
            }
          />
          {agent.more ? <p>{account.morePermissions(agent.more)}</p> : null}
        </section>
        {(!ended || model.isBound) && (
          <p class="actions">
            <a class="button remove" href={accountPaths.removeAgent(agent.id)}>
              {ended ? account.removeEntirely : account.remove}
            </a>
          </p>
        )}
        <section>
          <h2>{account.latestActivity}</h2>
          {model.activity.length === 0 ? (
            <p>{account.noActivity}</p>
          ) : (
            <ActivityList activity={model.activity} now={now} messages={messages} />
          )}
        </section>
      </>
    ),
  })
}
