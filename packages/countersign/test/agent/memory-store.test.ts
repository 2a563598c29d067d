import { type AgentRecord, memoryStore } from 'countersign/agent'
import { expect, it } from 'vitest'
import { ids } from './stage.js'

const record = (kind: AgentRecord['kind'], id = 'one'): AgentRecord => {
  return { agent: ids.agent, edition: 'one', kind, id, data: {} }
}

it('does not evict tokens for owners that only start a session or a consent, however many', async () => {
  const store = memoryStore()
  await store.put('alice', record('session'))
  await store.put('alice', record('consent'))
  await store.put('alice', record('token'))
  await store.remove('alice', record('consent'))
  for (let index = 0; index < 10_001; index++) {
    await store.put(`stranger ${index}`, record('session'))
    await store.add(`stranger ${index}`, record('consent'))
  }
  expect((await store.list('alice')).map(({ kind }) => kind)).toEqual(['session', 'token'])
  expect(await store.list('stranger 0'), 'the first to exceed the limit').toEqual([])
  expect(await store.list('stranger 10000')).toHaveLength(2)
})

it('evicts the least recently used owner if too many have tokens', async () => {
  const store = memoryStore()
  for (let index = 0; index < 10_000; index++) await store.put(`owner ${index}`, record('token'))
  await store.list('owner 0')
  await store.put('one more', record('token'))
  expect(await store.list('owner 0')).toHaveLength(1)
  expect(await store.list('owner 1')).toEqual([])
})

it('counts an owner whose last token was removed as one without tokens', async () => {
  const store = memoryStore()
  await store.put('alice', record('session'))
  await store.put('alice', record('token'))
  await store.remove('alice', record('token'))
  for (let index = 0; index < 10_000; index++) await store.put(`stranger ${index}`, record('session'))
  expect(await store.list('alice')).toEqual([])
})

it('does not count an owner whose last record was removed', async () => {
  const store = memoryStore()
  await store.put('alice', record('session'))
  for (let index = 0; index < 10_000; index++) {
    await store.put(`stranger ${index}`, record('session'))
    await store.remove(`stranger ${index}`, record('session'))
  }
  expect(await store.list('alice')).toHaveLength(1)
})

it.each(['token', 'session'] as const)('stores 10,000 owners with a record of kind %s, and no more', async (kind) => {
  const store = memoryStore()
  for (let index = 0; index < 10_000; index++) await store.put(`owner ${index}`, record(kind))
  expect(await store.remove('owner 0', record(kind, 'unknown')), 'is no use').toBe(false)
  expect(await store.remove('unknown', record(kind))).toBe(false)
  await store.put('owner 1', record(kind, 'two'))
  await store.put('one more', record(kind))
  expect(await store.list('owner 0')).toEqual([])
  expect(await store.list('owner 1')).toHaveLength(2)
  expect(await store.list('owner 2')).toHaveLength(1)
})

it('is not shared, and returns the record that it holds', async () => {
  const store = memoryStore()
  expect(store.isShared).toBe(false)
  const [first, second] = [record('token'), { ...record('token'), data: { is: 'new' } }]
  expect([await store.add('alice', first), await store.add('alice', second)]).toEqual([first, first])
  expect(await store.add('alice', record('token', 'two'))).toEqual(record('token', 'two'))
  expect([await store.remove('alice', second), await store.remove('alice', second)]).toEqual([true, false])
  expect(await store.list('alice')).toEqual([record('token', 'two')])
})
