import type { VerifiedRequest } from 'countersign/editions'
import type { Resource } from 'countersign/resource'
import { afterEach, expect, it, vi } from 'vitest'
import { onAuthorizationEnd } from '../../src/resource/watch-authorization.js'

/** Timers that keep this process alive. */
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

afterEach(() => void vi.useRealTimers())

// G08
it('checks an authorization every 900 ms and when its token expires, and reports its end once', async () => {
  vi.useFakeTimers()
  const exp = Date.now() / 1000 + 2
  const isStillAuthorized = vi.fn(async () => Date.now() < exp * 1000)
  const onEnd = vi.fn()
  const resource: Pick<Resource, 'isStillAuthorized'> = { isStillAuthorized }
  onAuthorizationEnd(resource as Resource, { authorization: { claims: { exp } } } as VerifiedRequest, onEnd)
  const checked: number[] = []
  for (const at of [899, 900, 1799, 1800, 1999]) {
    await vi.advanceTimersByTimeAsync(at - (Date.now() - (exp - 2) * 1000))
    checked.push(isStillAuthorized.mock.calls.length)
  }
  expect(checked).toEqual([0, 1, 1, 2, 2])
  expect(onEnd).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(onEnd).toHaveBeenCalledOnce()
  await vi.advanceTimersByTimeAsync(5000)
  expect(isStillAuthorized).toHaveBeenCalledTimes(3)
  expect(onEnd).toHaveBeenCalledOnce()
})

it('a stream that waits for its token to expire does not keep the process alive', () => {
  const resource: Pick<Resource, 'isStillAuthorized'> = { isStillAuthorized: async () => true }
  const verified = { authorization: { claims: { exp: Date.now() / 1000 + 600 } } } as VerifiedRequest
  const before = timers()
  const stop = onAuthorizationEnd(resource as Resource, verified, () => undefined)
  expect(timers()).toBe(before)
  stop()
})

it('watches the claims of a request without an authorization', async () => {
  vi.useFakeTimers()
  const onEnd = vi.fn()
  const resource: Pick<Resource, 'isStillAuthorized'> = { isStillAuthorized: async () => false }
  onAuthorizationEnd(resource as Resource, { claims: { exp: Date.now() / 1000 + 60 } } as never, onEnd)
  await vi.advanceTimersByTimeAsync(1000)
  expect(onEnd).toHaveBeenCalledOnce()
})
