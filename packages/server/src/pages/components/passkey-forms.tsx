import type { ComponentChildren } from 'preact'
import type { Messages } from '../messages/messages.js'
import { accountPaths } from '../models/account-paths.js'
import type { FormFields, PasskeyForm } from '../models/models.js'
import { Hidden, HiddenFields } from './forms.js'
import { Icon } from './marks.js'

interface PasskeyWay {
  passkey: PasskeyForm
  form: FormFields
  label: string
  /** Set if the passkey is the only way to continue, not an alternative to a password. */
  primary?: boolean
  messages: Messages
}

/** A button that the script reveals if the browser supports passkeys; its form posts `action=passkey` and `credential`. */
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

interface NewPasskey {
  form: FormFields
  messages: Messages
  /** Names the form, if the page has another one. */
  heading?: string
  /** Stands above the fields, and may contain more of them. */
  children: ComponentChildren
}

/** A form that the script reveals if the browser supports passkeys; it posts the passkey's `name` and `credential`. */
export function AddPasskey({ form, messages, heading, children }: NewPasskey) {
  const { account } = messages
  return (
    <form
      class="fields"
      method="post"
      action={form.action}
      data-passkey="create"
      data-options={accountPaths.passkeyOptions}
      aria-labelledby={heading && 'passkey-heading'}
      hidden
    >
      {heading && <h2 id="passkey-heading">{heading}</h2>}
      {children}
      <HiddenFields form={form} />
      <Hidden name="credential" value="" />
      <label for="name">{account.passkeyName}</label>
      <input id="name" name="name" type="text" maxlength={60} required autocomplete="off" dir="auto" />
      <button class="button quiet" type="submit">
        {account.addPasskey}
      </button>
      <p class="small" role="status" data-stopped={messages.passkeyStopped} />
    </form>
  )
}
