import { HiddenFields } from './hidden-fields.js'
import { Host } from './host.js'
import { Icon } from './icon.js'
import { renderLayout } from './layout.js'
import { en } from './messages/en.js'
import type { Messages } from './messages/messages.js'
import type { SignInPage } from './models.js'

const PROBLEM_ID = 'problem'

/**
 * Renders the form that asks for a user name and a password, `data-state="sign-in"`.
 *
 * A failed attempt also has `data-error-code`, keeps the user name and puts the focus on what went wrong.
 *
 * @returns A complete HTML document.
 */
export function renderSignIn(model: SignInPage, messages: Messages = en): string {
  const { form, problem } = model
  const server = <bdi>{model.serverName}</bdi>
  const agent = <Host>{model.agentHost}</Host>
  const described = problem ? { 'aria-describedby': PROBLEM_ID } : {}
  const invalid = problem === 'wrong_password' ? { 'aria-invalid': 'true' as const } : {}
  return renderLayout({
    frame: model,
    messages,
    title: problem ? messages.errorTitle(messages.signIn) : messages.signIn,
    state: 'sign-in',
    errorCode: problem,
    children: (
      <>
        <h1>{messages.signInHeading(server)}</h1>
        <p class="lead">
          {messages.signInReason(agent, <Host>{model.resourceHost}</Host>)} {messages.signInNext}
        </p>
        {problem && (
          <p class="box error" id={PROBLEM_ID} role="status" tabindex={-1} autofocus>
            <Icon name="caution" />
            <span>{messages.signInProblems[problem]}</span>
          </p>
        )}
        <form class="fields" method="post" action={form.action}>
          <input type="hidden" name="action" value="login" />
          <HiddenFields form={form} />
          {form.state !== undefined && <input type="hidden" name="state" value={form.state} />}
          <label for="username">{messages.userName}</label>
          <input
            id="username"
            name="username"
            type="text"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            dir="auto"
            required
            value={model.username}
            {...described}
            {...invalid}
          />
          <label for="password">{messages.password}</label>
          <input
            id="password"
            name="password"
            type="password"
            autocomplete="current-password"
            required
            {...described}
            {...invalid}
          />
          <button class="button" type="submit">
            {messages.signIn}
          </button>
        </form>
        <p class="small">{messages.passwordStays(server, agent)}</p>
      </>
    ),
  })
}
