import type { FormFields } from './models.js'

/** What every form posts besides its own fields. */
export function HiddenFields({ form }: { form: FormFields }) {
  return (
    <>
      {form.requestToken !== undefined && <Hidden name="request_token" value={form.requestToken} />}
      {form.redirectUri !== undefined && <Hidden name="redirect_uri" value={form.redirectUri} />}
      {form.returnTo !== undefined && <Hidden name="return_to" value={form.returnTo} />}
      <Hidden name="csrf" value={form.csrf} />
    </>
  )
}

/** A field that the person does not see. */
export function Hidden(props: { name: string; value: string }) {
  return <input type="hidden" name={props.name} value={props.value} />
}
