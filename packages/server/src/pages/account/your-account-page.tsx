import { Hidden, HiddenFields, OwnPassword, ProblemBox } from '../components/forms.js'
import { Host, Icon } from '../components/marks.js'
import { Day } from '../components/moment.js'
import { Done, ForgottenPassword } from '../components/notices.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import { accountPaths } from '../models/account-paths.js'
import type { ChangeEmailPage, CloseAccountPage, LinkedProvider, YoursPage } from '../models/yours-models.js'
import { ActionForm, ConfirmForm, formOf, renderAccountLayout } from './account-layout.js'

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
        {model.providerNotice === 'provider_removed' && <Done>{account.providerRemoved}</Done>}
        {model.providerNotice === 'provider_only_way' && <ProblemBox>{account.providerOnlyWay}</ProblemBox>}
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
        <section>
          <h2>{account.aboutYou}</h2>
          <p>{account.aboutYouLead}</p>
          <form class="fields" method="post" action={accountPaths.actions}>
            <Hidden name="action" value="change-name" />
            <Hidden name="before" value={model.name} />
            <HiddenFields form={formOf(model)} />
            <label for="name">{account.name}</label>
            <input
              id="name"
              name="name"
              type="text"
              value={model.name}
              maxlength={100}
              autocomplete="name"
              dir="auto"
            />
            <button class="button quiet" type="submit">
              {account.saveName}
            </button>
          </form>
          <p class="then">
            <a class="button quiet" href={accountPaths.changeEmail}>
              {account.changeEmail}
            </a>
          </p>
        </section>
        {model.email !== undefined && model.emailState === 'unconfirmed' && (
          <section>
            <h2>{account.confirmEmail}</h2>
            <p>{account.confirmEmailLead}</p>
            <ActionForm frame={model} action="confirm-email" label={account.confirmEmailYes} />
          </section>
        )}
        {model.agentEmails !== undefined && <AgentEmails model={model} isOn={model.agentEmails} messages={messages} />}
        {model.providers && model.providers.length > 0 && (
          <Providers providers={model.providers} now={model.now} messages={messages} />
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
            <a class="button remove" href={accountPaths.close}>
              {account.close}
            </a>
          </p>
        </section>
      </>
    ),
  })
}

function AgentEmails({ model, isOn, messages }: { model: YoursPage; isOn: boolean; messages: Messages }) {
  const { heading, on, off, always } = messages.account.agentEmails
  const { lead, change } = isOn ? on : off
  return (
    <section>
      <h2>{heading}</h2>
      <p>{messages.sentences(lead, always)}</p>
      <ActionForm frame={model} action="agent-emails" subject={['emails', isOn ? 'off' : 'on']} label={change} />
    </section>
  )
}

function Providers(props: { providers: readonly LinkedProvider[]; now: number; messages: Messages }) {
  const { providers, now, messages } = props
  const { account } = messages
  return (
    <section>
      <h2>{account.providers}</h2>
      <p>{account.providersLead}</p>
      <ul class="entries rows">
        {providers.map(({ id, name, since }) => (
          <li>
            <Icon name="key" />
            <div>
              <p>
                <bdi>{name}</bdi>
              </p>
              <p class="small">{account.addedOn(<Day at={since} now={now} messages={messages} />)}</p>
            </div>
            <a class="quietly" href={accountPaths.removeProvider(id)}>
              {account.removeIt}{' '}
              <span class="unseen">
                <bdi>{name}</bdi>
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}

/**
 * Renders the form that changes the email address, `data-state="change-email"`.
 *
 * @returns A complete HTML document.
 */
export function renderChangeEmail(model: ChangeEmailPage, messages: Messages = en): string {
  const { account } = messages
  const { email, entered } = model
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.changeEmail,
    state: 'change-email',
    section: 'yours',
    inside: true,
    errorCode: entered === undefined ? undefined : 'email_invalid',
    children: (
      <>
        <h1>{account.changeEmail}</h1>
        {model.mustConfirm && <p class="lead">{account.changeEmailLead}</p>}
        {entered !== undefined && <ProblemBox>{account.emailInvalid}</ProblemBox>}
        <form class="fields" method="post" action={accountPaths.actions}>
          <Hidden name="action" value="change-email" />
          <Hidden name="before" value={email} />
          <HiddenFields form={formOf(model)} />
          <label for="email">{messages.email}</label>
          <input
            id="email"
            name="email"
            type="email"
            value={entered ?? email}
            maxlength={254}
            required
            autocomplete="email"
            dir="ltr"
            {...(entered !== undefined && { 'aria-invalid': true, 'aria-describedby': 'problem' })}
          />
          <button class="button" type="submit">
            {account.changeEmail}
          </button>
        </form>
        <p class="apart">
          <a class="quietly" href={accountPaths.yours}>
            {messages.cancel}
          </a>
        </p>
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
