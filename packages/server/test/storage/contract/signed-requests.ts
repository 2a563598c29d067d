import type { NonceClaim } from 'countersign/signatures'
import type { Storage } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  type AllowedRequest,
  agent,
  allowedRequest,
  newRequest,
  newUser,
  nonceClaim,
  type RefreshableGrant,
  refreshable,
  resource,
  rotating,
  times,
} from '../fixtures.js'
import { inStorage, type MakeStorage } from './in-storage.js'

/** An operation that agents request. */
interface Asked {
  /** Performs it once more, each time with unused inputs. */
  act: (nonce: NonceClaim) => Promise<unknown>
  /** How often it has been performed. */
  done: () => Promise<number>
}

/** The maximum number of calls of each. */
const most = 8

async function eventsOf(storage: Storage, event: string): Promise<number> {
  return (await storage.listEvents({ event })).length
}

const verbs: Readonly<Record<string, (storage: Storage) => Promise<Asked>>> = {
  createAuthRequest: async (storage) => ({
    act: (nonce) => storage.createAuthRequest(newRequest({ nonce })),
    done: () => eventsOf(storage, 'request.created'),
  }),
  recordAutonomousIssue: async (storage) => ({
    act: (nonce) =>
      storage.recordAutonomousIssue({
        nonce,
        agent,
        delegate: null,
        resource,
        scope: 'read',
        policy: 'nightly',
        tokenLifetime: 600,
      }),
    done: () => eventsOf(storage, 'token.issued_by_policy'),
  }),
  async redeemCode(storage) {
    const person = await newUser(storage)
    const codes: AllowedRequest['redemption'][] = []
    for (let number = 0; number < most; number++) codes.push((await allowedRequest(storage, {}, {}, person)).redemption)
    return {
      act: (nonce) => storage.redeemCode({ ...next(codes), nonce }),
      done: () => eventsOf(storage, 'code.redeemed'),
    }
  },
  async refreshGrant(storage) {
    const { refresh, user } = await refreshable(storage)
    return {
      act: (nonce) => storage.refreshGrant({ ...refresh, nonce }),
      async done() {
        const days = await storage.listGrantUsage({ userId: user.id })
        return days.reduce((sum, { refreshes }) => sum + refreshes, 0)
      },
    }
  },
  async rotateRefresh(storage) {
    const { present, user } = await rotating(storage)
    let generation = 0
    return {
      async act(nonce) {
        const result = await storage.rotateRefresh({ ...present(generation), nonce })
        if (result.outcome !== 'refused') ({ generation } = result)
      },
      async done() {
        const days = await storage.listGrantUsage({ userId: user.id })
        return days.reduce((sum, { refreshes }) => sum + refreshes, 0)
      },
    }
  },
  async revokeRefreshToken(storage) {
    const person = await newUser(storage)
    const tokens: RefreshableGrant['refresh'][] = []
    for (let number = 0; number < most; number++) tokens.push((await refreshable(storage, {}, {}, person)).refresh)
    return {
      act: (nonce) => storage.revokeRefreshToken({ ...next(tokens), nonce }),
      done: () => eventsOf(storage, 'refresh.revoked'),
    }
  },
}

function next<T>(unused: T[]): T {
  const taken = unused.pop()
  if (taken === undefined) throw new TypeError('expected one for each call')
  return taken
}

const each = Object.entries(verbs)
const ofAgent = () => nonceClaim({ agent })

/** The codes of the calls that rejected. */
function refusals(results: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []))
}

