import { Durations } from '../components/durations.js'
import { Hidden } from '../components/forms.js'
import { AgentDelegate } from '../components/marks.js'
import { Cautions } from '../components/notices.js'
import { PermissionTable } from '../components/permission-lists.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import { accountPaths } from '../models/account-paths.js'
import type { ExtendPermissionPage } from '../models/permission-models.js'
import { ConfirmForm, renderAccountLayout } from './account-layout.js'
import { Parties } from './agent-entry.js'

/**
 * Renders the choice of how long permissions of an agent are extended, `data-state="extend-permission"`.
 *
 * @returns A complete HTML document.
 */
export function renderExtendPermission(model: ExtendPermissionPage, messages: Messages = en): string {
  const { account } = messages
  const { agent, able, durations, permission, state, now } = model
  const host = <AgentDelegate host={agent.agentHost} delegate={agent.delegate} messages={messages} />
  return renderAccountLayout({
    frame: model,
    messages,
    title: `${account.extendIt}${messages.colon}${agent.agentHost}`,
    state: 'extend-permission',
    section: 'agents',
    inside: true,
    children: (
      <>
        <h1>{account.extendQuestion(host)}</h1>
        <p class="lead">
          <Parties of={agent} messages={messages} />
        </p>
        <Cautions of={[agent.bearer && messages.bearer]} />
        <PermissionTable able={able} resourceHost={agent.resourceHost} now={now} messages={messages} />
        <ConfirmForm
          frame={model}
          action="extend-permission"
          subject={['agent', agent.id]}
          yes={account.extendIt}
          no={messages.cancel}
          back={accountPaths.agent(agent.id)}
          harmless
        >
          <Hidden name="permission" value={permission} />
          <Hidden name="state" value={state} />
          <Durations of={durations} messages={messages} />
          <p class="after">
            {messages.sentences(
              account.countsFromNow,
              agent.agentHost !== agent.resourceHost && messages.whileAway,
              messages.removeIn(<a href={accountPaths.agents}>{messages.myAgents}</a>),
            )}
          </p>
        </ConfirmForm>
      </>
    ),
  })
}
