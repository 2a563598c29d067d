import { Hidden, HiddenFields, KnownUser, PasswordField, ProblemBox } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { Host } from './components/marks.js'
import { AddPasskey } from './components/passkey-forms.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { NewPasswordPage } from './models/account-models.js'

/**
 * Renders the form that sets a password with a one-time link, or adds a passkey with an invitation, `data-state="new-password"`.
 *
 * @returns A complete HTML document.
 */
export function renderNewPassword(model: NewPasswordPage, messages: Messages = en): string {
  const { form, problem, purpose } = model
  const isWeak = problem !== undefined && problem !== 'passkey_failed'
  const { heading, lead } = messages.recovery.newPasswordPage[purpose]
  return renderLayout({
    frame: model,
    messages,
    title: problem ? messages.errorTitle(heading) : heading,
    state: 'new-password',
    errorCode: problem,
    children: (
      <>
        <h1>{heading}</h1>
        <p class="lead">{lead(<Host>{model.user}</Host>, <bdi>{model.serverName}</bdi>)}</p>
        {problem && (
          <ProblemBox>
            {problem === 'passkey_failed'
              ? messages.account.notices.passkey_failed
              : messages.account.passwordProblems[problem]}
          </ProblemBox>
        )}
        <form class="fields" method="post" action={form.action}>
          <HiddenFields form={form} />
          <Hidden name="link" value={model.link} />
          <KnownUser user={model.user} messages={messages} />
          <PasswordField
            messages={messages}
            name="new_password"
            label={messages.newPassword}
            use="new"
            hint={messages.passwordHint(model.passwordMinimum)}
            minlength={model.passwordMinimum}
            revealed={model.script !== undefined}
            invalid={isWeak}
            described={isWeak}
          />
          <button class="button" type="submit">
            {messages.recovery.setPassword}
          </button>
        </form>
        {model.addsPasskey && (
          <AddPasskey form={form} messages={messages} heading={messages.recovery.passkeyInstead}>
            <p>{messages.account.passkeysLead}</p>
            <Hidden name="link" value={model.link} />
          </AddPasskey>
        )}
      </>
    ),
  })
}
