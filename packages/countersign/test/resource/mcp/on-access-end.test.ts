import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { onAccessEnd } from '../../../src/resource/mcp/on-access-end.js'

type Context = Parameters<typeof onAccessEnd>[0]
type Message = Parameters<typeof onAccessEnd>[1]

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const session = { id: 'session-1', owner: { agent: 'https://agent.example', secret: 'x' }, lastEventId: undefined }

/** A stream that was opened without a token; `find` stands for the session's record, and `holds` for the resource's check. */
function openStream() {
  const find = vi.fn<() => object | undefined>(() => session.owner)
  const holds = vi.fn<(of: object) => Promise<boolean>>(async () => true)
  const onEnd = vi.fn()
  const context: unknown = { sessions: { use: find }, resource: { isStillAuthorized: holds } }
  const admitted: unknown = { verified: {}, caller: {}, endpoint: 'https://api.example/mcp', session }
  const stop = onAccessEnd(context as Context, admitted as Message, onEnd)
  return { find, holds, onEnd, stop }
}

it('checks the session of a stream without a token every 2 seconds, and closes it if the session is gone', async () => {
  const { find, onEnd, stop } = openStream()
  const checked = []
  for (let second = 1; second <= 5; second++) {
    await vi.advanceTimersByTimeAsync(1000)
    checked.push(find.mock.calls.length)
  }
  expect(checked).toEqual([0, 1, 1, 2, 2])
  expect(find).toHaveBeenLastCalledWith('https://api.example/mcp session-1', {})
  find.mockReturnValue(undefined)
  await vi.advanceTimersByTimeAsync(999)
  expect(onEnd).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(onEnd).toHaveBeenCalledOnce()
  stop()
})

it('continues under the authorization in the session’s record, wherever it was used, and under a newer one', async () => {
  const { find, holds, onEnd } = openStream()
  const until = (exp: number) => ({ claims: { exp }, scope: [], expired: false })
  const later = Math.floor(Date.now() / 1000) + 600
  const allow = (exp: number) => find.mockReturnValue({ ...session.owner, person: 'p', authorization: until(exp) })
  allow(later)
  await vi.advanceTimersByTimeAsync(5000)
  expect(holds).toHaveBeenLastCalledWith({ authorization: until(later) })
  allow(later + 600)
  holds.mockResolvedValueOnce(false)
  await vi.advanceTimersByTimeAsync(5000)
  expect(holds).toHaveBeenLastCalledWith({ authorization: until(later + 600) })
  expect(onEnd).not.toHaveBeenCalled()
  holds.mockResolvedValue(false)
  await vi.advanceTimersByTimeAsync(1000)
  expect(onEnd).toHaveBeenCalledOnce()
})

it('closes a stream if the record says that there is a user, but not what the user allowed', async () => {
  const { find, onEnd } = openStream()
  find.mockReturnValue({ ...session.owner, person: 'p' })
  await vi.advanceTimersByTimeAsync(2000)
  expect(onEnd).toHaveBeenCalledOnce()
})
