import { AgentCard } from './agent-card.js'
import { Caution } from './caution.js'
import { HiddenFields } from './hidden-fields.js'
import { Host } from './host.js'
import { Icon } from './icon.js'
import { renderLayout } from './layout.js'
import { en } from './messages/en.js'
import type { Messages } from './messages/messages.js'
import type { ConsentPage } from './models.js'
import { AbleList, NotAbleList } from './permission-lists.js'

/**
 * Renders the page on which a person allows or refuses what an agent asks for, `data-state="consent-first-time"` or
 * `"consent-known"`.
 *
 * The first button of the form refuses, so that an implicit submission never allows.
 *
 * @returns A complete HTML document.
 */
export function renderConsent(model: ConsentPage, messages: Messages = en): string {
  return renderLayout({
    frame: model,
    messages,
    title: messages.allowTitle(model.agentHost),
    state: model.firstTime ? 'consent-first-time' : 'consent-known',
    account: <Account model={model} messages={messages} />,
    children: (
      <>
        <h1>{messages.allowQuestion(<Host>{model.agentHost}</Host>, <Host>{model.resourceHost}</Host>)}</h1>
        <AgentCard model={model} messages={messages} />
        <AbleList model={model} messages={messages} />
        <NotAbleList model={model} messages={messages} />
        <section>
          <h2>{messages.howLong}</h2>
          <p>
            {messages.whileAway} {messages.runsOut(model.tokenLifetime)}
          </p>
        </section>
        <Decision model={model} messages={messages} />
      </>
    ),
  })
}

interface Part {
  model: ConsentPage
  messages: Messages
}

function Account({ model, messages }: Part) {
  return (
    <form class="account" method="post" action={model.form.action}>
      <input type="hidden" name="action" value="logout" />
      <HiddenFields form={model.form} />
      <span>{messages.signedInAs(<Host>{model.user}</Host>)}</span>
      <button class="link" type="submit">
        {messages.notYou}
      </button>
    </form>
  )
}

function Decision({ model, messages }: Part) {
  const redirect = <Host>{model.redirectDisplay}</Host>
  const ends = (
    <time datetime={new Date(model.expiresAt * 1000).toISOString()}>{messages.timeOfDay(model.expiresAt)}</time>
  )
  return (
    <form class="decision" method="post" action={model.form.action}>
      <HiddenFields form={model.form} />
      <input type="hidden" name="revision" value={String(model.revision)} />
      {model.loopback && <Caution>{messages.loopback(redirect)}</Caution>}
      {model.redirectElsewhere && !model.loopback && (
        <Caution>{messages.elsewhere(redirect, <Host>{model.agentHost}</Host>)}</Caution>
      )}
      <div class="choice">
        <button class="button" type="submit" name="consent" value="deny">
          <Icon name="no" />
          {messages.deny}
        </button>
        <button class="button" type="submit" name="consent" value="grant">
          <Icon name="yes" />
          {messages.allow}
        </button>
      </div>
      <p class="small">{model.redirectElsewhere ? messages.goOnTo(redirect) : messages.goBackTo(redirect)}</p>
      <p class="small">{messages.endsAt(ends)}</p>
    </form>
  )
}
