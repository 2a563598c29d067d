import type { ActivityPage } from '../account-models.js'
import { en } from '../messages/en.js'
import type { Messages } from '../messages/messages.js'
import { renderAccountLayout } from './account-layout.js'
import { ActivityList } from './activity-list.js'

/**
 * Renders what happened with the account and its agents, `data-state="activity"`.
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
          <ActivityList activity={activity} now={now} messages={messages} />
        )}
        {(newer !== undefined || older !== undefined) && (
          <nav aria-label={account.pages}>
            <ul class="ends">
              {newer !== undefined && (
                <li>
                  <a href={newer}>{account.newer}</a>
                </li>
              )}
              {older !== undefined && (
                <li>
                  <a href={older}>{account.older}</a>
                </li>
              )}
            </ul>
          </nav>
        )}
      </>
    ),
  })
}
