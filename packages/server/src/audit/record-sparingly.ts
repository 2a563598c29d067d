import { networkOf } from 'countersign/wire'
import { hashSecret } from '../secrets/minted-secrets.js'
import { foldUsername, type NewEvent, type Storage } from '../storage/storage.js'

/** Rows about one thing, and one person where there is one, from one address in 15 minutes; more say nothing new. */
const rows = { window: 900, most: 20 }

/** Records what anybody can make happen as often as they like, a limited number of times. False: it was one too many. */
export async function recordSparingly({ storage }: { storage: Storage }, event: NewEvent): Promise<boolean> {
  const from = event.ip === undefined ? '' : networkOf(event.ip)
  const { userId, username } = event
  const about = username === undefined ? (userId ?? '') : foldUsername(username)
  const key = hashSecret(`${event.event} ${about} ${from}`)
  const { count } = await storage.countAttempt({ key, window: rows.window })
  if (count > rows.most) return false
  await storage.recordEvent(event)
  return true
}
