import type { FormFields } from './models.js'

/** What every form posts besides its own fields. */
export function HiddenFields({ form }: { form: FormFields }) {
  return (
    <>
      {Object.entries(form.request ?? {}).map(([name, value]) => (
        <Hidden name={name} value={value} />
      ))}
      {form.returnTo !== undefined && <Hidden name="return_to" value={form.returnTo} />}
      <Hidden name="csrf" value={form.csrf} />
    </>
  )
}

/** A field that the person does not see. */
export function Hidden(props: { name: string; value: string }) {
  return <input type="hidden" name={props.name} value={props.value} />
}
