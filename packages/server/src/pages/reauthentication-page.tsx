import { Hidden, HiddenFields, OwnPassword, ProblemBox } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { ForgottenPassword, LostFactor, LostPasskey, SignedInAs } from './components/notices.js'
import { PasskeySignIn } from './components/passkey-forms.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { PasskeyForm, ReauthenticationPage } from './models/models.js'

/**
 * Renders the form that asks a signed-in user for their passkey, or for the password if they have no passkey, before an action that could
 * give others access, `data-state="reauthentication"`. The hidden fields contain the page that the user originally requested.
 *
 * @returns A complete HTML document.
 */
export function renderReauthentication(model: ReauthenticationPage, messages: Messages = en): string {
  const { form, problem } = model
  return renderLayout({
    frame: model,
    messages,
    title: problem ? messages.errorTitle(messages.reauthenticate) : messages.reauthenticate,
    state: 'reauthentication',
    errorCode: problem,
    account: <SignedInAs user={model.user} form={form} messages={messages} />,
    children: (
      <>
        <h1>{messages.reauthenticate}</h1>
        <p class="lead">{reasonOf(model, messages)}</p>
        {problem && <ProblemBox>{messages.passwordProblems[problem]}</ProblemBox>}
        {model.passkey ? (
          <PasskeyProof model={model} passkey={model.passkey} messages={messages} />
        ) : (
          <PasswordProof model={model} messages={messages} />
        )}
        {model.cancelHref !== undefined && (
          <p class="apart">
            <a class="quietly" href={model.cancelHref}>
              {messages.cancel}
            </a>
          </p>
        )}
      </>
    ),
  })
}

function reasonOf({ passkey, askCode }: ReauthenticationPage, messages: Messages): string {
  if (passkey) return messages.passkeyReason
  return askCode ? messages.secondFactor.proveToContinue : messages.reauthenticateReason
}

function PasswordProof({ model, messages }: { model: ReauthenticationPage; messages: Messages }) {
  const { form, problem } = model
  return (
    <>
      <form class="fields" method="post" action={form.action}>
        <Hidden name="action" value="reauthenticate" />
        <HiddenFields form={form} />
        <OwnPassword page={model} problem={problem === 'passkey_failed' ? undefined : problem} messages={messages} />
        <button class="button" type="submit">
          {messages.goOn}
        </button>
      </form>
      <ForgottenPassword frame={model} messages={messages} />
      {model.askCode && <LostFactor frame={model} messages={messages} />}
    </>
  )
}

function PasskeyProof({
  model,
  passkey,
  messages,
}: {
  model: ReauthenticationPage
  passkey: PasskeyForm
  messages: Messages
}) {
  return (
    <>
      <p data-without-passkeys>{messages.passkeyNeededHere}</p>
      <PasskeySignIn passkey={passkey} form={model.form} label={messages.usePasskey} primary messages={messages} />
      <LostPasskey frame={model} messages={messages} />
    </>
  )
}
