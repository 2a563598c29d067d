import { Hidden, HiddenFields, KnownUser, PasswordField, ProblemBox, Reveal } from '../components/forms.js'
import { ForgottenPassword } from '../components/notices.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { PasswordPage } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import { formOf, renderAccountLayout } from './account-layout.js'

/**
 * Renders the form that changes the password, `data-state="password"`.
 *
 * @returns A complete HTML document.
 */
export function renderPassword(model: PasswordPage, messages: Messages = en): string {
  const { account } = messages
  const { problem } = model
  const form = formOf(model)
  const invalid = (field: boolean) => ({ invalid: field, described: field })
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.changePassword,
    state: 'password',
    section: 'security',
    inside: true,
    errorCode: problem,
    children: (
      <>
        <h1>{account.changePassword}</h1>
        <p class="lead">{account.changePasswordEffect}</p>
        {problem && <ProblemBox>{account.passwordProblems[problem]}</ProblemBox>}
        <form class="fields" method="post" action={form.action}>
          <Hidden name="action" value="change-password" />
          <HiddenFields form={form} />
          <KnownUser user={model.user} messages={messages} />
          <PasswordField
            messages={messages}
            label={account.currentPassword}
            {...invalid(problem === 'wrong_password')}
          />
          <PasswordField
            messages={messages}
            name="new_password"
            label={messages.newPassword}
            use="new"
            hint={messages.passwordHint(model.passwordMinimum)}
            minlength={model.passwordMinimum}
            {...invalid(problem?.startsWith('new_password') ?? false)}
          />
          {model.script !== undefined && <Reveal names={['password', 'new_password']} label={messages.showPasswords} />}
          <button class="button" type="submit">
            {account.changePassword}
          </button>
        </form>
        <ForgottenPassword frame={model} messages={messages} />
        <p class="apart">
          <a class="quietly" href={accountPaths.security}>
            {messages.cancel}
          </a>
        </p>
      </>
    ),
  })
}
