import type { SecurityPage } from '../account-models.js'
import { Hidden, HiddenFields } from '../hidden-fields.js'
import { Icon } from '../icon.js'
import type { Messages } from '../messages/messages.js'
import { DayAndTime } from '../moment.js'
import { formOf } from './account-layout.js'

/** Where the person is signed in, and the forms that end it. */
export function Sessions({ model, messages }: { model: SecurityPage; messages: Messages }) {
  const { account } = messages
  const form = formOf(model)
  const moment = (at: number) => <DayAndTime at={at} now={model.now} messages={messages} />
  return (
    <section>
      <h2>{account.sessions}</h2>
      <p>{account.sessionsLead}</p>
      <ul class="entries rows">
        {model.sessions.map(({ id, device, since, lastSeen, current }) => (
          <li>
            <Icon name="device" />
            <div>
              <p>
                {device === undefined ? account.unknownDevice : <bdi>{device}</bdi>}{' '}
                {current && <strong class="new">{account.thisDevice}</strong>}
              </p>
              <p class="small">
                {account.signedInOn(moment(since))} {lastSeen !== undefined && account.lastSeenOn(moment(lastSeen))}
              </p>
            </div>
            {!current && (
              <form role="none" method="post" action={form.action}>
                <Hidden name="action" value="end-session" />
                <Hidden name="session" value={id} />
                <HiddenFields form={form} />
                <button class="link" type="submit">
                  {account.endIt}{' '}
                  {device !== undefined && (
                    <span class="unseen">
                      <bdi>{device}</bdi>
                    </span>
                  )}
                </button>
              </form>
            )}
          </li>
        ))}
      </ul>
      <form class="then" role="none" method="post" action={form.action}>
        <Hidden name="action" value="sign-out-everywhere" />
        <HiddenFields form={form} />
        <button class="button quiet" type="submit">
          {account.signOutEverywhere}
        </button>
        <p class="small">{account.signOutEverywhereEffect}</p>
      </form>
    </section>
  )
}
