import { CodeField, Hidden, HiddenFields, ProblemBox } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { LostFactor, LostPasskey } from './components/notices.js'
import { PasskeySignIn } from './components/passkey-forms.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { SecondStepPage } from './models/second-factor-models.js'

/**
 * Renders the second step of a sign-in: a code, or a passkey, `data-state="second-step"`.
 *
 * @returns A complete HTML document.
 */
export function renderSecondStep(model: SecondStepPage, messages: Messages = en): string {
  const { form, pending, passkey, problem } = model
  const { secondFactor } = messages
  const heading = pending === undefined ? messages.usePasskey : secondFactor.stepHeading
  return renderLayout({
    frame: model,
    messages,
    title: problem ? messages.errorTitle(heading) : heading,
    state: 'second-step',
    errorCode: problem,
    children: (
      <>
        <h1>{heading}</h1>
        <p class="lead">
          {pending === undefined ? secondFactor.stepPasskey : secondFactor.stepLead(<bdi>{model.serverName}</bdi>)}
        </p>
        {problem && <ProblemBox>{messages.passwordProblems[problem]}</ProblemBox>}
        {pending !== undefined && (
          <form class="fields" method="post" action={form.action}>
            <Hidden name="action" value="second-step" />
            <HiddenFields form={form} />
            {form.state !== undefined && <Hidden name="state" value={form.state} />}
            <Hidden name="pending" value={pending} />
            <CodeField
              messages={messages}
              focused={problem === undefined}
              described={problem !== undefined}
              invalid={problem === 'wrong_code'}
            />
            <button class="button" type="submit">
              {messages.goOn}
            </button>
          </form>
        )}
        {pending === undefined && <p data-without-passkeys>{messages.passkeyNeededHere}</p>}
        {passkey && (
          <PasskeySignIn
            passkey={passkey}
            form={form}
            label={messages.usePasskey}
            primary={pending === undefined}
            messages={messages}
          />
        )}
        {pending === undefined ? (
          <LostPasskey frame={model} messages={messages} />
        ) : (
          <LostFactor frame={model} messages={messages} />
        )}
      </>
    ),
  })
}
