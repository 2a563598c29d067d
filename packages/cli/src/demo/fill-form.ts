import type { PageForm } from './page-form.js'

/** What somebody enters, and the button they press. */
export type Answers = Readonly<Record<string, string>>

/** Buttons; of these only the one that is pressed is sent. */
const buttons: ReadonlySet<string> = new Set(['submit', 'button', 'reset', 'image'])
/** Sent only where they are chosen. */
const choices: ReadonlySet<string> = new Set(['radio', 'checkbox', 'option'])

/** Whether a form has a field or a button of this name. */
export function hasControl({ controls }: PageForm, name: string): boolean {
  return controls.some((control) => control.name === name)
}

/**
 * What a browser sends of a form after somebody has filled it in: the answers that it has fields for, everything else as
 * it stood on the page, and one button: that of an answer, or else the first.
 */
export function fillForm({ controls }: PageForm, answers: Answers): URLSearchParams {
  const sent = new URLSearchParams()
  const answered = new Set<string>()
  for (const { name, type, value, checked } of controls) {
    if (name === '' || buttons.has(type)) continue
    if (type !== 'hidden' && Object.hasOwn(answers, name)) {
      if (!answered.has(name)) sent.append(name, answers[name] ?? '')
      answered.add(name)
    } else if (!choices.has(type) || checked) sent.append(name, value)
  }
  const submits = controls.filter(({ type }) => type === 'submit')
  const pressed =
    submits.find(({ name, value }) => answers[name] === value && !answered.has(name)) ??
    submits.find(({ name }) => !Object.hasOwn(answers, name))
  if (pressed && pressed.name !== '') sent.append(pressed.name, pressed.value)
  return sent
}
