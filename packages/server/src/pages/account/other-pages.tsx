import type { Messages } from '../messages/messages.js'

interface Pages {
  label: string
  newer: string | undefined
  older: string | undefined
  messages: Messages
}

/** Links to the other pages of a list, the newest entries of which come first. */
export function OtherPages({ label, newer, older, messages: { account } }: Pages) {
  if (newer === undefined && older === undefined) return null
  return (
    <nav aria-label={label}>
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
  )
}
