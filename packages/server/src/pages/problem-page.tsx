import { Hidden, HiddenFields } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { Host, Icon, type IconName } from './components/marks.js'
import { DayAndTime } from './components/moment.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { ProblemPage } from './models/problem-model.js'

/** The codes that report the outcome of a request rather than an error. */
const outcomes: Partial<Record<ProblemPage['code'], IconName>> = {
  request_allowed: 'yes',
  request_denied: 'no',
  request_too_soon: 'no',
}

/** The codes that may be shown to a user other than the one to whom the request was made. */
const anonymous: ReadonlySet<ProblemPage['code']> = new Set([
  'request_other_session',
  'request_other_user',
  'request_agent_bound',
])

/**
 * Renders what went wrong or the outcome of the request, and what the user can do about it.
 *
 * `data-state` and `data-error-code` contain the code, including those of {@link outcomes}.
 *
 * @returns A complete HTML document.
 */
export function renderProblem(model: ProblemPage, messages: Messages = en): string {
  const { code, until } = model
  const problem = messages.problems[code]
  const outcome = outcomes[code]
  const agent = model.agentHost && !anonymous.has(code) ? <Host>{model.agentHost}</Host> : messages.theAgent
  return renderLayout({
    frame: model,
    messages,
    title: outcome ? problem.heading : messages.errorTitle(problem.heading),
    state: code,
    errorCode: code,
    children: (
      <>
        <span class={outcome ? 'mark' : 'mark caution'} aria-hidden="true">
          <Icon name={outcome ?? 'caution'} />
        </span>
        <h1>
          {code === 'account_changed' && model.user !== undefined
            ? messages.nowSignedInAs(<Host>{model.user}</Host>)
            : problem.heading}
        </h1>
        <p class="lead">{problem.explanation(agent)}</p>
        <p>{problem.advice(agent, until && <DayAndTime at={until} now={until} messages={messages} />)}</p>
        {model.remove && <p>{messages.canRemove}</p>}
        <WaysOn model={model} messages={messages} />
      </>
    ),
    footer: model.requestId !== undefined && <p>{messages.reference(<code>{model.requestId}</code>)}</p>,
  })
}

function WaysOn({ model, messages }: { model: ProblemPage; messages: Messages }) {
  const { back, retry, remove, switchAccount, user } = model
  if (!back && !retry && !remove && !switchAccount) return null
  return (
    <div class="actions">
      {back && (
        <a class="button" href={back}>
          {messages.goBack}
        </a>
      )}
      {remove && (
        <a class="button remove" href={remove}>
          {messages.account.remove}
        </a>
      )}
      {retry && (
        <a class={remove ? 'button quiet' : 'button'} href={retry}>
          {switchAccount && user !== undefined ? (
            <span>{messages.continueAs(<Host>{user}</Host>)}</span>
          ) : (
            (messages.problems[model.code].retry ?? messages.tryAgain)
          )}
        </a>
      )}
      {switchAccount && (
        <form role="none" method="post" action={switchAccount.action}>
          <Hidden name="action" value="logout" />
          <HiddenFields form={switchAccount} />
          <button class="button quiet" type="submit">
            {messages.switchAccount}
          </button>
        </form>
      )}
    </div>
  )
}
