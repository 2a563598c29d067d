import { Hidden, HiddenFields, OwnPassword, ProblemBox } from '../components/forms.js'
import { Host } from '../components/marks.js'
import { Day } from '../components/moment.js'
import { Done, ForgottenPassword } from '../components/notices.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { CloseAccountPage, YoursPage } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import { ConfirmForm, formOf, renderAccountLayout } from './account-layout.js'

/**
 * Renders the account's details, and the links to download or close it, `data-state="yours"`.
 *
 * @returns A complete HTML document.
 */
export function renderYours(model: YoursPage, messages: Messages = en): string {
  const { account } = messages
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.yours,
    state: 'yours',
    section: 'yours',
    children: (
      <>
        <h1>{account.yours}</h1>
        {model.emailRequested && <Done>{account.emailRequested}</Done>}
        <dl class="facts">
          <div>
            <dt>{messages.userName}</dt>
            <dd>
              <Host>{model.user}</Host>
            </dd>
          </div>
          {model.email !== undefined && (
            <div>
              <dt>{messages.email}</dt>
              <dd>
                <bdi>{model.email}</bdi>
                {model.emailState && <> ({account.emailStates[model.emailState]})</>}
              </dd>
            </div>
          )}
          <div>
            <dt>{account.madeOn}</dt>
            <dd>
              <Day at={model.since} now={model.now} messages={messages} />
            </dd>
          </div>
        </dl>
        {model.email !== undefined && model.emailState === 'unconfirmed' && (
          <section>
            <h2>{account.confirmEmail}</h2>
            <p>{account.confirmEmailLead}</p>
            <form class="then" method="post" action={accountPaths.actions}>
              <Hidden name="action" value="confirm-email" />
              <HiddenFields form={formOf(model)} />
              <button class="button quiet" type="submit">
                {account.confirmEmailYes}
              </button>
            </form>
          </section>
        )}
        <section>
          <h2>{account.download}</h2>
          <p>{account.downloadLead}</p>
          <p class="then">
            <a class="button quiet" href={accountPaths.download} download>
              {account.downloadYes}
            </a>
          </p>
        </section>
        <section>
          <h2>{account.close}</h2>
          <p>{account.closeLead}</p>
          <p class="then">
            <a class="button quiet" href={accountPaths.close}>
              {account.close}
            </a>
          </p>
        </section>
      </>
    ),
  })
}

/**
 * Renders the confirmation shown before an account is closed, with the effect, `data-state="close-account"`.
 *
 * @returns A complete HTML document.
 */
export function renderCloseAccount(model: CloseAccountPage, messages: Messages = en): string {
  const { account } = messages
  const { problem } = model
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.close,
    state: 'close-account',
    section: 'yours',
    inside: true,
    errorCode: problem,
    children: (
      <>
        <h1>{account.closeQuestion}</h1>
        <p class="lead">{account.closeEffect}</p>
        <ul class="bullets">
          {model.agents > 0 && <li>{account.closeRemoves(model.agents)}</li>}
          <li>{account.removeStops(model.tokenLifetime)}</li>
          <li>{account.closeForgets}</li>
        </ul>
        <ConfirmForm
          frame={model}
          action="close-account"
          yes={account.closeYes}
          no={account.keepAccount}
          back={accountPaths.yours}
        >
          {model.password && (
            <div class="fields">
              {problem && <ProblemBox>{messages.passwordProblems[problem]}</ProblemBox>}
              <OwnPassword page={model} problem={problem} messages={messages} />
              <ForgottenPassword frame={model} messages={messages} />
            </div>
          )}
        </ConfirmForm>
      </>
    ),
  })
}
