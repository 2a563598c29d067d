import { systemClock } from '../lib/clock.js'
import { createDiscoveryBehind, type Discovery } from './discovery.js'
import type { DiscoveryOptions } from './document-sources.js'
import { createFetchBudget } from './fetch-budget.js'
import { type Delay, LookupQueue } from './lookup-queue.js'

export interface GuardedDiscoveryOptions extends DiscoveryOptions {
  /** Waits for the time to answer a lookup that failed. @default a timer */
  delay?: Delay
}

/**
 * Creates a discovery with its own caches, for a server that strangers make fetch documents (attacks K25); share one per
 * process.
 *
 * @throws TypeError for options that cannot be meant
 */
export function createDiscovery(options: GuardedDiscoveryOptions = {}): Discovery {
  const { now = systemClock } = options
  const queue = new LookupQueue(now, options.delay)
  const budget = createFetchBudget(options, now)
  return createDiscoveryBehind(
    { budget, run: (remoteAddress, failureTime, look) => queue.run(remoteAddress, failureTime, look) },
    options,
  )
}
