import type { ComponentChildren } from 'preact'
import type { Messages } from '../messages/messages.js'
import type { ConsentPage, NameCaution, Permission } from '../models/models.js'
import { DelegateName, Host } from './marks.js'
import { Ago, Day } from './moment.js'
import { Cautions, MissingInfo } from './notices.js'
import { byConcern, NotAbleList } from './permission-lists.js'

interface Card {
  model: ConsentPage
  messages: Messages
}

/** The agent that sends the request: its verified address first, then what the agent says about itself, in quotation marks. */
export function AgentCard({ model, messages }: Card) {
  const agent = <Host>{model.agentHost}</Host>
  return (
    <section class="asking" aria-label={messages.whoAsks}>
      <Cautions
        of={[
          changes(model, messages),
          model.saysNothing && messages.saysNothing(agent),
          model.lookAlike && messages.lookAlike(agent),
          model.nameCaution && claimWords(model.nameCaution, agent, messages),
        ]}
      />
      {model.ownDevice ? null : model.agentName ? (
        <p>
          {agent} {messages.callsItself(messages.quoted(<bdi>{model.agentName}</bdi>))}
        </p>
      ) : (
        <MissingInfo>{messages.noName}</MissingInfo>
      )}
      <p>
        {messages.sentences(
          origin(model, agent, messages),
          model.registeredBy !== 'operator' && !model.ownDevice && unchecked(model, messages),
        )}
      </p>
      <Seen model={model} messages={messages} />
    </section>
  )
}

