import type { ComponentChildren } from 'preact'
import type { Messages } from '../messages/messages.js'
import type { FormFields } from '../models/models.js'
import { Icon } from './marks.js'

/** The fields that every form posts in addition to its own. */
export function HiddenFields({ form }: { form: FormFields }) {
  return (
    <>
      {Object.entries(form.request ?? {}).map(([name, value]) => (
        <Hidden name={name} value={value} />
      ))}
      {form.leftOut !== undefined && <Hidden name="left_out" value={form.leftOut} />}
      {form.returnTo !== undefined && <Hidden name="return_to" value={form.returnTo} />}
      <Hidden name="csrf" value={form.csrf} />
    </>
  )
}

/** A hidden field. */
export function Hidden(props: { name: string; value: string }) {
  return <input type="hidden" name={props.name} value={props.value} />
}

/** Links fields to the problem with them; a page has at most one problem. */
const PROBLEM_ID = 'problem'

/** The problem with a form. Receives the focus when the page opens, even without a script. */
export function ProblemBox(props: { children: ComponentChildren }) {
  return (
    <p class="box error" id={PROBLEM_ID} role="status" tabindex={-1} autofocus>
      <Icon name="caution" />
      <span>{props.children}</span>
    </p>
  )
}

/** How a problem on the page relates to a field. */
interface FieldProblem {
  /** The problem describes the field. */
  described?: boolean
  /** The value that the user entered in this field is the problem. */
  invalid?: boolean
}

interface TextField extends FieldProblem {
  name: string
  label: ComponentChildren
  type?: 'text' | 'email'
  autocomplete: string
  value?: string | undefined
  hint?: ComponentChildren
  optional?: boolean
}

/** A single-line input with its label above and a hint in between. */
export function TextField(field: TextField) {
  const hintId = field.hint === undefined ? undefined : `${field.name}-hint`
  return (
    <>
      <label for={field.name}>{field.label}</label>
      {hintId && (
        <p class="hint" id={hintId}>
          {field.hint}
        </p>
      )}
      <input
        id={field.name}
        name={field.name}
        type={field.type ?? 'text'}
        list={undefined}
        autocomplete={field.autocomplete}
        autocapitalize="none"
        spellcheck={false}
        dir="auto"
        required={!field.optional}
        value={field.value}
        {...problemAttributes(field, hintId)}
      />
    </>
  )
}

interface PasswordField extends FieldProblem {
  messages: Messages
  name?: string
  label?: ComponentChildren
  use?: 'current' | 'new'
  hint?: ComponentChildren
  minlength?: number
  /** The field has its own checkbox to show what was typed; set if there is a script. */
  revealed?: boolean
}

/** A password field that accepts typing, pasting and autofill. With a script, a checkbox shows the password. */
export function PasswordField(field: PasswordField) {
  const { messages, name = 'password', use = 'current' } = field
  const hintId = field.hint === undefined ? undefined : `${name}-hint`
  return (
    <>
      <label for={name}>{field.label ?? messages.password}</label>
      {hintId && (
        <p class="hint" id={hintId}>
          {field.hint}
        </p>
      )}
      <input
        id={name}
        name={name}
        type="password"
        autocomplete={`${use}-password`}
        required
        minlength={field.minlength}
        {...problemAttributes(field, hintId)}
      />
      {field.revealed && <Reveal names={[name]} label={messages.showPassword} />}
    </>
  )
}

interface OwnPassword {
  page: { user: string; script?: string | undefined; askCode?: boolean | undefined }
  problem: 'wrong_password' | 'wrong_code' | 'throttled' | undefined
  messages: Messages
}

/** The password field for reauthenticating the signed-in user, with the field for a code if one is needed. */
export function OwnPassword({ page, problem, messages }: OwnPassword) {
  return (
    <>
      <KnownUser user={page.user} messages={messages} />
      <PasswordField
        messages={messages}
        revealed={page.script !== undefined}
        described={problem === 'wrong_password' || problem === 'throttled'}
        invalid={problem === 'wrong_password'}
      />
      {page.askCode && (
        <CodeField messages={messages} described={problem === 'wrong_code'} invalid={problem === 'wrong_code'} />
      )}
    </>
  )
}

/** The field for a code of an authenticator app, or for a recovery code, which has letters. */
export function CodeField({
  messages,
  numeric = false,
  focused = false,
  ...field
}: FieldProblem & { messages: Messages; numeric?: boolean; focused?: boolean }) {
  return (
    <>
      <label for="code">{messages.secondFactor.code}</label>
      <input
        id="code"
        name="code"
        type="text"
        inputmode={numeric ? 'numeric' : undefined}
        autocomplete="one-time-code"
        autocapitalize="none"
        spellcheck={false}
        dir="ltr"
        required
        autofocus={focused}
        {...problemAttributes(field, undefined)}
      />
    </>
  )
}

/** A checkbox that the script reveals. When checked, it shows what is typed in these fields. */
export function Reveal({ names, label }: { names: readonly string[]; label: ComponentChildren }) {
  return (
    <label class="reveal" hidden>
      <input type="checkbox" data-reveals={names.join(' ')} />
      {label}
    </label>
  )
}

/** Tells password managers which account the password belongs to. */
export function KnownUser({ user, messages }: { user: string; messages: Messages }) {
  return (
    <input
      type="text"
      name="username"
      autocomplete="username"
      value={user}
      readonly
      hidden
      aria-label={messages.userName}
    />
  )
}

function problemAttributes({ described, invalid }: FieldProblem, hintId: string | undefined) {
  const ids = [described && PROBLEM_ID, hintId].filter(Boolean).join(' ')
  return {
    'aria-describedby': ids === '' ? undefined : ids,
    'aria-invalid': invalid ? ('true' as const) : undefined,
  }
}

/** The form that allows with a passkey, to which the choices belong if there is one. */
export const passkeyFormId = 'with-passkey'
