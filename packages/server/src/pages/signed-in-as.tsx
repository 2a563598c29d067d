import { Hidden, HiddenFields } from './hidden-fields.js'
import { Host } from './host.js'
import type { Messages } from './messages/messages.js'
import type { FormFields } from './models.js'

interface SignedIn {
  user: string
  form: FormFields
  messages: Messages
  /** The words of the button, where they are not "Not you?". */
  leave?: string
}

/** Whose account this is, and the way out of it. */
export function SignedInAs({ user, form, messages, leave = messages.notYou }: SignedIn) {
  return (
    <form class="account" role="none" method="post" action={form.action}>
      <Hidden name="action" value="logout" />
      <HiddenFields form={form} />
      <span>{messages.signedInAs(<Host>{user}</Host>)}</span>
      <button class="link" type="submit">
        {leave}
      </button>
    </form>
  )
}
