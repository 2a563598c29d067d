import { expect, it, onTestFinished, vi } from 'vitest'
import { PollWatcher, type WaitOutcome } from '../../../src/editions/draft-11/poll-watcher.js'
import { agentId, openPerson, openPersonStage, poll } from './person-stage.js'

const seen = { status: 'open', isOpened: false } as const
const waiting = { seen, seconds: 60, remoteAddress: '192.0.2.1', signal: new AbortController().signal }

it('a watcher holds at most 20 polls of an agent, 1000 of a network and 2000 in all', async () => {
  const watcher = new PollWatcher({
    storage: { findPolledStates: async () => new Map() },
    onError: () => undefined,
  })
  const waits: Promise<WaitOutcome>[] = []
  const hold = (agent: string, remoteAddress: string | undefined) => {
    const before = watcher.size
    waits.push(watcher.wait({ ...waiting, pollHash: `${waits.length}`, agent, remoteAddress }))
    return watcher.size > before
  }
  const many = (count: number, each: (index: number) => boolean) =>
    Array.from({ length: count }, (_, index) => each(index)).filter(Boolean).length
  expect(many(25, () => hold('one', '192.0.2.1'))).toBe(20)
  expect(many(1200, (index) => hold(`of-network-${index}`, `192.0.2.${index % 200}`))).toBe(980)
  expect(many(1200, (index) => hold(`elsewhere-${index}`, `198.51.${index % 200}.1`))).toBe(1000)
  expect(hold('last', undefined)).toBe(false)
  expect(await waits.at(-1)).toBe('not_held')
  watcher.close()
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['unchanged', 'not_held']))
  expect(watcher.size).toBe(0)
  expect(hold('one', '192.0.2.1')).toBe(true)
  watcher.close()
})

it('a watcher goes on after the database failed, and reports each outage once', async () => {
  const errors: unknown[] = []
  let fails = 0
  const watcher = new PollWatcher({
    storage: {
      async findPolledStates(hashes) {
        if (fails-- > 0) throw new Error('the database is down')
        return new Map(hashes.map((hash) => [hash, { status: 'allowed', isOpened: true }]))
      },
    },
    onError: (error) => errors.push(error),
  })
  for (const outages of [1, 2]) {
    fails = 2
    expect(await watcher.wait({ ...waiting, pollHash: 'a', agent: 'one' })).toBe('changed')
    expect(errors).toHaveLength(outages)
  }
})

it('a watcher ends a wait after its time, and does not wait for nothing', async () => {
  const watcher = new PollWatcher({ storage: { findPolledStates: async () => new Map() }, onError: () => undefined })
  expect(await watcher.wait({ ...waiting, pollHash: 'a', agent: 'one', seconds: 0 })).toBe('not_held')
  expect(await watcher.wait({ ...waiting, pollHash: 'a', agent: 'one', seconds: 0.3 })).toBe('unchanged')
  expect(watcher.size).toBe(0)
})

it('a watcher holds one poll of a request, as long as its agent is connected', async () => {
  const watcher = new PollWatcher({ storage: { findPolledStates: async () => new Map() }, onError: () => undefined })
  const connection = new AbortController()
  const all = { ...waiting, pollHash: 'a', agent: 'one', signal: connection.signal }
  const older = watcher.wait(all)
  const newer = watcher.wait(all)
  expect(await older).toBe('not_held')
  expect(watcher.size).toBe(1)
  connection.abort()
  expect(await newer).toBe('not_held')
  expect(watcher.size).toBe(0)
  expect(await watcher.wait(all)).toBe('not_held')
  // Polls that have ended no longer count toward the limits.
  const waits = Array.from({ length: 20 }, (_, index) =>
    watcher.wait({ ...waiting, pollHash: `${index}`, agent: 'one' }),
  )
  expect(watcher.size).toBe(20)
  watcher.close()
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['unchanged']))
})

it('a poll waits for at most 20 seconds', async () => {
  const wait = vi.spyOn(PollWatcher.prototype, 'wait').mockResolvedValue('unchanged')
  onTestFinished(() => wait.mockRestore())
  const stage = await openPersonStage()
  const { location } = await openPerson(stage)
  for (const asked of [19, 20, 21]) expect((await poll(stage, location, { wait: asked })).status).toBe(202)
  expect(wait.mock.calls.map(([{ seconds }]) => seconds)).toEqual([19, 20, 20])
  expect(wait.mock.calls[0]).toMatchObject([{ agent: `${stage.agent.id} ${agentId}`, seen }])
})
