import { Hidden, HiddenFields, PasswordField, ProblemBox, TextField } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { Host, Icon } from './components/marks.js'
import { ForgottenPassword, RequestedBy } from './components/notices.js'
import { PasskeySignIn } from './components/passkey-forms.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import { accountPaths } from './models/account-paths.js'
import type { SignInPage } from './models/models.js'

/**
 * Renders the form that asks for a username and a password, `data-state="sign-in"`.
 *
 * A failed attempt also sets `data-error-code`, keeps the username and moves the focus to the error message.
 *
 * @returns A complete HTML document.
 */
export function renderSignIn(model: SignInPage, messages: Messages = en): string {
  const { form, problem, agentHost, again } = model
  const server = <bdi>{model.serverName}</bdi>
  const field = {
    described: problem === 'wrong_password' || problem === 'throttled',
    invalid: problem === 'wrong_password',
  }
  return renderLayout({
    frame: model,
    messages,
    title: problem ? messages.errorTitle(messages.signIn) : messages.signIn,
    state: 'sign-in',
    errorCode: problem,
    children: (
      <>
        <h1>{messages.signInHeading(server)}</h1>
        <RequestedBy
          agentHost={agentHost}
          resourceHost={model.resourceHost}
          unverified={model.unverified}
          messages={messages}
          otherwise={again === undefined ? accountReason(model, messages) : messages.signInAgain.security}
          next={again === undefined || again === 'security' ? undefined : messages.signInAgain[again]}
        />
        {problem && <ProblemBox>{messages.signInProblems[problem]}</ProblemBox>}
        {agentHost === undefined && again === undefined && model.issuerHost !== undefined && (
          <p class="box told">
            <Icon name="notice" />
            <span>{messages.signInByMessage(<Host>{model.issuerHost}</Host>)}</span>
          </p>
        )}
        <form class="fields" method="post" action={form.action}>
          <Hidden name="action" value="login" />
          <HiddenFields form={form} />
          {form.state !== undefined && <Hidden name="state" value={form.state} />}
          <TextField
            name="username"
            label={messages.userName}
            autocomplete="username"
            value={model.username}
            {...field}
          />
          <PasswordField messages={messages} revealed={model.script !== undefined} {...field} />
          <button class="button" type="submit">
            {messages.signIn}
          </button>
        </form>
        <ForgottenPassword frame={model} messages={messages} />
        {/* The agent of a user's own device is this server. */}
        {agentHost !== undefined && agentHost !== model.issuerHost && (
          <p class="small">{messages.passwordStays(server, <Host>{agentHost}</Host>)}</p>
        )}
        <OtherWays model={model} messages={messages} />
        {model.signUpHref !== undefined && again === undefined && (
          <p class="small apart">{messages.noAccount(<a href={model.signUpHref}>{messages.signUp}</a>)}</p>
        )}
      </>
    ),
  })
}

/** Why a user signs in outside a request. */
function accountReason({ form: { returnTo } }: SignInPage, messages: Messages): string {
  return returnTo?.startsWith(accountPaths.devices) ? messages.account.devices.signIn : messages.signInToAccount
}

function OtherWays({ model, messages }: { model: SignInPage; messages: Messages }) {
  const { providers = [], passkey, script } = model
  const usablePasskey = script === undefined ? undefined : passkey
  if (providers.length === 0 && !usablePasskey) return null
  return (
    <section class="ways" aria-label={messages.otherWays}>
      {usablePasskey && (
        <PasskeySignIn
          passkey={usablePasskey}
          form={model.form}
          label={messages.signInWithPasskey}
          messages={messages}
        />
      )}
      {providers.map(({ name, href }) => (
        <a class="button quiet" href={href}>
          <span>{messages.signInWith(<bdi>{name}</bdi>)}</span>
        </a>
      ))}
    </section>
  )
}
