import type { ComponentChildren } from 'preact'
import { AgentCard, Details } from './components/agent-card.js'
import { DurationChoice } from './components/durations.js'
import { Hidden, HiddenFields, OwnPassword, ProblemBox, passkeyFormId } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { Asker, DelegateName, Host, Icon, Pair } from './components/marks.js'
import { Cautions, Deadline, ForgottenPassword, SignedInAs } from './components/notices.js'
import { AbleList } from './components/permission-lists.js'
import { AgentSays, Enrolment, LargeCode, OwnDevice, ResourceSays } from './components/request-blocks.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { ConsentPage, PasskeyForm } from './models/models.js'

/**
 * Renders the page on which a user allows or denies an agent's request, `data-state="consent-first-time"` or `"consent-known"`.
 *
 * The first button of the form denies, so that an implicit submission never allows.
 *
 * @returns A complete HTML document.
 */
export function renderConsent(model: ConsentPage, messages: Messages = en): string {
  const title = messages.allowTitle(model.ownDevice?.name || model.agentHost)
  return renderLayout({
    frame: model,
    messages,
    title: model.problem ? messages.errorTitle(title) : title,
    state: model.firstTime ? 'consent-first-time' : 'consent-known',
    errorCode: model.problem,
    account: <SignedInAs user={model.user} form={model.form} messages={messages} />,
    reports: true,
    children: (
      <>
        <Pair model={model} />
        <h1>{question(model, messages)}</h1>
        {model.resourceName !== undefined && (
          <p class="asking">
            {messages.resourceCallsItself(
              <Host>{model.resourceHost}</Host>,
              <span class="claimed">{messages.quoted(<bdi>{model.resourceName}</bdi>)}</span>,
            )}
          </p>
        )}
        <LargeCode model={model} messages={messages} />
        <AgentCard model={model} messages={messages} />
        <OwnDevice model={model} messages={messages} />
        <Enrolment model={model} messages={messages} />
        <ResourceSays model={model} messages={messages} />
        <AgentSays model={model} messages={messages} />
        <AbleList model={model} messages={messages} />
        <Details model={model} messages={messages} />
        <form method="post" action={model.form.action}>
          <HiddenFields form={model.form} />
          <Hidden name="revision" value={String(model.revision)} />
          <DurationChoice model={model} messages={messages} />
          <Decision model={model} messages={messages} />
        </form>
        {model.passkey && <AllowWithPasskey model={model} passkey={model.passkey} messages={messages} />}
        <Deadline model={model} messages={messages} />
        {model.askPassword && <ForgottenPassword frame={model} messages={messages} />}
      </>
    ),
  })
}

/** An agent that is its own resource signs the user in, and may request more. */
function question(model: ConsentPage, messages: Messages): ComponentChildren {
  const { agent, resource, resourceHost, able } = model
  const host = <Asker model={model} messages={messages} />
  if (agent !== resource) return messages.allowQuestion(host, <Host>{resourceHost}</Host>)
  return able.every(({ identity }) => identity) ? messages.allowSignIn(host) : messages.allowOwn(host)
}

function portOf(uri: string): string {
  const { port, protocol } = new URL(uri)
  return port || (protocol === 'https:' ? '443' : '80')
}

/** Where a code is to be compared, the button says so: the user who skips the page reads at least this. */
function allowLabel({ largeCode }: ConsentPage, messages: Messages): string {
  return largeCode === undefined ? messages.allow : messages.blocks.sameCode
}

/** Which program gets the answer: with a browser, it may be on another computer than the device. */
function loopbackCaution({ bearer, ownDevice }: ConsentPage, port: string, messages: Messages): ComponentChildren {
  if (!ownDevice?.isRemote) return (bearer ? messages.anyProgram : messages.loopback)(port)
  return messages.account.devices.answersTo(<DelegateName delegate={ownDevice.name} messages={messages} />, port)
}

function Decision({ model, messages }: { model: ConsentPage; messages: Messages }) {
  const agent = <Asker model={model} messages={messages} />
  const { redirect } = model
  const next = redirect && <Host>{redirect.display}</Host>
  return (
    <div class="decision">
      <Cautions
        of={[
          redirect?.loopback
            ? loopbackCaution(model, portOf(redirect.uri), messages)
            : redirect?.elsewhere && messages.elsewhere(next, agent),
        ]}
      />
      {(model.firstTime || model.bearer) && (
        <p class="box told">
          <Icon name="notice" />
          <span>{messages.toldToOpen(<strong>{messages.deny}</strong>)}</span>
        </p>
      )}
      {model.askPassword && <PasswordAgain model={model} messages={messages} />}
      {model.setUpFirst && <p class="after">{messages.secondFactor.setUpToAllow}</p>}
      <div class="choice">
        <button class="button" type="submit" name="consent" value="deny" formnovalidate>
          <Icon name="no" />
          {messages.deny}
        </button>
        {!model.passkey && (
          <button class="button" type="submit" name="consent" value="grant">
            <Icon name="yes" />
            {allowLabel(model, messages)}
          </button>
        )}
      </div>
      {redirect && <p class="small">{redirect.elsewhere ? messages.goOnTo(next) : messages.goBackTo(next)}</p>}
    </div>
  )
}

/** Allow with a passkey: the script shows the form, has the passkey sign the form's decision, and posts both. */
function AllowWithPasskey({
  model,
  passkey,
  messages,
}: {
  model: ConsentPage
  passkey: PasskeyForm
  messages: Messages
}) {
  return (
    <div class="decision">
      <p>{messages.passkeyAgain}</p>
      {model.problem && <ProblemBox>{messages.passwordProblems[model.problem]}</ProblemBox>}
      <p data-without-passkeys>{messages.passkeyNeeded}</p>
      <form
        id={passkeyFormId}
        role="none"
        method="post"
        action={model.form.action}
        data-passkey="get"
        data-options={passkey.options}
        hidden
      >
        <HiddenFields form={model.form} />
        <Hidden name="consent" value="grant" />
        <Hidden name="revision" value={String(model.revision)} />
        {model.durations.choices.length === 1 && <Hidden name="duration" value={String(model.durations.preset)} />}
        <Hidden name="credential" value="" />
        <button class="button" type="submit" value="grant">
          <Icon name="yes" />
          {allowLabel(model, messages)}
        </button>
        <p class="small" role="status" data-stopped={messages.passkeyStopped} />
      </form>
    </div>
  )
}

function PasswordAgain({ model, messages }: { model: ConsentPage; messages: Messages }) {
  const problem = model.problem === 'passkey_failed' ? undefined : model.problem
  return (
    <div class="fields">
      <p>{model.askCode ? messages.secondFactor.proveToAllow : messages.passwordAgain}</p>
      {problem && <ProblemBox>{messages.passwordProblems[problem]}</ProblemBox>}
      <OwnPassword page={model} problem={problem} messages={messages} />
    </div>
  )
}
