import type { Storage } from 'countersign-server'
import { expect, test } from 'vitest'
import { eventNames, times } from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

type NewKey = Parameters<Storage['addKey']>[0]

const signing = (kid: string, changes: Partial<NewKey> = {}): NewKey => ({
  kid,
  purpose: 'sign',
  alg: 'EdDSA',
  private: `sealed ${kid}`,
  publicJwk: { kty: 'OKP', crv: 'Ed25519', x: kid },
  state: 'next',
  ...changes,
})

export function keyContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: keys`, makeStorage, (world) => {
    test('a key is returned as stored, oldest first', async () => {
      const { storage } = world
      const secret = signing('secret', { purpose: 'secret', alg: 'HS256', publicJwk: null, state: 'active' })
      await storage.addKey(secret)
      world.now += 1
      await storage.addKey(signing('key', { notBefore: start + 900, retireAt: start + 9000 }))
      expect(await storage.listKeys()).toEqual([
        { ...secret, notBefore: null, retireAt: null, createdAt: start, edition: 'january' },
        {
          ...signing('key'),
          notBefore: start + 900,
          retireAt: start + 9000,
          createdAt: start + 1,
          edition: 'january',
        },
      ])
      await expect(storage.addKey(signing('key'))).rejects.toThrow('the kid of a key is already in use')
      expect((await storage.listEvents({ event: 'key.added' })).map(({ data }) => data)).toEqual([
        { kid: 'secret', purpose: 'secret', state: 'active' },
        { kid: 'key', purpose: 'sign', state: 'next' },
      ])
    })

    test('20 instances that start at the same time agree on the keys of one of them', async () => {
      const { storage } = world
      const made = times(20, (index) => [signing(`sign-${index}`), signing(`secret-${index}`, { purpose: 'secret' })])
      const results = await Promise.all(made.map((keys) => storage.createKeysIfNone(keys)))
      expect(results[0]).toHaveLength(2)
      for (const result of results) expect(result).toEqual(results[0])
      expect(await storage.listKeys()).toEqual(results[0])
      expect(await storage.listEvents()).toMatchObject([
        { event: 'keys.created', data: Object.fromEntries(results[0]?.map(({ kid, state }) => [kid, state]) ?? []) },
      ])
    })

    test('each edition has its own keys, which are created once', async () => {
      const { storage } = world
      await storage.createKeysIfNone([signing('first')])
      const made = times(20, (index) => [signing(`other-${index}`, { edition: 'other' })])
      const results = await Promise.all(made.map((keys) => storage.createKeysIfNone(keys)))
      expect(results[0]).toMatchObject([{ kid: 'first', edition: 'january' }, { edition: 'other' }])
      for (const result of results) expect(result).toEqual(results[0])
      expect(await storage.createKeysIfNone([signing('late')])).toEqual(results[0])
      expect(await eventNames(storage)).toEqual(['keys.created', 'keys.created'])
    })

    test('two keys with the same name cannot be created', async () => {
      await expect(world.storage.createKeysIfNone([signing('key'), signing('key')])).rejects.toThrow(TypeError)
      expect(await world.storage.listKeys()).toEqual([])
    })

    test('a rotation moves all keys it names, and deletes the private parts of those that are gone', async () => {
      const { storage } = world
      await storage.addKey(signing('a', { state: 'retiring' }))
      await storage.addKey(signing('b', { state: 'active' }))
      await storage.addKey(signing('c'))
      const keys = await storage.moveKeys([
        { kid: 'a', from: 'retiring', to: 'gone' },
        { kid: 'b', from: 'active', to: 'retiring', retireAt: start + 3600 },
        { kid: 'c', from: 'next', to: 'active' },
      ])
      expect(keys).toMatchObject([
        { kid: 'a', state: 'gone', private: null, publicJwk: { x: 'a' } },
        { kid: 'b', state: 'retiring', private: 'sealed b', retireAt: start + 3600 },
        { kid: 'c', state: 'active', private: 'sealed c', retireAt: null },
      ])
      expect(await storage.listEvents({ event: 'keys.rotated' })).toMatchObject([
        { data: { a: 'retiring → gone', b: 'active → retiring', c: 'next → active' } },
      ])
    })

    test('a rotation adds a key in the same step', async () => {
      const { storage } = world
      await storage.addKey(signing('c'))
      const keys = await storage.moveKeys([{ kid: 'c', from: 'next', to: 'active' }], { add: signing('d') })
      expect(keys).toMatchObject([
        { kid: 'c', state: 'active' },
        { kid: 'd', state: 'next' },
      ])
    })

    test('of 10 parallel rotations, exactly one happens, and the others get keys_changed', async () => {
      const { storage } = world
      await storage.addKey(signing('b', { state: 'active' }))
      await storage.addKey(signing('c'))
      const results = await Promise.allSettled(
        times(10, () =>
          storage.moveKeys([
            { kid: 'c', from: 'next', to: 'active' },
            { kid: 'b', from: 'active', to: 'retiring' },
          ]),
        ),
      )
      const refused = results.filter((result) => result.status === 'rejected')
      expect(refused).toHaveLength(9)
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'keys_changed' })
      expect(await storage.listEvents({ event: 'keys.rotated' })).toHaveLength(1)
    })

    test('a rotation that cannot be completed changes nothing', async () => {
      const { storage } = world
      await storage.addKey(signing('c'))
      const first = { kid: 'c', from: 'next', to: 'active' } as const
      const unknown = { kid: 'unknown', from: 'active', to: 'retiring' } as const
      const add = signing('added')
      await expect(storage.moveKeys([first, unknown], { add })).rejects.toMatchObject({ code: 'keys_changed' })
      await expect(storage.moveKeys([first], { add: signing('c') })).rejects.toThrow(TypeError)
      const backwards = 'a key cannot move from'
      await expect(storage.moveKeys([{ kid: 'c', from: 'next', to: 'next' }])).rejects.toThrow(backwards)
      await expect(storage.moveKeys([{ kid: 'c', from: 'active', to: 'next' }])).rejects.toThrow(backwards)
      await expect(storage.moveKeys([first, { ...first, from: 'active', to: 'gone' }])).rejects.toThrow('moved twice')
      expect(await storage.listKeys()).toMatchObject([{ kid: 'c', state: 'next' }])
      expect(await eventNames(storage)).toEqual(['key.added'])
    })
  })
}
