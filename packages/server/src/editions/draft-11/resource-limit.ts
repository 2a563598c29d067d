import { AAuthError } from 'countersign'
import { hashSecret } from '../../secrets/server-keys.js'
import { secondsUntil } from '../../storage/api/throttle-storage.js'
import type { SignedContext } from '../edition.js'
import type { SigningAgent } from '../signed-request.js'
import { draft11Name } from './paths.js'

/** What the operator set for agents. The limits are on one agent, across all instances. */
export interface Draft11Limits {
  /** Maximum number of different resources per day for which an agent asks a user. */
  resources: number
  /** Maximum number of open requests of an agent. */
  openRequests: number
  /** Whether agents that list no capabilities can take their users to a page. */
  capabilitiesOptional: boolean
}

const day = 86_400

/**
 * Limits for how many resources an agent asks, because the user has a different id at each (draft -11 §7.1).
 *
 * @throws AAuthError `too_many_requests`
 */
export async function requireFewResources(
  { storage, now }: SignedContext,
  { agent, delegate }: Pick<SigningAgent, 'agent' | 'delegate'>,
  resource: string,
  { resources }: Draft11Limits,
): Promise<void> {
  const name = `${draft11Name} ${agent} ${delegate}`
  const ofResource = { key: hashSecret(`${name} asks for ${resource}`), window: day, most: 1 }
  const ofAgent = { key: hashSecret(`resources of ${name}`), window: day, most: resources }
  if (await storage.findReachedLimit([ofResource])) return
  // Both are counted or neither, so that a refused resource does not count as one that the agent asked for.
  const reached = await storage.countWithinLimits([ofResource, ofAgent])
  if (!reached || reached.limit.key === ofResource.key) return
  const retryAfter = secondsUntil(reached.resetAt, now())
  throw new AAuthError('too_many_requests', 'This agent asks for too many resources today.', { retryAfter })
}
