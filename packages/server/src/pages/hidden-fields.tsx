import type { FormFields } from './models.js'

/** What every form posts besides its own fields. */
export function HiddenFields(props: { form: FormFields }) {
  const { form } = props
  return (
    <>
      <input type="hidden" name="request_token" value={form.requestToken} />
      <input type="hidden" name="redirect_uri" value={form.redirectUri} />
      <input type="hidden" name="csrf" value={form.csrf} />
    </>
  )
}
