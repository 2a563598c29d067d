import type { ComponentChildren } from 'preact'
import { AgentDelegate, CallText, Host, Icon, type IconName } from '../components/marks.js'
import { Day, DayAndTime, TimeOfDay } from '../components/moment.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { AccountEvent, Activity, ActivityPage, AgentEvent } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import { renderAccountLayout } from './account-layout.js'
import { OtherPages } from './other-pages.js'

/**
 * Renders the activity of the account and its agents, `data-state="activity"`.
 *
 * @returns A complete HTML document.
 */
export function renderActivity(model: ActivityPage, messages: Messages = en): string {
  const { account } = messages
  const { activity, newer, older, now } = model
  return renderAccountLayout({
    frame: model,
    messages,
    title: account.sections.activity,
    state: 'activity',
    section: 'activity',
    children: (
      <>
        <h1>{account.sections.activity}</h1>
        <p class="lead">{account.activityLead}</p>
        {activity.length === 0 ? (
          <p>{account.noActivity}</p>
        ) : (
          <ActivityList activity={activity} now={now} messages={messages} isByDay />
        )}
        <OtherPages label={account.pages} newer={newer} older={older} messages={messages} />
      </>
    ),
  })
}

const icons: Record<AccountEvent | AgentEvent, IconName> = {
  allowed: 'yes',
  allowed_once: 'yes',
  denied: 'no',
  remembered: 'yes',
  used: 'notice',
  removed: 'no',
  removed_by_server: 'no',
  blocked_by_server: 'no',
  permission_removed: 'no',
  permission_extended: 'yes',
  signed_up: 'notice',
  signed_in: 'notice',
  sign_in_failed: 'caution',
  signed_out: 'notice',
  session_ended: 'notice',
  session_displaced: 'notice',
  signed_out_everywhere: 'notice',
  session_ended_by_server: 'notice',
  signed_out_others: 'notice',
  signed_out_by_server: 'notice',
  password_changed_by_server: 'key',
  provider_added: 'key',
  provider_removed: 'key',
  edited: 'notice',
  edited_by_server: 'notice',
  email_confirmed: 'notice',
  link_created: 'key',
  password_changed: 'key',
  passkey_added: 'key',
  passkey_removed: 'key',
  passkey_removed_by_server: 'key',
  factor_added: 'notice',
  factor_removed: 'notice',
  factor_removed_by_server: 'notice',
  recovery_codes_replaced: 'notice',
  recovery_code_used: 'notice',
  downloaded: 'notice',
}

interface List {
  activity: readonly Activity[]
  now: number
  messages: Messages
  /** Whether days are headings, and agents link to their pages. @default false */
  isByDay?: boolean | undefined
}

/** The activity in words, newest first. */
export function ActivityList({ activity, now, messages, isByDay }: List) {
  return (
    <ul class="happened">
      {activity.map((entry, index) => (
        <li>
          {isByDay && (
            // Shown above the first entry of a day. In the user's time zone, which only the script knows, that may be another entry.
            <h2 data-day hidden={dayOf(entry) === dayOf(activity[index - 1])}>
              <Day at={entry.at} now={now} messages={messages} />
            </h2>
          )}
          <Icon name={icons[entry.what]} />
          <div>
            <p>{sentenceOf(entry, messages, isByDay)}</p>
            <p class="small">
              {isByDay ? (
                <TimeOfDay at={entry.at} messages={messages} />
              ) : (
                <DayAndTime at={entry.at} now={now} messages={messages} />
              )}
              {'device' in entry && entry.device !== undefined && [' · ', <bdi>{entry.device}</bdi>]}
            </p>
          </div>
        </li>
      ))}
    </ul>
  )
}

/** The entry's day in UTC, as a number. */
function dayOf(entry: Activity | undefined): number | undefined {
  return entry && Math.floor(entry.at / 86_400)
}

function sentenceOf(entry: Activity, messages: Messages, isLinked = false): ComponentChildren {
  const { account } = messages
  if ('agentHost' in entry) {
    const name = <AgentDelegate host={entry.agentHost} delegate={entry.delegate} messages={messages} />
    const isLink = isLinked && entry.grantId !== undefined
    const agent = isLink ? <a href={accountPaths.agent(entry.grantId ?? '')}>{name}</a> : name
    return entry.agentHost === entry.resourceHost
      ? account.signInEvents[entry.what](agent, <CallText text={entry.detail} />)
      : account.agentEvents[entry.what](agent, <Host>{entry.resourceHost}</Host>, <CallText text={entry.detail} />)
  }
  return account.accountEvents[entry.what]
}