export function signedRequestContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: a verb with the nonce of a request`, makeStorage, (world) => {
    test.each(each)(
      '%s: of several concurrent calls with one nonce, one acts, and the others do nothing',
      async (_verb, prepare) => {
        const { storage } = world
        const { act, done } = await prepare(storage)
        const before = await done()
        const nonce = ofAgent()
        const results = await Promise.allSettled(times(most - 1, () => act(nonce)))
        expect(refusals(results)).toEqual(times(most - 2, () => 'nonce_used'))
        expect(await done()).toBe(before + 1)
        expect(await storage.claimNonce(nonce)).toBe(false)
        await act(ofAgent())
        expect(await done()).toBe(before + 2)
      },
    )

    test('of concurrent calls of all verbs with one nonce, one acts', async () => {
      const { storage } = world
      const asked: Asked[] = []
      for (const [, prepare] of each) asked.push(await prepare(storage))
      const doneOf = async () => {
        const counts = await Promise.all(asked.map(({ done }) => done()))
        return counts.reduce((sum, count) => sum + count, 0)
      }
      const before = await doneOf()
      const nonce = ofAgent()
      const results = await Promise.allSettled(asked.flatMap(({ act }) => times(3, () => act(nonce))))
      expect(refusals(results)).toEqual(times(asked.length * 3 - 1, () => 'nonce_used'))
      expect(await doneOf()).toBe(before + 1)
    })

    test.each(each)('%s: does nothing if the nonce was already claimed', async (_verb, prepare) => {
      const { storage } = world
      const { act, done } = await prepare(storage)
      const before = [await done(), await storage.listEvents()]
      const nonce = ofAgent()
      await storage.claimNonce(nonce)
      await expect(act(nonce)).rejects.toMatchObject({ name: 'StorageError', code: 'nonce_used' })
      expect([await done(), await storage.listEvents()]).toEqual(before)
    })

    test.each(each)('%s: acts again once the nonce has expired, swept or not', async (_verb, prepare) => {
      const { storage } = world
      const { act, done } = await prepare(storage)
      const before = await done()
      const nonce = { ...ofAgent(), lifetime: 5 }
      await act(nonce)
      for (const swept of [false, true]) {
        world.now += 5
        if (swept) await storage.sweep()
        await act(nonce)
        await expect(act(nonce)).rejects.toMatchObject({ code: 'nonce_used' })
      }
      expect(await done()).toBe(before + 3)
    })

    test.each([
      ['createAuthRequest', 'agent_blocked'],
      ['recordAutonomousIssue', 'agent_blocked'],
      ['redeemCode', 'agent_blocked'],
    ])('%s: called by a blocked agent, claims the nonce, which cannot be used after unblocking', async (verb, code) => {
      const { storage } = world
      const { act, done } = (await verbs[verb]?.(storage)) ?? expect.unreachable()
      const before = await done()
      const nonce = ofAgent()
      await storage.recordAgent({ agent, redirectHosts: [], keyThumbprints: [] })
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      await expect(act(nonce)).rejects.toMatchObject({ code })
      expect(await storage.claimNonce(nonce)).toBe(false)
      await storage.setAgentBlocked({ agent, blocked: false, by: 'operator' })
      await expect(act(nonce)).rejects.toMatchObject({ code: 'nonce_used' })
      expect(await done()).toBe(before)
    })

    test('a refused call claims the nonce, and has its usual effects', async () => {
      const { storage } = world
      const { refresh, redemption } = await refreshable(storage)
      const thief = { agent: 'https://thief.example' }
      const refused: Readonly<Record<string, (nonce: NonceClaim) => Promise<unknown>>> = {
        'request.created': (nonce) => storage.createAuthRequest(newRequest({ nonce, maxOpen: 0 })),
        'code.reused': (nonce) => storage.redeemCode({ ...redemption, nonce }),
        'refresh.foreign_agent': (nonce) => storage.refreshGrant({ ...refresh, ...thief, nonce }),
        'refresh.revoked': (nonce) => storage.revokeRefreshToken({ ...refresh, ...thief, nonce }),
      }
      for (const [event, refuse] of Object.entries(refused)) {
        const nonce = ofAgent()
        const before = await eventsOf(storage, event)
        await refuse(nonce).catch((error: unknown) => expect(error).toMatchObject({ code: 'too_many_requests' }))
        const left = await eventsOf(storage, event)
        expect(left, event).toBe(before + (event === 'code.reused' || event === 'refresh.foreign_agent' ? 1 : 0))
        await expect(refuse(nonce), event).rejects.toMatchObject({ code: 'nonce_used' })
        expect(await eventsOf(storage, event), event).toBe(left)
      }
    })
  })

  const one: MakeStorage = (options) => makeStorage({ ...options, limits: { nonces: { perAgent: 1 } } })

  inStorage(`${name}: a verb with a nonce beyond the limit`, one, (world) => {
    test.each(each)('%s: does nothing, and acts when there is a free slot again', async (_verb, prepare) => {
      const { storage } = world
      const { act, done } = await prepare(storage)
      const before = await done()
      const [first, second] = [{ ...ofAgent(), lifetime: 5 }, ofAgent()]
      await act(first)
      const events = await storage.listEvents()
      await expect(act(second)).rejects.toMatchObject({ name: 'StorageError', code: 'too_many_nonces' })
      expect(await storage.listEvents()).toEqual(events)
      world.now += 5
      await act(second)
      expect(await done()).toBe(before + 2)
    })
  })
}
