import { renderLayout } from '../components/layout.js'
import { Icon } from '../components/marks.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { SignedOutPage } from '../models/account-models.js'

/** The page's `data-state` for each reason. */
const states: Readonly<Record<SignedOutPage['reason'], string>> = {
  signed_out: 'signed-out',
  signed_out_everywhere: 'signed-out',
  account_closed: 'account-closed',
  password_set: 'password-set',
  passkey_set: 'passkey-set',
  email_confirmed: 'email-confirmed',
}

/**
 * Renders the page after signing out, closing an account, or setting a password or passkey with a link.
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
    state: states[model.reason],
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
