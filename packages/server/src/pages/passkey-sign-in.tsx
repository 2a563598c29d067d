import { Hidden, HiddenFields } from './hidden-fields.js'
import { Icon } from './icon.js'
import type { Messages } from './messages/messages.js'
import type { FormFields, PasskeyForm } from './models.js'

interface PasskeyWay {
  passkey: PasskeyForm
  form: FormFields
  label: string
  /** It is the one way to go on, not another beside a password. */
  primary?: boolean
  messages: Messages
}

/** A button that the script shows where the browser has passkeys; its form posts `action=passkey` and `credential`. */
export function PasskeySignIn({ passkey, form, label, primary = false, messages }: PasskeyWay) {
  return (
    <form role="none" method="post" action={form.action} data-passkey="get" data-options={passkey.options} hidden>
      <Hidden name="action" value="passkey" />
      <HiddenFields form={form} />
      {form.state !== undefined && <Hidden name="state" value={form.state} />}
      <Hidden name="credential" value="" />
      <button class={primary ? 'button' : 'button quiet'} type="submit">
        <Icon name="key" />
        {label}
      </button>
      <p class="small" role="status" data-stopped={messages.passkeyStopped} />
    </form>
  )
}
