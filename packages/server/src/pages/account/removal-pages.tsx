import { Hidden } from '../components/forms.js'
import { AgentDelegate, Host } from '../components/marks.js'
import { PermissionTable } from '../components/permission-lists.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { RemoveAgentPage, RemoveAllPage, RemovePasskeyPage } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import type { RemovePermissionPage } from '../models/permission-models.js'
import type { RemoveProviderPage } from '../models/yours-models.js'
import { ConfirmForm, renderAccountLayout, renderConfirmation } from './account-layout.js'
import { Parties } from './agent-entry.js'

/**
 * Renders the confirmation shown before an agent's access is revoked, with the effect, `data-state="remove-agent"`.
 *
 * @returns A complete HTML document.
 */
export function renderRemoveAgent(model: RemoveAgentPage, messages: Messages = en): string {
  const { account } = messages
  const { agent } = model
  const host = <AgentDelegate host={agent.agentHost} delegate={agent.delegate} messages={messages} />
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.removeTitle(agent.agentHost),
    state: 'remove-agent',
    section: 'agents',
    inside: true,
    children: (
      <>
        <h1>{account.removeQuestion(host)}</h1>
        {!model.isEnded && (
          <p class="lead">
            {agent.agentHost === agent.resourceHost
              ? account.removeSignIn(host)
              : account.removeEffect(host, <Host>{agent.resourceHost}</Host>)}
          </p>
        )}
        {!model.isEnded && agent.account !== undefined && (
          <p>{account.removeAccount(messages.quoted(<bdi>{agent.account}</bdi>))}</p>
        )}
        <p>{account.removeStops(model.tokenLifetime)}</p>
        <p>{account.removeKeeps}</p>
        {!model.isEnded && (
          <ConfirmForm
            frame={model}
            action="remove-agent"
            subject={['agent', agent.id]}
            yes={account.remove}
            no={account.keep}
            back={accountPaths.agents}
          />
        )}
        {model.isBound && (
          <section>
            <h2>{account.removeEntirely}</h2>
            <p>{account.removeEntirelyEffect(host)}</p>
            <ConfirmForm
              frame={model}
              action="unbind-agent"
              label={account.removeEntirely}
              subject={['agent', agent.id]}
              yes={account.removeEntirely}
              no={account.keep}
              back={accountPaths.agents}
            />
          </section>
        )}
      </>
    ),
  })
}

/**
 * Renders the confirmation shown before permissions of an agent are removed, with the effect, `data-state="remove-permission"`.
 *
 * @returns A complete HTML document.
 */
export function renderRemovePermission(model: RemovePermissionPage, messages: Messages = en): string {
  const { account } = messages
  const { agent, able } = model
  const host = <AgentDelegate host={agent.agentHost} delegate={agent.delegate} messages={messages} />
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.removePermissionTitle(agent.agentHost),
    state: 'remove-permission',
    section: 'agents',
    inside: true,
    children: (
      <>
        <h1>{account.removePermissionQuestion(host)}</h1>
        <PermissionTable able={able} resourceHost={agent.resourceHost} messages={messages} />
        <p>{account.removePermissionEffect(host)}</p>
        <p>{account.removeStops(model.tokenLifetime)}</p>
        <p>{account.removeKeeps}</p>
        <ConfirmForm
          frame={model}
          action="remove-permission"
          subject={['agent', agent.id]}
          yes={account.removePermission}
          no={account.keep}
          back={accountPaths.agent(agent.id)}
        >
          <Hidden name="permission" value={able[0].name} />
        </ConfirmForm>
      </>
    ),
  })
}

/**
 * Renders the confirmation shown before the access of all agents is revoked, `data-state="remove-all-agents"`.
 *
 * @returns A complete HTML document.
 */
export function renderRemoveAll(model: RemoveAllPage, messages: Messages = en): string {
  const { account } = messages
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.removeAll,
    state: 'remove-all-agents',
    section: 'agents',
    inside: true,
    children: (
      <>
        <h1>{account.removeAllQuestion}</h1>
        <p class="lead">{account.removeAllEffect(new Set(model.agents.map(({ agentHost }) => agentHost)).size)}</p>
        <ul class="bullets">
          {model.agents.map((agent) => (
            <li>
              <Parties of={agent} messages={messages} />
            </li>
          ))}
        </ul>
        {model.hasMore && <p>{account.moreRemoved}</p>}
        <p>{account.removeStops(model.tokenLifetime)}</p>
        <ConfirmForm
          frame={model}
          action="remove-all-agents"
          yes={account.removeAllYes}
          no={account.keepAll}
          back={accountPaths.agents}
        />
      </>
    ),
  })
}

/**
 * Renders the confirmation shown before a passkey is removed, `data-state="remove-passkey"`.
 *
 * @returns A complete HTML document.
 */
export function renderRemovePasskey(model: RemovePasskeyPage, messages: Messages = en): string {
  const { account } = messages
  const { id, name } = model.passkey
  return renderConfirmation({
    frame: model,
    messages,
    title: account.removePasskey,
    section: 'security',
    question: account.removePasskeyQuestion(<bdi>{name}</bdi>),
    effect: account.removePasskeyEffect,
    action: 'remove-passkey',
    subject: ['passkey', id],
    yes: account.removePasskey,
    no: account.keep,
  })
}

/**
 * Renders the confirmation shown before a provider is unlinked, `data-state="remove-provider"`.
 *
 * @returns A complete HTML document.
 */
export function renderRemoveProvider(model: RemoveProviderPage, messages: Messages = en): string {
  const { account } = messages
  const { id, name } = model.provider
  return renderConfirmation({
    frame: model,
    messages,
    title: account.removeProvider,
    section: 'yours',
    question: account.removeProviderQuestion(<bdi>{name}</bdi>),
    effect: account.removeProviderEffect,
    action: 'remove-provider',
    subject: ['identity', id],
    yes: account.removeProvider,
    no: account.keep,
  })
}
