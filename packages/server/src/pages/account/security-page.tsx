import { Hidden, HiddenFields, ProblemBox } from '../components/forms.js'
import { Icon } from '../components/marks.js'
import { Day, DayAndTime } from '../components/moment.js'
import { Done } from '../components/notices.js'
import { AddPasskey } from '../components/passkey-forms.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { PasskeyEntry, SecurityPage } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import { ActionForm, formOf, renderAccountLayout } from './account-layout.js'

/**
 * Renders the security settings of the account: password, second factor, passkeys and sessions, `data-state="security"`.
 *
 * @returns A complete HTML document.
 */
export function renderSecurity(model: SecurityPage, messages: Messages = en): string {
  const { account } = messages
  const { notice } = model
  const failed = notice === 'passkey_failed'
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.sections.security,
    state: 'security',
    section: 'security',
    errorCode: failed ? notice : undefined,
    children: (
      <>
        <h1>{account.sections.security}</h1>
        {notice &&
          (failed ? <ProblemBox>{account.notices[notice]}</ProblemBox> : <Done>{account.notices[notice]}</Done>)}
        {model.password && (
          <section>
            <h2>{messages.password}</h2>
            <p>{account.passwordLead}</p>
            <p class="then">
              <a class="button quiet" href={accountPaths.password}>
                {account.changePassword}
              </a>
            </p>
          </section>
        )}
        {model.secondFactor !== undefined && (
          <SecondFactor model={model} factor={model.secondFactor} messages={messages} />
        )}
        {model.passkeys && <Passkeys model={model} passkeys={model.passkeys} messages={messages} />}
        <Sessions model={model} messages={messages} />
      </>
    ),
  })
}

interface Factor {
  model: SecurityPage
  factor: NonNullable<SecurityPage['secondFactor']> | null
  messages: Messages
}

/** The account's second factor, and what the user can do with it. */
function SecondFactor({ model, factor, messages }: Factor) {
  const { secondFactor } = messages
  return (
    <section>
      <h2>{secondFactor.name}</h2>
      <p>{secondFactor.lead}</p>
      {factor && (
        <p>
          {messages.sentences(
            secondFactor.since(<Day at={factor.since} now={model.now} messages={messages} />),
            secondFactor.codesLeft(factor.codesLeft),
          )}
        </p>
      )}
      <p class="then">
        <a class="button quiet" href={accountPaths.secondFactor}>
          {factor ? secondFactor.replace : secondFactor.setUp}
        </a>
      </p>
      {factor && (
        <ActionForm
          frame={model}
          action="new-recovery-codes"
          label={secondFactor.newCodes}
          effect={secondFactor.newCodesEffect}
        />
      )}
      {factor && !model.mustHaveFactor && (
        <p class="then">
          <a class="quietly" href={accountPaths.removeFactor}>
            {secondFactor.turnOff}
          </a>
        </p>
      )}
    </section>
  )
}

interface PasskeyList {
  model: SecurityPage
  passkeys: readonly PasskeyEntry[]
  messages: Messages
}

/** The account's passkeys, and the form that adds one if the browser supports them. */
function Passkeys({ model, passkeys, messages }: PasskeyList) {
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
                  {messages.sentences(
                    account.addedOn(day(added)),
                    lastUsed === undefined ? account.notUsedYet : account.lastUsedOn(day(lastUsed)),
                  )}
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
        <AddPasskey form={formOf(model)} messages={messages}>
          <Hidden name="action" value="add-passkey" />
        </AddPasskey>
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

/** The user's sessions, and the forms that end them. */
function Sessions({ model, messages }: { model: SecurityPage; messages: Messages }) {
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
                {messages.sentences(
                  account.signedInOn(moment(since)),
                  lastSeen !== undefined && account.lastSeenOn(moment(lastSeen)),
                )}
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
      {model.sessions.length > 1 && <ActionForm frame={model} action="end-other-sessions" label={account.endOthers} />}
      <ActionForm
        frame={model}
        action="sign-out-everywhere"
        label={account.signOutEverywhere}
        effect={account.signOutEverywhereEffect}
      />
    </section>
  )
}
