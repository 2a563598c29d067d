import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  asRead,
  boundRequest,
  freshHash,
  newRequest,
  newUser,
  outcomeOf,
  rememberedGrant,
  resource,
  times,
} from '../fixtures.js'
import { inStorage, type MakeStorage, start } from './in-storage.js'

export function polledRequestContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: what an edition keeps with its request`, makeStorage, (world) => {
    test('is returned as it was given, in every way that finds the request', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const asked = newRequest({
        details: { token: 'person', until: 12, hint: null },
        pollHash: freshHash(),
        requiredUserId: user.id,
        linkHandle: 'ABCD',
      })
      const created = await storage.createAuthRequest(asked)
      expect(created).toMatchObject({
        details: { token: 'person', until: 12, hint: null },
        requiredUserId: user.id,
        wrongLinks: 0,
        answeredAt: null,
      })
      expect(await storage.findAuthRequest(asked.tokenHash)).toEqual(created)
      expect(await storage.findPolledRequest(asked.pollHash ?? '')).toEqual(created)
      expect(await storage.findPolledRequest(asked.tokenHash)).toBeUndefined()
      expect(await storage.findAuthRequest(asked.pollHash ?? '')).toBeUndefined()
      const plain = await storage.createAuthRequest(newRequest())
      expect(plain).toMatchObject({ details: null, requiredUserId: null, wrongLinks: 0, answeredAt: null })
    })

    test('cannot require a user who does not exist', async () => {
      const missing = newRequest({ requiredUserId: '01890000-0000-7000-8000-000000000000' })
      await expect(world.storage.createAuthRequest(missing)).rejects.toThrow(TypeError)
    })

    test('the open requests of an agent at all resources are limited together, also in parallel', async () => {
      const { storage } = world
      const open = (index: number, changes: object = {}) =>
        storage.createAuthRequest(
          newRequest({ resource: `https://r${index}.example`, maxOpenOfAgent: 5, lifetime: 100, ...changes }),
        )
      const results = await Promise.allSettled(times(12, (index) => open(index)))
      const refused = results.filter((result) => result.status === 'rejected')
      expect(refused).toHaveLength(7)
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'too_many_requests' })
      await open(20, { delegate: 'other' })
      world.now += 100
      await open(21)
    })
  })

  inStorage(`${name}: a user whom a request requires`, makeStorage, (world) => {
    async function requiring() {
      const { storage } = world
      return { storage, own: await newUser(storage), other: await newUser(storage) }
    }

    test.each([true, false])('is the only one to whom it is bound; if it was read before: %s', async (isRead) => {
      const { storage, own } = await requiring()
      const asked = newRequest({ requiredUserId: own.id })
      const found = await storage.createAuthRequest(asked)
      const binding = { tokenHash: asked.tokenHash, browserHash: freshHash(), state: null }
      const bound = await storage.bindRequest({ ...binding, ...asRead(own), found: isRead ? found : undefined })
      expect(bound).toMatchObject({ outcome: 'bound', request: { userId: own.id } })
    })

    test.each([true, false])(
      'another user’s view is reported and changes nothing; if it was read before: %s',
      async (isRead) => {
        const { storage, own, other } = await requiring()
        const asked = newRequest({ requiredUserId: own.id })
        const found = await storage.createAuthRequest(asked)
        const binding = { tokenHash: asked.tokenHash, browserHash: freshHash(), state: null }
        expect(await storage.bindRequest({ ...binding, ...asRead(other), found: isRead ? found : undefined })).toEqual({
          outcome: 'refused',
          reason: 'other_user',
          request: undefined,
        })
        expect(await storage.findAuthRequest(asked.tokenHash)).toEqual(found)
        expect(await storage.listEvents({ event: 'request.other_user' })).toMatchObject([
          { userId: other.id, agent, resource, requestId: found.id },
        ])
        expect(await storage.bindRequest({ ...binding, ...asRead(own) })).toMatchObject({ outcome: 'bound' })
      },
    )

    test('cannot be replaced in the browser that opened it', async () => {
      const { storage, own, other } = await requiring()
      const { tokenHash, binding, decision } = await boundRequest(storage, { requiredUserId: own.id }, own)
      expect(outcomeOf(await storage.bindRequest({ ...binding, ...asRead(other) }))).toBe('other_user')
      expect(outcomeOf(await storage.decideRequest(decision))).toBe('allowed')
      expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'allowed', userId: own.id })
    })

    test('views by other users fill no audit log', async () => {
      const { storage, own, other } = await requiring()
      const asked = newRequest({ requiredUserId: own.id })
      await storage.createAuthRequest(asked)
      const binding = { tokenHash: asked.tokenHash, state: null, ...asRead(other) }
      for (let view = 0; view < 120; view++) await storage.bindRequest({ ...binding, browserHash: freshHash() })
      expect(await storage.listEvents({ event: 'request.other_user' })).toHaveLength(100)
    })

    test('a remembered grant of another user allows nothing', async () => {
      const { storage, own, other } = await requiring()
      const { grantId } = await rememberedGrant(storage, {}, {}, other)
      const asked = newRequest({ requiredUserId: own.id })
      await storage.createAuthRequest(asked)
      const permission = { tokenHash: asked.tokenHash, browserHash: freshHash(), state: null, grantId }
      expect(outcomeOf(await storage.allowRemembered({ ...permission, ...asRead(other) }))).toBe('other_user')
    })
  })

  inStorage(`${name}: a request that its agent polls`, makeStorage, (world) => {
    const polled = async (changes: object = {}) => {
      const asked = newRequest({ pollHash: freshHash(), ...changes })
      await world.storage.createAuthRequest(asked)
      return { ...asked, pollHash: asked.pollHash ?? '' }
    }

    test('has its state looked up together with others, however many', async () => {
      const { storage } = world
      const opened = { pollHash: freshHash() }
      await boundRequest(storage, opened)
      const allowed = { pollHash: freshHash() }
      await allowedRequest(storage, allowed)
      const expired = await polled({ lifetime: 10 })
      world.now += 10
      const open = await polled()
      const unknown = times(600, () => freshHash())
      const states = await storage.findPolledStates([
        ...unknown,
        ...[opened, allowed, expired, open].map(({ pollHash }) => pollHash),
      ])
      expect(Object.fromEntries(states)).toEqual({
        [opened.pollHash]: { status: 'open', isOpened: true },
        [allowed.pollHash]: { status: 'allowed', isOpened: true },
        [expired.pollHash]: { status: 'expired', isOpened: false },
        [open.pollHash]: { status: 'open', isOpened: false },
      })
      expect(await storage.findPolledStates([])).toEqual(new Map())
    })

    test('has its outcome told once, however many ask', async () => {
      const { storage } = world
      const { pollHash } = await polled()
      const results = await Promise.all(times(10, () => storage.markAnswered(pollHash)))
      expect(results.filter(Boolean)).toHaveLength(1)
      expect(await storage.findPolledRequest(pollHash)).toMatchObject({ answeredAt: start })
      expect(await storage.markAnswered(freshHash())).toBe(false)
    })

    test('is ended by its agent once, while it is open', async () => {
      const { storage } = world
      const { pollHash, tokenHash } = await polled({ delegate: 'bot' })
      expect(await storage.relinquishRequest({ pollHash })).toBe(true)
      expect(await storage.relinquishRequest({ pollHash })).toBe(false)
      expect(await storage.findPolledRequest(pollHash)).toMatchObject({ status: 'abandoned', answeredAt: start })
      const user = await newUser(storage)
      const binding = { tokenHash, browserHash: freshHash(), ...asRead(user), state: null }
      expect(await storage.bindRequest(binding)).toMatchObject({ reason: 'not_open' })
      expect(await storage.listEvents({ event: 'request.relinquished' })).toMatchObject([
        { agent, resource, requestId: expect.any(String), data: { delegate: 'bot' } },
      ])
    })

    test('that was allowed keeps its grant when the agent ends it, but its code no longer works', async () => {
      const { storage } = world
      const pollHash = freshHash()
      const { redemption } = await allowedRequest(storage, { pollHash })
      expect(await storage.relinquishRequest({ pollHash })).toBe(true)
      expect(await storage.redeemCode(redemption)).toMatchObject({ reason: 'used' })
      expect(await storage.listGrants({ live: true })).toHaveLength(1)
    })

    test('stays open at least as long as wanted once a user opens it, but not beyond its longest lifetime', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const openedAt = async (seconds: number, { isRead = true, openFor = { seconds: 300, most: 1800 } } = {}) => {
        const asked = newRequest({ lifetime: 600 })
        const found = await storage.createAuthRequest(asked)
        world.now += seconds
        const binding = { tokenHash: asked.tokenHash, browserHash: freshHash(), ...asRead(user), state: null, openFor }
        const bound = await storage.bindRequest({ ...binding, found: isRead ? found : undefined })
        const stored = await storage.findAuthRequest(asked.tokenHash)
        expect(bound).toMatchObject({ request: { expiresAt: stored?.expiresAt } })
        return (stored?.expiresAt ?? 0) - (stored?.createdAt ?? 0)
      }
      for (const isRead of [true, false]) {
        expect(await openedAt(0, { isRead })).toBe(600)
        expect(await openedAt(500, { isRead })).toBe(800)
        expect(await openedAt(599, { isRead, openFor: { seconds: 300, most: 700 } })).toBe(700)
        expect(await openedAt(599, { isRead, openFor: { seconds: 0, most: 0 } })).toBe(600)
      }
    })

    test('is extended at most to its longest lifetime', async () => {
      const { storage } = world
      const { tokenHash, binding, user } = await boundRequest(storage, { lifetime: 600 })
      const extension = {
        tokenHash,
        browserHash: binding.browserHash,
        ...asRead(user),
        seconds: 600,
        maxExtensions: 12,
        mostLifetime: 1500,
      }
      const results = [
        await storage.extendRequest(extension),
        await storage.extendRequest(extension),
        await storage.extendRequest(extension),
      ]
      expect(results).toMatchObject([{ expiresAt: start + 1200 }, { expiresAt: start + 1500 }, { reason: 'limit' }])
    })
  })

  inStorage(`${name}: guesses of a link`, makeStorage, (world) => {
    const withHandle = (linkHandle: string, changes: object = {}) => newRequest({ linkHandle, ...changes })

    test('count against the open request with the handle, and the last one ends it', async () => {
      const { storage } = world
      const asked = withHandle('ABCD')
      const { id } = await storage.createAuthRequest(asked)
      await storage.createAuthRequest(withHandle('EFGH'))
      const guess = () => storage.countWrongLink({ linkHandle: 'ABCD', most: 5 })
      const counts = await Promise.all(times(4, guess))
      expect(new Set(counts)).toEqual(new Set([1, 2, 3, 4]))
      expect(await storage.findAuthRequest(asked.tokenHash)).toMatchObject({ status: 'open', wrongLinks: 4 })
      expect(await guess()).toBe(5)
      expect(await storage.findAuthRequest(asked.tokenHash)).toMatchObject({ status: 'abandoned', wrongLinks: 5 })
      expect(await guess()).toBeUndefined()
      const event = { event: 'request.guessed', agent, resource, requestId: id, data: { wrongLinks: 5 } }
      expect(await storage.listEvents({ event: event.event })).toEqual([
        { ...event, id: expect.any(String), at: start },
      ])
    })

    test('count against no request that a browser has opened, that has expired, or that has another handle', async () => {
      const { storage } = world
      await boundRequest(storage, { linkHandle: 'ABCD' })
      await storage.createAuthRequest(withHandle('EFGH', { lifetime: 10 }))
      world.now += 10
      for (const linkHandle of ['ABCD', 'EFGH', 'JKMN'])
        expect(await storage.countWrongLink({ linkHandle, most: 5 })).toBeUndefined()
    })

    test('have only one request to count against: no two open requests have the same handle', async () => {
      const { storage } = world
      const results = await Promise.allSettled(times(6, () => storage.createAuthRequest(withHandle('ABCD'))))
      const refused = results.filter((result) => result.status === 'rejected')
      expect(refused).toHaveLength(5)
      for (const { reason } of refused) expect(reason).toMatchObject({ name: 'StorageError', code: 'link_taken' })
    })

    test('a handle can be used again once its request has expired or was decided', async () => {
      const { storage } = world
      await storage.createAuthRequest(withHandle('ABCD', { lifetime: 10 }))
      await expect(storage.createAuthRequest(withHandle('ABCD'))).rejects.toMatchObject({ code: 'link_taken' })
      world.now += 10
      await allowedRequest(storage, { linkHandle: 'ABCD' })
      await storage.createAuthRequest(withHandle('ABCD'))
      expect(await storage.countWrongLink({ linkHandle: 'ABCD', most: 5 })).toBe(1)
    })
  })
}
