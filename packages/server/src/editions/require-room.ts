import type { ServerContext } from '../http/context.js'
import { requireLastingRate } from './rates.js'
import type { Admission } from './require-admitted.js'
import type { SigningAgent } from './signed-request.js'

/** How many open requests an agent may have that nobody has allowed anything yet (attacks A13). */
const unknownAgentOpenRequests = 20

/**
 * How many requests of the agent may be open, where it may have one more stored.
 *
 * @throws AAuthError `too_many_requests`
 */
export async function requireRoom(
  context: ServerContext,
  agent: SigningAgent,
  admission: Pick<Admission, 'hasBeenAllowed' | 'lasting'>,
): Promise<number> {
  await requireLastingRate(context, agent, admission)
  const { maxOpenRequests } = context
  return admission.hasBeenAllowed ? maxOpenRequests : Math.min(maxOpenRequests, unknownAgentOpenRequests)
}
