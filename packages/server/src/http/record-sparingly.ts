import { networkOf } from 'countersign/wire'
import { hashSecret } from '../secrets/minted-secrets.js'
import { foldUsername, type NewEvent, type Storage } from '../storage/api/storage.js'

const window = 900

/**
 * Rows about one thing, and one person if there is one, in 15 minutes: from one address, from the networks around it, and in all. More
 * say nothing new.
 */
const most = { subscriber: 20, site: 40, provider: 125, all: 500 } as const

/** Records what anyone can cause at any rate, a limited number of times. False: it was over a limit. */
export async function recordSparingly({ storage }: { storage: Storage }, event: NewEvent): Promise<boolean> {
  const { userId, username, ip } = event
  const about = username === undefined ? (userId ?? '') : foldUsername(username)
  // The narrowest first: what is over one of them counts in no wider one.
  for (const size of ['subscriber', 'site', 'provider', 'all'] as const) {
    const from = ip === undefined || size === 'all' ? '' : networkOf(ip, size)
    const key = hashSecret(`${event.event} ${about} ${size} ${from}`)
    const { count } = await storage.countAttempt({ key, window })
    if (count > most[size]) return false
    if (ip === undefined) break
  }
  await storage.recordEvent(event)
  return true
}