/** What the user need not read to decide: what the agent cannot do, and the technical names. */
export function Details({ model, messages }: Card) {
  const links = [
    [messages.homepage, model.homepage],
    [messages.policy, model.policyUri],
    [messages.terms, model.tosUri],
  ].filter((link): link is [string, string] => link[1] !== undefined && isWebAddress(link[1]))
  return (
    <details>
      <summary>{messages.detailsAndNot}</summary>
      <NotAbleList model={model} messages={messages} />
      <dl>
        {model.able.length > 0 && <PermissionNames able={model.able} messages={messages} />}
        <Fact name={messages.detailAgent}>{model.agent}</Fact>
        {model.agentId !== undefined && <Fact name={messages.blocks.detailAgentId}>{model.agentId}</Fact>}
        {model.delegate !== undefined && (
          <Fact name={model.ownDevice ? messages.account.devices.device : messages.detailDelegate}>
            {model.delegate}
          </Fact>
        )}
        {model.agentJkt !== undefined && <Fact name={messages.detailKey}>{model.agentJkt}</Fact>}
        <Fact name={messages.detailResource}>{model.resource}</Fact>
        {model.call && <Fact name={messages.detailCall}>{model.call.full}</Fact>}
        {model.redirect && <Fact name={messages.detailRedirect}>{model.redirect.uri}</Fact>}
      </dl>
      {links.length > 0 && (
        <>
          <p class="small">{messages.agentLinks}</p>
          <ul class="links">
            {links.map(([words, href]) => (
              <li>
                <a href={href} target="_blank" rel="noreferrer noopener">
                  {words}
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
    </details>
  )
}

/** The names of permissions on the wire, in the order in which the permissions are shown. */
export function PermissionNames({ able, messages }: { able: readonly Permission[]; messages: Messages }) {
  return (
    <div>
      <dt>{messages.detailPermissions}</dt>
      {[...able].sort(byConcern).map(({ name }) => (
        <dd>
          <bdi>{name}</bdi>
        </dd>
      ))}
    </div>
  )
}

/** A label and a value to be read character by character. */
export function Fact(props: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>
        <bdi>{props.children}</bdi>
      </dd>
    </div>
  )
}

function changes(model: ConsentPage, messages: Messages): ComponentChildren {
  if (!model.changes?.length) return undefined
  return (
    <>
      {model.firstTime && model.otherDelegateAllowed === undefined ? messages.changedForOthers : messages.changed}
      <ul class="bullets">
        {model.changes.map(({ what, before }) => (
          <li>
            {messages.sentences(
              messages.changes[what === 'name' && !model.agentName ? 'unnamed' : what],
              before !== undefined && messages.before(<bdi>{before}</bdi>),
            )}
          </li>
        ))}
      </ul>
    </>
  )
}

function origin(
  { agentId, delegate, bearer, registeredBy, ownDevice }: ConsentPage,
  agent: ComponentChildren,
  messages: Messages,
): ComponentChildren {
  if (ownDevice)
    return messages.account.devices.comesFrom(<DelegateName delegate={ownDevice.name} messages={messages} />)
  if (registeredBy !== undefined) return messages.registeredBy[registeredBy]
  if (bearer) return messages.publishedBy(agent)
  if (agentId !== undefined) return messages.blocks.comesFromAgent(<Host>{agentId}</Host>, agent)
  if (delegate === undefined) return messages.comesFrom(agent)
  return messages.comesFromCopy(agent, <DelegateName delegate={delegate} messages={messages} />)
}

/**
 * What the user has seen of the agent, and when it sent the request. A client that signs nothing sends none: anyone can open a link that
 * names it, and the request is made when the link is opened.
 */
function Seen({ model, messages }: Card) {
  const before = seen(model, messages)
  if (model.bearer && before === messages.requestedBefore) return null
  return (
    <p>
      {messages.sentences(
        before === messages.firstTime ? <strong>{before}</strong> : before,
        !model.bearer && messages.asked(<Ago at={model.requestedAt} now={model.now} messages={messages} />),
        model.code !== undefined && <span class="code">{messages.code(<code>{model.code}</code>)}</span>,
      )}
    </p>
  )
}

/**
 * When the user last allowed this delegate of the agent, or otherwise another delegate; if neither, whether the agent has sent a request
 * before.
 */
function seen(model: ConsentPage, messages: Messages): ComponentChildren {
  const { allowedBefore, otherDelegateAllowed } = model
  const day = (at: number) => <Day at={at} now={model.now} messages={messages} />
  if (allowedBefore === undefined) {
    if (otherDelegateAllowed === undefined)
      return model.requestedBefore || !model.firstTime ? askedBefore(model, messages) : messages.firstTime
    if (model.agentId !== undefined)
      return messages.blocks.allowedOther(day(otherDelegateAllowed), <Host>{model.agentHost}</Host>)
    const said = model.delegate === undefined ? messages.allowedOnlyCopy : messages.allowedOtherCopy
    return said(day(otherDelegateAllowed))
  }
  const asksForMore = model.able.some(({ isNew }) => isNew)
  return messages.sentences(messages.allowedBefore(day(allowedBefore)), asksForMore && messages.asksForMore)
}

/** The record of a request does not say which device sent it. */
function askedBefore({ ownDevice }: ConsentPage, messages: Messages): ComponentChildren {
  return ownDevice ? undefined : messages.requestedBefore
}

/** No one verifies who runs an agent, or what it says or shows about itself. */
function unchecked({ agentName, logo }: ConsentPage, { notChecked }: Messages): string {
  if (agentName) return logo === undefined ? notChecked.name : notChecked.nameAndLogo
  return logo === undefined ? notChecked.nothing : notChecked.logo
}

function claimWords(caution: NameCaution, agent: ComponentChildren, messages: Messages): ComponentChildren {
  if (caution.what === 'brand') return messages.claims.brand(<bdi>{caution.brand}</bdi>, agent)
  if (caution.what === 'address') return messages.claims.address(<bdi>{caution.address}</bdi>, agent)
  return messages.claims.imitation
}

/** `javascript:` and `data:` addresses never become links, whatever the model contains. */
function isWebAddress(address: string): boolean {
  return /^https?:\/\//i.test(address)
}
