import { Hidden, HiddenFields, PasswordField, ProblemBox, TextField } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { RequestedBy } from './components/notices.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { SignUpPage } from './models/models.js'

/**
 * Renders the form that creates an account, `data-state="sign-up"`. After a failed attempt, everything but the password is kept, and the
 * focus is on the error message.
 *
 * @returns A complete HTML document.
 */
export function renderSignUp(model: SignUpPage, messages: Messages = en): string {
  const { form, problem } = model
  const concerns = (field: string) => {
    const invalid = problem?.startsWith(field) ?? false
    return { invalid, described: invalid }
  }
  return renderLayout({
    frame: model,
    messages,
    title: problem ? messages.errorTitle(messages.signUp) : messages.signUp,
    state: 'sign-up',
    errorCode: problem,
    children: (
      <>
        <h1>{messages.signUpHeading(<bdi>{model.serverName}</bdi>)}</h1>
        <RequestedBy
          agentHost={model.agentHost}
          resourceHost={model.resourceHost}
          unverified={model.unverified}
          messages={messages}
          otherwise={messages.signUpReason}
          next={messages.signUpNext}
        />
        {problem && <ProblemBox>{messages.signUpProblems[problem]}</ProblemBox>}
        <form class="fields" method="post" action={form.action}>
          <Hidden name="action" value="sign-up" />
          <HiddenFields form={form} />
          {form.state !== undefined && <Hidden name="state" value={form.state} />}
          <TextField
            name="username"
            label={messages.userName}
            hint={messages.userNameHint}
            autocomplete="username"
            value={model.username}
            {...concerns('username')}
          />
          <TextField
            name="email"
            type="email"
            label={
              <>
                {messages.email} <span class="aside">({messages.optional})</span>
              </>
            }
            hint={messages.emailHint}
            autocomplete="email"
            value={model.email}
            optional
            {...concerns('email')}
          />
          <PasswordField
            messages={messages}
            use="new"
            hint={messages.passwordHint(model.passwordMinimum)}
            minlength={model.passwordMinimum}
            revealed={model.script !== undefined}
            {...concerns('password')}
          />
          <button class="button" type="submit">
            {messages.signUp}
          </button>
        </form>
        {model.signInHref !== undefined && (
          <p class="small apart">{messages.haveAccount(<a href={model.signInHref}>{messages.signIn}</a>)}</p>
        )}
      </>
    ),
  })
}
