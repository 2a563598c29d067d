import type { Child } from 'hono/jsx'
import type { AccountEvent, Activity, AgentEvent } from '../account-models.js'
import { Host } from '../host.js'
import { Icon, type IconName } from '../icon.js'
import type { Messages } from '../messages/messages.js'
import { Moment } from '../moment.js'

const icons: Record<AccountEvent | AgentEvent, IconName> = {
  allowed: 'yes',
  denied: 'no',
  used: 'notice',
  removed: 'no',
  ran_out: 'notice',
  signed_up: 'notice',
  signed_in: 'notice',
  sign_in_failed: 'caution',
  signed_out: 'notice',
  session_ended: 'notice',
  signed_out_everywhere: 'notice',
  password_changed: 'key',
  passkey_added: 'key',
  passkey_removed: 'key',
  downloaded: 'notice',
}

interface List {
  activity: readonly Activity[]
  now: number
  messages: Messages
  /** Each with its day, where no heading says it. */
  days?: boolean
}

/** What happened, in words, newest first. */
export function ActivityList({ activity, now, messages, days }: List) {
  return (
    <ul class="happened">
      {activity.map((entry) => (
        <li>
          <Icon name={icons[entry.what]} />
          <span>{sentenceOf(entry, messages)}</span>
          <span class="aside">
            <Moment at={entry.at}>{days ? messages.dayAndTime(entry.at, now) : messages.timeOfDay(entry.at)}</Moment>
          </span>
        </li>
      ))}
    </ul>
  )
}

function sentenceOf(entry: Activity, { account }: Messages): Child {
  if ('agentHost' in entry) {
    return account.agentEvents[entry.what](<Host>{entry.agentHost}</Host>, <Host>{entry.resourceHost}</Host>)
  }
  const words = account.accountEvents[entry.what]
  return entry.device === undefined ? words : [words, ' ', account.onDevice(<bdi>{entry.device}</bdi>)]
}
