import type { ComponentChildren } from 'preact'
import { Hidden, HiddenFields } from '../components/forms.js'
import { renderLayout } from '../components/layout.js'
import { SignedInAs } from '../components/notices.js'
import type { Messages } from '../messages/messages.js'
import type { AccountFrame } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import type { FormFields } from '../models/models.js'

/** The sections of an account in the navigation. */
type AccountSection = 'agents' | 'activity' | 'security' | 'yours'

const sections: readonly AccountSection[] = ['agents', 'activity', 'security', 'yours']

interface AccountLayout {
  frame: AccountFrame
  messages: Messages
  title: string
  state: string
  section: AccountSection
  /** Set if the page is below this section, rather than the section itself. */
  inside?: boolean
  /** Whether the page has a link to report an agent. */
  reports?: boolean
  errorCode?: string | undefined
  children: ComponentChildren
}

/** Renders a page of the user's own account, with the navigation and the sign-out button. */
export function renderAccountLayout(layout: AccountLayout): string {
  const { frame, messages, section } = layout
  return renderLayout({
    frame,
    messages,
    title: layout.errorCode ? messages.errorTitle(layout.title) : layout.title,
    state: layout.state,
    stylesheet: frame.accountStylesheet,
    errorCode: layout.errorCode,
    reports: layout.reports,
    account: <SignedInAs user={frame.user} form={formOf(frame)} messages={messages} leave={messages.account.signOut} />,
    navigation: (
      <nav aria-label={messages.account.navigation}>
        <ul class="tabs">
          {sections.map((name) => (
            <li>
              <a
                href={accountPaths[name]}
                aria-current={name === section ? (layout.inside ? 'true' : 'page') : undefined}
              >
                {messages.account.sections[name]}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    ),
    children: layout.children,
  })
}

/** The fields that every account form posts. */
export function formOf(frame: AccountFrame): FormFields {
  return { action: accountPaths.actions, csrf: frame.csrf }
}

interface Action {
  frame: AccountFrame
  action: string
  /** What the action applies to: the name of the field and its value. */
  subject?: readonly [name: string, value: string] | undefined
}

/** A button that performs an action without a confirmation. */
export function ActionForm(props: Action & { label: ComponentChildren; effect?: ComponentChildren }) {
  return (
    <form class="then" role="none" method="post" action={accountPaths.actions}>
      <ActionFields {...props} />
      <button class="button quiet" type="submit">
        {props.label}
      </button>
      {props.effect && <p class="small">{props.effect}</p>}
    </form>
  )
}

function ActionFields({ frame, action, subject }: Action) {
  return (
    <>
      <Hidden name="action" value={action} />
      {subject && <Hidden name={subject[0]} value={subject[1]} />}
      <HiddenFields form={formOf(frame)} />
    </>
  )
}

interface Confirm extends Action {
  /** Names the form, if the page has another one. */
  label?: string
  /** The label of the button that performs the action. */
  yes: ComponentChildren
  /** The label of the link that cancels, and where it leads. */
  no: ComponentChildren
  back: string
  /** Whether nothing is lost, so that the button does not warn. @default false */
  harmless?: boolean
  /** Fields above the buttons. */
  children?: ComponentChildren
}

/** The confirmation shown before an action, most of which end something. */
export function ConfirmForm({ frame, action, subject, label, yes, no, back, harmless, children }: Confirm) {
  return (
    <form class="decision" method="post" action={accountPaths.actions} aria-label={label}>
      <ActionFields frame={frame} action={action} subject={subject} />
      {children}
      <div class="choice">
        <a class="button" href={back}>
          {no}
        </a>
        <button class={harmless ? 'button' : 'button danger'} type="submit">
          {yes}
        </button>
      </div>
    </form>
  )
}

interface Confirmation extends Omit<Confirm, 'children' | 'label' | 'back'> {
  messages: Messages
  title: string
  section: AccountSection
  question: ComponentChildren
  effect: ComponentChildren
}

/** Renders the confirmation shown before an action of this section, with its effect. The page's `data-state` is the action. */
export function renderConfirmation(confirmation: Confirmation): string {
  const { frame, messages, action, section, title, question, effect } = confirmation
  return renderAccountLayout({
    frame,
    messages,
    title,
    state: action,
    section,
    inside: true,
    children: (
      <>
        <h1>{question}</h1>
        <p class="lead">{effect}</p>
        <ConfirmForm {...confirmation} back={accountPaths[section]} />
      </>
    ),
  })
}
