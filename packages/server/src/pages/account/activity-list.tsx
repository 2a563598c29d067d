import type { ComponentChildren } from 'preact'
import type { AccountEvent, Activity, AgentEvent } from '../account-models.js'
import { AgentCopy } from '../agent-copy.js'
import { Host } from '../host.js'
import { Icon, type IconName } from '../icon.js'
import type { Messages } from '../messages/messages.js'
import { DayAndTime } from '../moment.js'

const icons: Record<AccountEvent | AgentEvent, IconName> = {
  allowed: 'yes',
  denied: 'no',
  remembered: 'yes',
  used: 'notice',
  removed: 'no',
  removed_by_server: 'no',
  signed_up: 'notice',
  signed_in: 'notice',
  sign_in_failed: 'caution',
  signed_out: 'notice',
  session_ended: 'notice',
  session_displaced: 'notice',
  signed_out_everywhere: 'notice',
  password_changed: 'key',
  passkey_added: 'key',
  passkey_removed: 'key',
  passkey_removed_by_server: 'key',
  downloaded: 'notice',
}

interface List {
  activity: readonly Activity[]
  now: number
  messages: Messages
}

/** What happened, in words, newest first. */
export function ActivityList({ activity, now, messages }: List) {
  return (
    <ul class="happened">
      {activity.map((entry) => (
        <li>
          <Icon name={icons[entry.what]} />
          <div>
            <p>{sentenceOf(entry, messages)}</p>
            <p class="small">
              <DayAndTime at={entry.at} now={now} messages={messages} />
              {'device' in entry && entry.device !== undefined && [' · ', <bdi>{entry.device}</bdi>]}
            </p>
          </div>
        </li>
      ))}
    </ul>
  )
}

function sentenceOf(entry: Activity, messages: Messages): ComponentChildren {
  const { account } = messages
  if ('agentHost' in entry) {
    const agent = <AgentCopy host={entry.agentHost} delegate={entry.delegate} messages={messages} />
    return entry.agentHost === entry.resourceHost
      ? account.signInEvents[entry.what](agent)
      : account.agentEvents[entry.what](agent, <Host>{entry.resourceHost}</Host>)
  }
  return account.accountEvents[entry.what]
}
