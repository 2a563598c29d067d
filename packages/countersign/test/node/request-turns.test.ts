import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, it } from 'vitest'
import { RequestTurns } from '../../src/node/request-turns.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

function openTurns() {
  const turns = new RequestTurns()
  const begun: string[] = []
  const send = (address: string | undefined, count = 1) => {
    for (let sent = 0; sent < count; sent++)
      turns.take(
        () => address,
        () => begun.push(address ?? 'unknown'),
      )
  }
  return { turns, begun, send }
}

// V01
it('begins 16 requests in a turn of the event loop, and the rest in the next ones', async () => {
  const { begun, send } = openTurns()
  send('203.0.113.9', 40)
  expect(begun.length).toBe(16)
  const steps = []
  while (begun.length < 40) {
    const before = begun.length
    await turn()
    steps.push(begun.length - before)
  }
  expect(Math.max(...steps)).toBe(16)
  await turn()
  await turn()
  send('203.0.113.9', 1)
  expect(begun.length).toBe(41)
})

// V01
it('lets networks take turns, so that a new client does not wait for a burst of another one', async () => {
  const { begun, send } = openTurns()
  send('203.0.113.9', 500)
  send('203.0.113.7', 500)
  send('198.51.100.1')
  send('2001:db8::1', 2)
  send(undefined)
  await turn()
  await turn()
  const others = begun.filter((address) => !address.startsWith('203.0.113.'))
  expect(others.toSorted()).toEqual(['198.51.100.1', '2001:db8::1', '2001:db8::1', 'unknown'])
  expect(begun.length).toBeLessThanOrEqual(48)
})

it('begins a request in the asynchronous context in which it was received', async () => {
  const { turns, send } = openTurns()
  const context = new AsyncLocalStorage<string>()
  send('203.0.113.9', 30)
  let seen: string | undefined
  context.run('mine', () => {
    turns.take(
      () => '198.51.100.1',
      () => {
        seen = context.getStore()
      },
    )
  })
  await expect.poll(() => seen).toBe('mine')
})
