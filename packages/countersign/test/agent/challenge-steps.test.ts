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
