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
