import type { ServerContext } from '../context.js'
import type { Session } from '../storage/storage.js'

/** Seconds after signing in during which a person need not show again who they are (attacks C24). */
const freshFor = 600

/** Whether the person showed just now who they are: a session alone may have been left open, or stolen. */
export function isFresh({ now }: ServerContext, { authTime }: Session): boolean {
  return now() - authTime <= freshFor
}
