import type { ComponentChildren } from 'preact'
import type { Messages } from './messages/messages.js'
import { PROBLEM_ID } from './problem-box.js'

/** How a problem on the page concerns a field. */
interface FieldProblem {
  /** There is a problem, which the field is described by. */
  described?: boolean
  /** What the person typed into this field is the problem. */
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

/** A line of text with its label above, and a hint between them. */
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
  /** A box of its own shows what was typed: there is a script. */
  revealed?: boolean
}

/** A password, typed, pasted or filled in; where there is a script, a box to tick shows it. */
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
  page: { user: string; script?: string | undefined }
  problem: 'wrong_password' | 'throttled' | undefined
  messages: Messages
}

/** The password of who is signed in, asked for again. */
export function OwnPassword({ page, problem, messages }: OwnPassword) {
  return (
    <>
      <KnownUser user={page.user} messages={messages} />
      <PasswordField
        messages={messages}
        revealed={page.script !== undefined}
        described={problem !== undefined}
        invalid={problem === 'wrong_password'}
      />
    </>
  )
}

/** A box to tick, which the script shows, and which shows what is typed in these fields. */
export function Reveal({ names, label }: { names: readonly string[]; label: ComponentChildren }) {
  return (
    <label class="reveal" hidden>
      <input type="checkbox" data-reveals={names.join(' ')} />
      {label}
    </label>
  )
}

/** Tells password managers whose password is asked for. */
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
