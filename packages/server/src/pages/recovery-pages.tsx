import { Hidden, HiddenFields, ProblemBox, TextField } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { Host, Icon } from './components/marks.js'
import { Contact } from './components/notices.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { ConfirmEmailPage, ForgotPage, LinkSentPage } from './models/account-models.js'

/**
 * Renders the form that requests a link for a new password, `data-state="forgot"`.
 *
 * @returns A complete HTML document.
 */
export function renderForgot(model: ForgotPage, messages: Messages = en): string {
  const { form, problem } = model
  return renderLayout({
    frame: model,
    messages,
    title: problem ? messages.errorTitle(messages.recovery.forgotHeading) : messages.recovery.forgotHeading,
    state: 'forgot',
    errorCode: problem,
    children: (
      <>
        <h1>{messages.recovery.forgotHeading}</h1>
        <p class="lead">{messages.recovery.forgotLead}</p>
        {problem && <ProblemBox>{messages.recovery.forgotThrottled}</ProblemBox>}
        <form class="fields" method="post" action={form.action}>
          <HiddenFields form={form} />
          <TextField
            name="username"
            label={messages.userName}
            autocomplete="username"
            described={problem !== undefined}
          />
          <button class="button" type="submit">
            {messages.recovery.sendLink}
          </button>
        </form>
        <p class="apart">
          <a class="quietly" href={model.back}>
            {messages.cancel}
          </a>
        </p>
      </>
    ),
  })
}

/**
 * Renders the page after a link was requested, `data-state="link-sent"`, which does not say whether there is such an account.
 *
 * @returns A complete HTML document.
 */
export function renderLinkSent(model: LinkSentPage, messages: Messages = en): string {
  const whom = model.contact ? <Contact contact={model.contact} /> : messages.administrator
  return renderLayout({
    frame: model,
    messages,
    title: messages.recovery.checkEmail,
    state: 'link-sent',
    children: (
      <>
        <h1>{messages.recovery.checkEmail}</h1>
        <p class="lead">{messages.recovery.linkSent}</p>
        <p>{messages.recovery.noLink(whom)}</p>
        <p class="apart">
          <a class="quietly" href={model.back}>
            {messages.signIn}
          </a>
        </p>
      </>
    ),
  })
}

/**
 * Renders the question whether to confirm an email address, `data-state="confirm-email"`.
 *
 * @returns A complete HTML document.
 */
export function renderConfirmEmail(model: ConfirmEmailPage, messages: Messages = en): string {
  const { confirmEmail } = messages.recovery
  return renderLayout({
    frame: model,
    messages,
    title: confirmEmail.heading,
    state: 'confirm-email',
    children: (
      <>
        <h1>{confirmEmail.heading}</h1>
        <p class="lead">{confirmEmail.lead(<Host>{model.email}</Host>, <bdi>{model.serverName}</bdi>)}</p>
        <form class="fields" method="post" action={model.form.action}>
          <HiddenFields form={model.form} />
          <Hidden name="token" value={model.token} />
          <button class="button" type="submit">
            <Icon name="yes" />
            {confirmEmail.action}
          </button>
        </form>
      </>
    ),
  })
}
