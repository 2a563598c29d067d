import { type Storage, StorageError } from 'countersign-server'
import { afterEach, expect, it, vi } from 'vitest'
import { observeStorage } from '../../../src/storage/api/storage.js'

afterEach(() => vi.restoreAllMocks())

it.each<[string, () => Promise<unknown>, string]>([
  ['that succeeds', async () => true, 'ok'],
  ['that the storage refuses', () => Promise.reject(new StorageError('unavailable', 'down')), 'unavailable'],
  ['that fails', () => Promise.reject(new TypeError('broken')), 'failed'],
])('a verb %s is reported with its duration in seconds', async (_what, endSession, outcome) => {
  vi.spyOn(performance, 'now').mockReturnValueOnce(1000).mockReturnValueOnce(3500)
  const reported: unknown[] = []
  const storage = observeStorage({ endSession } as unknown as Storage, (event) => reported.push(event))
  const result = await storage.endSession('id').catch((error: unknown) => error)
  expect(result).toEqual(await endSession().catch((error: unknown) => error))
  expect(reported).toEqual([{ kind: 'storage', verb: 'endSession', outcome, duration: 2.5 }])
})

it('only verbs are reported', () => {
  const reported: unknown[] = []
  const verb = Symbol('verb')
  const storage = { version: 1, [verb]: () => 2 }
  const observed = observeStorage(storage as unknown as Storage, (event) => reported.push(event))
  expect([Reflect.get(observed, 'version'), Reflect.get(observed, verb), reported]).toEqual([1, storage[verb], []])
})
