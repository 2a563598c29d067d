import { expect, test } from 'vitest'
import { asRead, newUser, times } from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

export function auditContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: activity`, makeStorage, (world) => {
    test('events are listed by user, agent and name, in both directions', async () => {
      const { storage } = world
      const [alice, bob] = [(await newUser(storage)).id, (await newUser(storage)).id]
      await storage.recordEvent({ event: 'one', userId: alice, agent: 'a' })
      world.now += 1
      await storage.recordEvent({ event: 'two', userId: bob, agent: 'a' })
      await storage.recordEvent({ event: 'one', userId: alice, agent: 'b' })
      const listed = async (filter: object) =>
        (await storage.listEvents(filter)).map(({ event, userId }) => [event, userId])
      expect(await listed({ userId: alice })).toEqual([
        ['user.created', alice],
        ['one', alice],
        ['one', alice],
      ])
      expect(await listed({ agent: 'a', newest: true })).toEqual([
        ['two', bob],
        ['one', alice],
      ])
      expect(await listed({ event: 'one', agent: 'b', userId: alice })).toHaveLength(1)
      expect(await listed({ event: ['one', 'two'], agent: 'a' })).toHaveLength(2)
      expect(await listed({ event: [] })).toEqual([])
      expect(await listed({ until: start + 1, agent: 'a' })).toEqual([['one', alice]])
      expect(await listed({ since: start + 1 })).toEqual([
        ['two', bob],
        ['one', alice],
      ])
      expect(await listed({ event: 'one', userId: bob })).toEqual([])
      for (const nobody of ['alice', '00000000-0000-7000-8000-000000000000']) {
        expect(await listed({ userId: nobody })).toEqual([])
        await expect(storage.recordEvent({ event: 'one', userId: nobody })).rejects.toThrow(TypeError)
      }
    })

    test('decisions about an agent are listed from its first denial in a period, however many they are', async () => {
      const { storage } = world
      const [alice, bob] = [(await newUser(storage)).id, (await newUser(storage)).id]
      const decided = (event: string, userId = alice, agent = 'a') => storage.recordEvent({ event, userId, agent })
      const listed = async (since: number, userId = alice, agent = 'a') =>
        (await storage.listSinceDenial({ userId, agent, since })).map(({ event, at }) => [event, at - start])
      await decided('request.allowed')
      expect(await listed(start)).toEqual([])
      await decided('request.denied', bob)
      await decided('request.denied', alice, 'b')
      expect(await listed(start)).toEqual([])
      world.now += 1
      await decided('request.denied')
      await decided('request.bound')
      world.now += 1
      for (let count = 0; count < 1100; count++) await decided('request.allowed')
      world.now += 1
      await decided('request.denied')
      const all = await listed(start)
      expect([all.length, all[0], all.at(-1)]).toEqual([1102, ['request.denied', 1], ['request.denied', 3]])
      expect(await listed(start + 2)).toEqual([['request.denied', 3]])
      expect(await listed(start + 4)).toEqual([])
      expect(await listed(start, alice, 'unknown')).toEqual([])
      expect(await listed(start, 'nobody')).toEqual([])
    })

    test('events are listed by resource', async () => {
      const { storage } = world
      for (const resource of ['r', 's', undefined]) await storage.recordEvent({ event: 'one', agent: 'a', resource })
      expect(await storage.listEvents({ agent: 'a', resource: 'r' })).toMatchObject([{ event: 'one', resource: 'r' }])
      expect(await storage.listEvents({ resource: 'unknown' })).toEqual([])
    })

    test('operators’ actions are recorded under their name, and users’ own actions are not', async () => {
      const { storage } = world
      const by = 'operator:root'
      const alice = await storage.createUser({ username: 'alice', passwordHash: 'hash', by })
      await storage.setUserStatus(alice.id, 'disabled', by)
      await storage.setUserStatus(alice.id, 'active', by)
      await storage.setPasswordHash({ userId: alice.id, passwordHash: 'new', by })
      const key = { purpose: 'sign', alg: 'EdDSA', private: 'sealed', publicJwk: { kty: 'OKP' } } as const
      await storage.addKey({ ...key, kid: 'k1', state: 'next' }, by)
      await storage.moveKeys([{ kid: 'k1', from: 'next', to: 'active' }], { by })
      await storage.setAgentBlocked({ agent: 'https://agent.example', blocked: true, by })
      await storage.setAgentBlocked({ agent: 'https://agent.example', blocked: false, by })
      expect((await storage.listEvents()).map(({ event, data }) => [event, data?.by])).toEqual(
        [
          'user.created',
          'user.disabled',
          'user.enabled',
          'password.changed',
          'key.added',
          'keys.rotated',
          'agent.blocked',
          'agent.unblocked',
        ].map((event) => [event, by]),
      )
      const bob = await newUser(storage, 'bob')
      await storage.setPasswordHash({ ...asRead(bob), passwordHash: 'new' })
      for (const { data } of await storage.listEvents({ userId: bob.id })) expect(data?.by).toBeUndefined()
    })

    test('pages, in either direction, contain every event once, even within one second', async () => {
      const { storage } = world
      for (const index of times(25, (number) => number)) {
        world.now = start + Math.floor(index / 10)
        await storage.recordEvent({ event: 'thing.happened', data: { index } })
      }
      for (const newest of [false, true]) {
        const seen = []
        let page = await storage.listEvents({ limit: 4, newest })
        while (page.length > 0) {
          seen.push(...page.map(({ data }) => data?.index))
          page = await storage.listEvents({ limit: 4, newest, after: page.at(-1) })
        }
        expect(seen).toEqual(newest ? times(25, (index) => 24 - index) : times(25, (index) => index))
      }
    })

    test('an event is stored for 400 days', async () => {
      const { storage } = world
      await storage.recordEvent({ event: 'old' })
      world.now += day
      await storage.recordEvent({ event: 'new' })
      const kept = async () => (await storage.listEvents()).filter(({ event }) => event !== 'audit.swept')
      world.now = start + 400 * day - 1
      expect(await storage.sweep()).toBe(0)
      expect(await kept()).toHaveLength(2)
      world.now = start + 400 * day
      expect(await storage.sweep()).toBe(1)
      expect(await kept()).toMatchObject([{ event: 'new' }])
    })
  })
}
