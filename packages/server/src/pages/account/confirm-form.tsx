import type { ComponentChildren } from 'preact'
import type { AccountFrame } from '../account-models.js'
import { Hidden, HiddenFields } from '../hidden-fields.js'
import { formOf } from './account-layout.js'

interface Confirm {
  frame: AccountFrame
  action: string
  /** What it is done to: the name of the field and its value. */
  subject?: readonly [name: string, value: string]
  /** The words of the button that does it. */
  yes: ComponentChildren
  /** The words of the link that does nothing, and where it leads. */
  no: ComponentChildren
  back: string
  /** Fields above the buttons. */
  children?: ComponentChildren
}

/** The last question before something ends; both answers look the same. */
export function ConfirmForm({ frame, action, subject, yes, no, back, children }: Confirm) {
  const form = formOf(frame)
  return (
    <form class="decision" method="post" action={form.action}>
      <Hidden name="action" value={action} />
      {subject && <Hidden name={subject[0]} value={subject[1]} />}
      <HiddenFields form={form} />
      {children}
      <div class="choice">
        <a class="button" href={back}>
          {no}
        </a>
        <button class="button" type="submit">
          {yes}
        </button>
      </div>
    </form>
  )
}
