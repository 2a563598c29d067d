import type { VerifiedRequest } from 'countersign/editions'
import type { Resource } from 'countersign/resource'
import { expect, it } from 'vitest'
import { onAuthorizationEnd } from '../../src/resource/watch-authorization.js'

/** Timers that keep this process alive. */
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

it('a stream that waits for its token to expire does not keep the process alive', () => {
  const resource: Pick<Resource, 'isStillAuthorized'> = { isStillAuthorized: async () => true }
  const verified = { authorization: { claims: { exp: Date.now() / 1000 + 600 } } } as VerifiedRequest
  const before = timers()
  const stop = onAuthorizationEnd(resource as Resource, verified, () => undefined)
  expect(timers()).toBe(before)
  stop()
})
