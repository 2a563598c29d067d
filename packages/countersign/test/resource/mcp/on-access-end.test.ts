import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { onAccessEnd } from '../../../src/resource/mcp/on-access-end.js'

type Context = Parameters<typeof onAccessEnd>[0]
type Message = Parameters<typeof onAccessEnd>[1]

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const session = { id: 'session-1', owner: { agent: 'https://agent.example', secret: 'x' }, lastEventId: undefined }

it('checks the shared sessions of a stream without a token every 4 seconds, and closes it if the session is gone', async () => {
  const use = vi.fn<() => object | undefined>(() => session.owner)
  const onEnd = vi.fn()
  const context: unknown = { sessions: { use }, access: new Map(), now: () => 0 }
  const admitted: unknown = { verified: {}, caller: {}, session }
  const stop = onAccessEnd(context as Context, admitted as Message, onEnd)
  const checked = []
  for (let second = 1; second <= 8; second++) {
    await vi.advanceTimersByTimeAsync(1000)
    checked.push(use.mock.calls.length)
  }
  expect(checked).toEqual([0, 0, 0, 1, 1, 1, 1, 2])
  use.mockReturnValue(undefined)
  await vi.advanceTimersByTimeAsync(3000)
  expect(onEnd).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1000)
  expect(onEnd).toHaveBeenCalledOnce()
  stop()
})
