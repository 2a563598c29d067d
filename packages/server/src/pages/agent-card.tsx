import type { Child } from 'hono/jsx'
import { Caution, Unsaid } from './caution.js'
import { Host } from './host.js'
import { Icon } from './icon.js'
import type { Messages } from './messages/messages.js'
import type { ConsentPage } from './models.js'

interface Card {
  model: ConsentPage
  messages: Messages
}

/** Who asks: what was verified comes first, then what the agent says about itself, in quotation marks. */
export function AgentCard({ model, messages }: Card) {
  const agent = <Host>{model.agentHost}</Host>
  return (
    <section class="agent" aria-label={messages.whoAsks}>
      <span class="initial" aria-hidden="true">
        {initialOf(model.agentHost)}
      </span>
      <div class="who">
        <p>{agent}</p>
        {model.agentName ? (
          <p class="claim">
            {messages.callsItself(<span class="claimed">{messages.quoted(<bdi>{model.agentName}</bdi>)}</span>)}
          </p>
        ) : (
          <Unsaid>{messages.noName}</Unsaid>
        )}
      </div>
      <p class="fact verified">
        <Icon name="verified" />
        <span>
          <strong>{messages.verified}:</strong> {messages.signedBy(agent)} {model.agentName && messages.nameNotChecked}
        </span>
      </p>
      <p class="fact">
        <Icon name="notice" />
        <span>{model.firstTime ? messages.firstTime : messages.seenBefore}</span>
      </p>
      {model.lookAlike && <Caution>{messages.lookAlike(agent)}</Caution>}
      <Details model={model} messages={messages} />
    </section>
  )
}

function Details({ model, messages }: Card) {
  const links = [
    [messages.homepage, model.homepage],
    [messages.policy, model.policyUri],
    [messages.terms, model.tosUri],
  ].filter((link): link is [string, string] => link[1] !== undefined && isWebAddress(link[1]))
  return (
    <details>
      <summary>{messages.details}</summary>
      <dl>
        <Fact name={messages.detailAgent}>{model.agent}</Fact>
        {model.delegate && <Fact name={messages.detailDelegate}>{model.delegate}</Fact>}
        <Fact name={messages.detailKey}>{model.agentJkt}</Fact>
        <Fact name={messages.detailResource}>{model.resource}</Fact>
        <Fact name={messages.detailRedirect}>{model.redirectUri}</Fact>
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

function Fact(props: { name: string; children: Child }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>
        <bdi>{props.children}</bdi>
      </dd>
    </div>
  )
}

/** A letter of the verified host, not of the name that nobody checked. */
function initialOf(host: string): string {
  return (/[\p{L}\p{N}]/u.exec(host)?.[0] ?? '').toUpperCase()
}

/** `javascript:` and `data:` addresses are never links, whatever the model says. */
function isWebAddress(address: string): boolean {
  return /^https?:\/\//i.test(address)
}
