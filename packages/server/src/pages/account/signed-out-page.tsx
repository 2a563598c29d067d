import { renderLayout } from '../components/layout.js'
import { Icon } from '../components/marks.js'
import { en } from '../messages/en.js'
import type { Messages } from '../messages/messages.js'
import type { SignedOutPage } from '../models/account-models.js'

/**
 * Renders the page after signing out or closing an account, `data-state="signed-out"` or `"account-closed"`.
 *
 * @returns A complete HTML document.
 */
export function renderSignedOut(model: SignedOutPage, messages: Messages = en): string {
  const closed = model.reason === 'account_closed'
  const { heading, explanation } = messages.account.left[model.reason]
  return renderLayout({
    frame: model,
    messages,
    title: heading,
    state: closed ? 'account-closed' : 'signed-out',
    children: (
      <>
        <span class="mark" aria-hidden="true">
          <Icon name="yes" />
        </span>
        <h1>{heading}</h1>
        <p class="lead">{explanation}</p>
        {!closed && (
          <p class="actions">
            <a class="button" href={model.signInHref}>
              {messages.signIn}
            </a>
          </p>
        )}
      </>
    ),
  })
}
