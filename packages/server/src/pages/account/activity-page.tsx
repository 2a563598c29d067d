import type { Activity, ActivityPage } from '../account-models.js'
import { en } from '../messages/en.js'
import type { Messages } from '../messages/messages.js'
import { renderAccountLayout } from './account-layout.js'
import { ActivityList } from './activity-list.js'

/**
 * Renders what happened with the account and its agents, by day, `data-state="activity"`.
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
        {activity.length === 0 && <p>{account.noActivity}</p>}
        {byDay(activity).map(([first, entries]) => (
          <section>
            <h2>{messages.day(first, now)}</h2>
            <ActivityList activity={entries} now={now} messages={messages} />
          </section>
        ))}
        {(newer !== undefined || older !== undefined) && (
          <nav class="ends" aria-label={account.pages}>
            {newer !== undefined && <a href={newer}>{account.newer}</a>}
            {older !== undefined && <a href={older}>{account.older}</a>}
          </nav>
        )}
      </>
    ),
  })
}

/** Neighbours of one UTC day, with the time of the first. */
function byDay(activity: readonly Activity[]): [first: number, entries: Activity[]][] {
  const days: [number, Activity[]][] = []
  for (const entry of activity) {
    const last = days.at(-1)
    if (last && dayOf(last[0]) === dayOf(entry.at)) last[1].push(entry)
    else days.push([entry.at, [entry]])
  }
  return days
}

function dayOf(unixSeconds: number): number {
  return Math.floor(unixSeconds / 86400)
}
