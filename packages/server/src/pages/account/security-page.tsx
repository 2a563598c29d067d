import type { SecurityPage } from '../account-models.js'
import { accountPaths } from '../account-paths.js'
import { Done } from '../caution.js'
import { en } from '../messages/en.js'
import type { Messages } from '../messages/messages.js'
import { ProblemBox } from '../problem-box.js'
import { renderAccountLayout } from './account-layout.js'
import { Passkeys } from './passkeys.js'
import { Sessions } from './sessions.js'

/**
 * Renders how the account is kept safe: password, passkeys and where the person is signed in, `data-state="security"`.
 *
 * @returns A complete HTML document.
 */
export function renderSecurity(model: SecurityPage, messages: Messages = en): string {
  const { account } = messages
  const { notice } = model
  const failed = notice === 'passkey_failed'
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.sections.security,
    state: 'security',
    section: 'security',
    errorCode: failed ? notice : undefined,
    children: (
      <>
        <h1>{account.sections.security}</h1>
        {notice &&
          (failed ? <ProblemBox>{account.notices[notice]}</ProblemBox> : <Done>{account.notices[notice]}</Done>)}
        {model.password && (
          <section>
            <h2>{messages.password}</h2>
            <p>{account.passwordLead}</p>
            <p class="then">
              <a class="button quiet" href={accountPaths.password}>
                {account.changePassword}
              </a>
            </p>
          </section>
        )}
        {model.passkeys && <Passkeys model={model} passkeys={model.passkeys} messages={messages} />}
        <Sessions model={model} messages={messages} />
      </>
    ),
  })
}
