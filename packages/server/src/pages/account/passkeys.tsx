import type { PasskeyEntry, SecurityPage } from '../account-models.js'
import { accountPaths } from '../account-paths.js'
import { Hidden, HiddenFields } from '../hidden-fields.js'
import { Icon } from '../icon.js'
import type { Messages } from '../messages/messages.js'
import type { FormFields } from '../models.js'
import { Day } from '../moment.js'
import { formOf } from './account-layout.js'

interface PasskeyList {
  model: SecurityPage
  passkeys: readonly PasskeyEntry[]
  messages: Messages
}

/** The passkeys of the account, and the form that adds one where the browser can. */
export function Passkeys({ model, passkeys, messages }: PasskeyList) {
  const { account } = messages
  const day = (at: number) => <Day at={at} now={model.now} messages={messages} />
  return (
    <section>
      <h2>{account.passkeys}</h2>
      <p>{account.passkeysLead}</p>
      {passkeys.length > 0 && (
        <ul class="entries rows">
          {passkeys.map(({ id, name, added, lastUsed }) => (
            <li>
              <Icon name="key" />
              <div>
                <p>
                  <bdi>{name}</bdi>
                </p>
                <p class="small">
                  {account.addedOn(day(added))}{' '}
                  {lastUsed === undefined ? account.notUsedYet : account.lastUsedOn(day(lastUsed))}
                </p>
              </div>
              <a class="quietly" href={accountPaths.removePasskey(id)}>
                {account.removeIt} <span class="unseen">{<bdi>{name}</bdi>}</span>
              </a>
            </li>
          ))}
        </ul>
      )}
      {model.proveHref === undefined ? (
        <AddPasskey form={formOf(model)} messages={messages} />
      ) : (
        <p class="then">
          <a class="button quiet" href={model.proveHref}>
            {account.addPasskey}
          </a>
        </p>
      )}
      <p class="small" data-without-passkeys="">
        {account.withoutPasskeys}
      </p>
    </section>
  )
}

function AddPasskey({ form, messages }: { form: FormFields; messages: Messages }) {
  const { account } = messages
  return (
    <form
      class="fields"
      method="post"
      action={form.action}
      data-passkey="create"
      data-options={accountPaths.passkeyOptions}
      hidden
    >
      <Hidden name="action" value="add-passkey" />
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
