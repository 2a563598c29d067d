import { AAuthError } from '../lib/errors.js'
import type { NonceSource } from './claim-nonce.js'
import type { ReachedLimit } from './nonce-limits.js'

/** Who holds a nonce: an agent, or a key that proves none. */
export function holderName({ agent, thumbprint }: Pick<NonceSource, 'agent' | 'thumbprint'>): string {
  return agent === undefined ? `key ${thumbprint}` : `agent ${agent}`
}

/** What one more nonce is refused with that would be beyond a limit. */
export function nonceRefusal(reached: ReachedLimit): AAuthError {
  const code = reached === 'total' ? 'unavailable' : 'too_many_requests'
  return new AAuthError(code, refusals[reached], { retryAfter: 60 })
}

const refusals: Readonly<Record<ReachedLimit, string>> = {
  perKey: 'Too many nonces of this key are remembered: wait, or sign as an agent.',
  perNetwork: 'Too many nonces of keys in this network are remembered: wait, or sign as an agent.',
  perAgent: 'Too many nonces of this agent are remembered: wait.',
  network: 'Too many nonces are remembered, most of this network: wait.',
  strangers: 'Too many nonces of keys that prove no agent are remembered: wait, or sign as an agent.',
  total: 'Too many nonces are remembered.',
}
