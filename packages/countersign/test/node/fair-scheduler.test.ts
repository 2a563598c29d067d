import { AsyncLocalStorage } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { expect, it, onTestFinished } from 'vitest'
import { FairScheduler } from '../../src/node/fair-scheduler.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

function openTurns() {
  const turns = new FairScheduler()
  const begun: string[] = []
  const send = (address: string | undefined, count = 1) => {
    for (let sent = 0; sent < count; sent++)
      turns.take({ address: () => address, begin: () => begun.push(address ?? 'unknown') })
  }
  const refused: string[] = []
  const stream = (address: string) =>
    turns.take({
      address: () => address,
      begin: () => begun.push(address),
      refuse: () => refused.push(address),
    })
  return { turns, begun, refused, send, stream }
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

// V19
it('begins 2 requests in a turn while connections are accepted', async () => {
  const { turns, begun, send } = openTurns()
  turns.watch()
  send('203.0.113.9', 60)
  while (begun.length < 40) {
    const before = begun.length
    channel('net.server.socket').publish({})
    await turn()
    expect(begun.length - before).toBeLessThanOrEqual(2)
  }
  await turn()
  await turn()
  expect(begun.length).toBe(60)
  channel('net.server.socket').publish({})
  await turn()
  send('203.0.113.9', 3)
  expect(begun.length).toBe(62)
  turns.unwatch()
  expect(channel('net.server.socket').hasSubscribers).toBe(false)
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
  onTestFinished(() => context.disable())
  send('203.0.113.9', 30)
  let seen: string | undefined
  context.run('mine', () => {
    turns.take({
      address: () => '198.51.100.1',
      begin: () => {
        seen = context.getStore()
      },
    })
  })
  await expect.poll(() => seen).toBe('mine')
})

// V17
it('never begins a request that was removed while it waited, and keeps nothing of it', async () => {
  const { begun, refused, stream } = openTurns()
  const waiting = Array.from({ length: 5000 }, (_, count) => {
    const leave = stream(`203.0.${count % 200}.9`)
    if (count >= 16) expect(leave).toBeDefined()
    leave?.()
    leave?.()
    return leave
  })
  expect(waiting.filter(Boolean)).toHaveLength(4984)
  stream('198.51.100.1')
  for (let turns = 0; turns < 3; turns++) await turn()
  expect(begun).toHaveLength(17)
  expect(begun.at(-1)).toBe('198.51.100.1')
  expect(refused).toEqual([])
})

// V17
it('refuses streams beyond 1,024 of one network, and beyond 2,048 those of the network that holds most', async () => {
  const { begun, refused, send, stream } = openTurns()
  const several = (address: string, count: number) => {
    for (let sent = 0; sent < count; sent++) stream(address)
  }
  send('192.0.2.1', 16)
  several('203.0.113.1', 1500)
  expect(refused).toHaveLength(476)
  several('203.0.114.1', 1000)
  several('203.0.115.1', 24)
  expect(refused).toHaveLength(476)
  several('198.51.100.1', 50)
  expect(refused.slice(476).every((address) => address !== '198.51.100.1')).toBe(true)
  expect(refused).toHaveLength(526)
  // A request without `refuse` is not counted.
  send('192.0.2.1', 3000)
  expect(refused).toHaveLength(526)
  while (begun.length < 16 + 2048 + 3000) await turn()
  expect(begun.filter((address) => address === '198.51.100.1')).toHaveLength(50)
  several('203.0.113.1', 1000)
  expect(refused).toHaveLength(526)
})
