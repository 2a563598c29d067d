import type { ComponentChildren } from 'preact'
import type { Messages } from '../messages/messages.js'
import type { ConsentPage, FormFields, PageFrame, Contact as Person } from '../models/models.js'
import { Hidden, HiddenFields } from './forms.js'
import { Host, Icon } from './marks.js'
import { TimeOfDay } from './moment.js'

/** A boxed caution to read before continuing. */
export function Caution(props: { children: ComponentChildren }) {
  return <Cautions of={[props.children]} />
}

/** The cautions about what follows, in one box. */
export function Cautions(props: { of: readonly ComponentChildren[] }) {
  const cautions = props.of.filter(Boolean)
  if (cautions.length === 0) return null
  return (
    <div class="box caution">
      <Icon name="caution" />
      <div>
        {cautions.map((caution) => (
          <div>{caution}</div>
        ))}
      </div>
    </div>
  )
}

/** A line that notes what the agent or resource omitted. */
export function MissingInfo(props: { children: ComponentChildren }) {
  return (
    <p class="unsaid">
      <Icon name="caution" />
      <span>{props.children}</span>
    </p>
  )
}

/** A boxed confirmation of what was just done. */
export function Done(props: { children: ComponentChildren }) {
  return (
    <p class="box done" role="status">
      <Icon name="yes" />
      <span>{props.children}</span>
    </p>
  )
}

/** The contact, as a link if it has one. */
export function Contact({ contact }: { contact: Person }) {
  const name = <bdi>{contact.name}</bdi>
  return contact.href === undefined ? name : <a href={contact.href}>{name}</a>
}

/** Help for a user who forgot their password: a link by email, or whom to contact. */
export function ForgottenPassword({ frame, messages }: { frame: PageFrame; messages: Messages }) {
  if (frame.forgotHref !== undefined)
    return (
      <p class="small">
        <a href={frame.forgotHref}>{messages.forgotPassword}</a>
      </p>
    )
  return (
    <AskContact frame={frame} messages={messages} problem={messages.forgotPassword} ask={messages.askForPassword} />
  )
}

/** Help for a user who lost their passkey: whom to contact. */
export function LostPasskey({ frame, messages }: { frame: PageFrame; messages: Messages }) {
  return <AskContact frame={frame} messages={messages} problem={messages.lostPasskey} ask={messages.askAboutPasskey} />
}

/** Help for a user who can enter no code: whom to contact. */
export function LostFactor({ frame, messages }: { frame: PageFrame; messages: Messages }) {
  const { lost, askToReset } = messages.secondFactor
  return <AskContact frame={frame} messages={messages} problem={lost} ask={askToReset} />
}

interface AskContact {
  frame: PageFrame
  messages: Messages
  problem: ComponentChildren
  ask: (whom: ComponentChildren) => ComponentChildren
}

/** A problem that opens to show whom to contact about it. */
function AskContact({ frame, messages, problem, ask }: AskContact) {
  return (
    <details class="forgotten">
      <summary>{problem}</summary>
      <p>{ask(frame.contact ? <Contact contact={frame.contact} /> : messages.administrator)}</p>
    </details>
  )
}

interface Asked {
  agentHost?: string | undefined
  resourceHost?: string | undefined
  /** Whether only a link says which agent is asking. */
  unverified?: boolean | undefined
  messages: Messages
  /** The text when no agent is making a request. @default nothing */
  otherwise?: string | undefined
  /** The text after the requesting agent's name, if any. @default a note that nothing is allowed yet */
  next?: string | false | undefined
}

/** The lead text above the sign-in form, naming the agent that sent the request. */
export function RequestedBy({
  agentHost,
  resourceHost,
  unverified = false,
  messages,
  otherwise,
  next = messages.signInNext,
}: Asked) {
  const [agent, resource] = [agentHost, resourceHost].map((host) => host !== undefined && <Host>{host}</Host>)
  if (!unverified && !(agent && resource)) return <p class="lead">{otherwise}</p>
  return (
    <p class="lead">
      {messages.sentences(
        unverified
          ? linkClaim(agent, resource, messages)
          : agentHost === resourceHost
            ? messages.signInForAgent(agent)
            : messages.signInReason(agent, resource),
        next,
      )}
    </p>
  )
}

/** Who asks for access to what, as far as a link says so. */
function linkClaim(agent: ComponentChildren, resource: ComponentChildren, messages: Messages): ComponentChildren {
  if (!resource) return messages.signInByUnnamedForAny
  return agent ? messages.signInByLink(agent, resource) : messages.signInByUnnamed(resource)
}

interface SignedIn {
  user: string
  form: FormFields
  messages: Messages
  /** The button label, if it is not "Not you?". */
  leave?: string
}

/** Shows which account is signed in, with a button to sign out. */
export function SignedInAs({ user, form, messages, leave = messages.notYou }: SignedIn) {
  return (
    <form class="account" role="none" method="post" action={form.action}>
      <Hidden name="action" value="logout" />
      <HiddenFields form={form} />
      <span>{messages.signedInAs(<Host>{user}</Host>)}</span>
      <button class="link" type="submit">
        {leave}
      </button>
    </form>
  )
}

/** Seconds before expiry at which the page warns: more than two minutes. WCAG 2.2.1 requires at least 20 seconds. */
const WARN_BEFORE = 180

/** When the request expires, as a time of day, and the form that extends it. */
export function Deadline({ model, messages }: { model: ConsentPage; messages: Messages }) {
  const { extend } = model
  const ends = <TimeOfDay at={model.expiresAt} messages={messages} />
  const line = <p class="small">{messages.endsAt(ends)}</p>
  if (!extend) return <div class="deadline">{line}</div>
  const warning = <Caution>{messages.endsSoon(ends)}</Caution>
  return (
    <div class="deadline">
      <div role="status" data-seconds-left={extend.secondsLeft} data-warn-before={WARN_BEFORE}>
        {extend.secondsLeft <= WARN_BEFORE ? (
          warning
        ) : (
          <>
            {line}
            <template>{warning}</template>
          </>
        )}
      </div>
      <form role="none" method="post" action={model.form.action} data-extend="">
        <Hidden name="action" value="extend" />
        <HiddenFields form={model.form} />
        <button class="link" type="submit">
          {messages.extend}
        </button>
      </form>
    </div>
  )
}
