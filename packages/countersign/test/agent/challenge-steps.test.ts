import { expect, it } from 'vitest'
import { createOwnerWork } from '../../src/agent/challenge-steps.js'

const { signal } = new AbortController()

/** Work that runs until it is finished or aborted; `aborted` is the reason. */
function openWork() {
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const work = {
    aborted: undefined as unknown,
    finish: () => finish(),
    run: (given: AbortSignal) => {
      given.addEventListener('abort', () => {
        work.aborted = given.reason
      })
      return finished
    },
  }
  return work
}

it('end() aborts all running work of one owner, but not work that starts later', async () => {
  const running = createOwnerWork()
  const [first, second, other, later] = [openWork(), openWork(), openWork(), openWork()]
  const runs = [running.run('a', signal, first.run), running.run('a', signal, second.run)]
  runs.push(running.run('b', signal, other.run))
  const reason = new Error('signed out')
  running.end('a', reason)
  runs.push(running.run('a', signal, later.run))
  expect([first.aborted, second.aborted]).toEqual([reason, reason])
  expect([other.aborted, later.aborted]).toEqual([undefined, undefined])
  for (const work of [first, second, other, later]) work.finish()
  await Promise.all(runs)
})

it('work that finishes after end() leaves newer work of its owner for the next end()', async () => {
  const running = createOwnerWork()
  const [ended, newer] = [openWork(), openWork()]
  const old = running.run('a', signal, ended.run)
  running.end('a', new Error('first'))
  const current = running.run('a', signal, newer.run)
  ended.finish()
  await old
  const reason = new Error('second')
  running.end('a', reason)
  expect(newer.aborted).toBe(reason)
  newer.finish()
  await current
})

it('the caller’s signal aborts its work, but neither other work nor work that has finished', async () => {
  const running = createOwnerWork()
  const [abort, unused] = [new AbortController(), new AbortController()]
  const [own, other, done] = [openWork(), openWork(), openWork()]
  const runs = [running.run('a', abort.signal, own.run), running.run('a', unused.signal, other.run)]
  const finished = running.run('a', abort.signal, done.run)
  done.finish()
  await finished
  const reason = new Error('the caller left')
  abort.abort(reason)
  expect([own.aborted, other.aborted, done.aborted]).toEqual([reason, undefined, undefined])
  const later = openWork()
  await expect(running.run('a', abort.signal, later.run)).rejects.toBe(reason)
  const end = new Error('signed out')
  running.end('a', end)
  expect([own.aborted, other.aborted, done.aborted, later.aborted]).toEqual([reason, end, undefined, undefined])
  expect(() => running.end('unknown', end)).not.toThrow()
  for (const work of [own, other]) work.finish()
  await Promise.all(runs)
})

it('work that has finished is not aborted by end(), while other work of its owner continues', async () => {
  const running = createOwnerWork()
  const [first, second] = [openWork(), openWork()]
  const run = running.run('a', signal, first.run)
  const other = running.run('a', signal, second.run)
  first.finish()
  await run
  const reason = new Error('signed out')
  running.end('a', reason)
  expect([first.aborted, second.aborted]).toEqual([undefined, reason])
  second.finish()
  await other
})

it('work returns its result, or rejects with its error', async () => {
  const running = createOwnerWork()
  expect(await running.run('a', signal, async () => 'done')).toBe('done')
  const error = new Error('failed')
  await expect(running.run('a', signal, () => Promise.reject(error))).rejects.toBe(error)
})
