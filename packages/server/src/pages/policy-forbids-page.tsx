import { Hidden, HiddenFields } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { Host, Icon } from './components/marks.js'
import { Contact, RequestedBy, SignedInAs } from './components/notices.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { PolicyForbidsPage } from './models/models.js'

/**
 * Renders the page for a request that the user may not allow under the operator's policy, `data-state="policy_forbids"`. The only choice is
 * to go back, which posts a denial.
 *
 * @returns A complete HTML document.
 */
export function renderPolicyForbids(model: PolicyForbidsPage, messages: Messages = en): string {
  const { heading } = messages.problems.policy_forbids
  return renderLayout({
    frame: model,
    messages,
    title: messages.errorTitle(heading),
    state: 'policy_forbids',
    errorCode: 'policy_forbids',
    account: <SignedInAs user={model.user} form={model.form} messages={messages} />,
    reports: true,
    children: (
      <>
        <span class="mark caution" aria-hidden="true">
          <Icon name="caution" />
        </span>
        <h1>{heading}</h1>
        <RequestedBy agentHost={model.agentHost} resourceHost={model.resourceHost} messages={messages} next={false} />
        {model.contact && <p>{messages.askContact(<Contact contact={model.contact} />)}</p>}
        <form class="actions" method="post" action={model.form.action}>
          <HiddenFields form={model.form} />
          <Hidden name="revision" value={String(model.revision)} />
          <button class="button" type="submit" name="consent" value="deny">
            {messages.goBack}
          </button>
        </form>
        {model.next !== undefined && <p class="small">{messages.goOnTo(<Host>{model.next}</Host>)}</p>}
      </>
    ),
  })
}
