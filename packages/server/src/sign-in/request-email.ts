import { networkOf } from 'countersign/node'
import type { ServerContext } from '../http/context.js'
import type { Visit } from '../http/visit.js'
import { hashSecret } from '../secrets/server-keys.js'
import type { NewEmail } from '../storage/api/email-storage.js'
import { secondsUntil } from '../storage/api/throttle-storage.js'

/** Maximum number of emails per hour that one network (IPv4 /24, IPv6 /48) can request. */
const perNetwork = { window: 3600, most: 60 } as const

/**
 * Queues an email to a user, unless the visitor's network has requested too many: then returns the number of seconds to wait. The same
 * statements run whether or not the user exists (attacks C17).
 */
export async function requestEmail(
  { storage, now }: ServerContext,
  { ip, messages }: Pick<Visit, 'ip' | 'messages'>,
  email: Omit<NewEmail, 'language'>,
): Promise<number | undefined> {
  const network = ip === undefined ? '' : networkOf(ip, 'site')
  const reached = await storage.countWithinLimits([{ key: hashSecret(`emails from ${network}`), ...perNetwork }])
  if (reached) return secondsUntil(reached.resetAt, now())
  await storage.queueEmail({ ...email, language: messages.lang })
  return undefined
}
