import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  asRead,
  boundRequest,
  newRequest,
  newUser,
  outcomeOf,
  readNow,
  refreshable,
  rememberedGrant,
  resource,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

const edition = 'polling'
const delegate = 'aauth:bot@agent.example'
const bot = { edition, agent, delegate }
const binding = { ...bot, bindsAgent: true }

const userOf = async (storage: Storage) => (await storage.findBinding(bot))?.userId

/** A request of the bot that the user has opened, to be allowed. */
async function opened(storage: Storage, user: User, changes: Parameters<typeof boundRequest>[1] = {}) {
  const { decision, tokenHash } = await boundRequest(storage, { ...binding, ...changes }, user)
  return { tokenHash, allow: () => storage.decideRequest(decision) }
}

export function bindingContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: bindings`, makeStorage, (world) => {
    test('the first user who allows a request of an agent is bound to it, with an event', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      await allowedRequest(storage, binding, {}, alice)
      expect(await storage.findBinding(bot)).toEqual({ ...bot, userId: alice.id, boundAt: start })
      world.now += 10
      await allowedRequest(storage, { ...binding, resource: 'https://other.example' }, {}, alice)
      expect(await storage.listBindings({ userId: alice.id })).toEqual([{ ...bot, userId: alice.id, boundAt: start }])
      expect(await storage.listEvents({ event: 'agent.bound' })).toMatchObject([
        { userId: alice.id, agent, data: { edition, delegate } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test('requests of the agent that no one has opened require its user from then on', async () => {
      const { storage } = world
      const bob = await newUser(storage)
      const others = [
        newRequest(binding),
        newRequest({ ...binding, requiredUserId: bob.id }),
        newRequest({ ...binding, lifetime: 0 }),
        newRequest({ ...binding, agent: 'https://other.example' }),
        newRequest(bot),
        newRequest({ ...binding, delegate: 'aauth:other@agent.example' }),
        newRequest({ ...binding, edition: 'other' }),
      ]
      for (const each of others) await storage.createAuthRequest(each)
      const { tokenHash } = await opened(storage, await newUser(storage))
      const { user: alice } = await allowedRequest(storage, binding)
      const requiredBy = async (hash: string) => (await storage.findAuthRequest(hash))?.requiredUserId
      expect(await Promise.all(others.map((each) => requiredBy(each.tokenHash)))).toEqual([
        alice.id,
        bob.id,
        ...Array<null>(5).fill(null),
      ])
      expect(await requiredBy(tokenHash)).toBeNull()
    })

    test('an agent whose requests bind nothing stays unbound, as does one whose request is denied', async () => {
      const { storage } = world
      const { decision } = await boundRequest(storage, binding)
      await storage.decideRequest({ ...decision, decision: 'deny' })
      await allowedRequest(storage, bot)
      expect(await storage.findBinding(bot)).toBeUndefined()
    })

    test('a binding is kept as long as a grant for its agent, live or ended, and then another user can allow the agent', async () => {
      const { storage } = world
      const { user: alice } = await allowedRequest(storage, binding, { grantLifetime: 3600 })
      await allowedRequest(storage, { ...binding, resource: 'https://files.example' }, { grantLifetime: null }, alice)
      world.now += 500 * day
      await storage.sweep()
      expect(await userOf(storage)).toBe(alice.id)
      await storage.revokeGrants({ userId: alice.id, by: alice.id })
      world.now += 399 * day
      await storage.sweep()
      expect(await userOf(storage)).toBe(alice.id)
      world.now += day + 1
      await storage.sweep()
      expect(await storage.findBinding(bot)).toBeUndefined()
      expect(await storage.listGrants()).toEqual([])
      const { user: bob } = await allowedRequest(storage, binding)
      expect(await userOf(storage)).toBe(bob.id)
      expect(await storage.findViolations()).toEqual([])
    })

    test('a binding without grants ends alone: those of another agent, delegate, edition or user stay', async () => {
      const { storage } = world
      const { user: alice } = await allowedRequest(storage, binding, { grantLifetime: 3600 })
      const others = [
        { ...bot, agent: 'https://other-agent.example' },
        { ...bot, delegate: 'aauth:other@agent.example' },
        { ...bot, edition: 'other' },
      ]
      for (const other of others)
        await allowedRequest(storage, { ...other, bindsAgent: true }, { grantLifetime: null }, alice)
      const freed = { ...bot, agent: 'https://freed-agent.example' }
      await allowedRequest(storage, { ...freed, bindsAgent: true }, { grantLifetime: 3600 }, alice)
      await storage.removeBinding({ ...freed, userId: alice.id, by: alice.id })
      const { user: bob } = await allowedRequest(storage, { ...freed, bindsAgent: true }, { grantLifetime: null })
      world.now += 3600 + 400 * day + 1
      await storage.sweep()
      expect(await storage.findBinding(bot)).toBeUndefined()
      expect((await storage.findBinding(freed))?.userId).toBe(bob.id)
      for (const other of others) expect((await storage.findBinding(other))?.userId).toBe(alice.id)
    })

    test('a second user’s approval denies the request, creates no grant, and says why in the audit log', async () => {
      const { storage } = world
      const { user: alice } = await allowedRequest(storage, binding)
      const mallory = await newUser(storage)
      const { allow, tokenHash } = await opened(storage, mallory)
      expect(await allow()).toMatchObject({
        outcome: 'denied',
        first: true,
        boundToOther: true,
        request: { status: 'denied' },
      })
      expect(await storage.findAuthRequest(tokenHash)).toMatchObject({
        status: 'denied',
        decidedAt: start,
        codeRedeemable: false,
      })
      expect(outcomeOf(await allow())).toBe('not_open')
      expect(await userOf(storage)).toBe(alice.id)
      expect(await storage.listGrants({ userId: mallory.id })).toEqual([])
      expect(await storage.listEvents({ event: 'request.denied' })).toMatchObject([
        { userId: mallory.id, data: { boundToOther: true, delegate } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test('of two users who allow an agent at the same time, exactly one is bound to it', async () => {
      const { storage } = world
      const users = await Promise.all([newUser(storage), newUser(storage)])
      const requests = await Promise.all(users.map((user) => opened(storage, user)))
      const outcomes = await Promise.all(requests.map(({ allow }) => allow()))
      expect(outcomes.map(outcomeOf).toSorted()).toEqual(['allowed', 'denied'])
      const winner = users[outcomes.findIndex(({ outcome }) => outcome === 'allowed')]
      expect(await userOf(storage)).toBe(winner?.id)
      expect((await storage.listGrants()).map(({ userId }) => userId)).toEqual([winner?.id])
      expect(await storage.findViolations()).toEqual([])
    })

    test('the same agent is bound separately for each delegate and edition, and for itself', async () => {
      const { storage } = world
      const users: User[] = []
      for (const changes of [bot, { ...bot, delegate: 'aauth:other@agent.example' }, { ...bot, edition: 'other' }]) {
        const { user } = await allowedRequest(storage, { ...changes, bindsAgent: true })
        users.push(user)
        expect(await storage.findBinding(changes)).toMatchObject({ ...changes, userId: user.id })
      }
      const itself = { edition, agent, delegate: null }
      const { user } = await allowedRequest(storage, { ...itself, bindsAgent: true })
      expect(await storage.findBinding(itself)).toEqual({ ...itself, userId: user.id, boundAt: start })
      for (const each of [...users, user]) expect(await storage.listBindings({ userId: each.id })).toHaveLength(1)
      expect(await storage.listBindings({ userId: user.id, agent: 'https://other.example' })).toEqual([])
    })

    test('a request that binds its agent is not allowed without a page for another user', async () => {
      const { storage } = world
      const { user, grantId } = await rememberedGrant(storage, bot)
      await allowedRequest(storage, { ...binding, resource: 'https://other.example' })
      const request = newRequest(binding)
      await storage.createAuthRequest(request)
      const { tokenHash } = request
      const { decision } = await boundRequest(storage, {}, user)
      const by = { ...(await readNow(storage, user.id)), browserHash: decision.browserHash, state: null }
      expect(outcomeOf(await storage.allowRemembered({ ...by, tokenHash, grantId }))).toBe('not_covered')
      expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'open' })
    })

    test('removing a binding revokes the user’s grants for the agent and ends its open requests, and frees the agent', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const { refresh } = await refreshable(storage, binding, {}, alice)
      const kept = [
        await refreshable(storage, { edition, agent, delegate: null }, {}, alice),
        await refreshable(storage, { ...bot, edition: 'other' }, {}, alice),
      ]
      const open = newRequest(binding)
      const others = [
        newRequest({ edition, agent, delegate: 'aauth:other@agent.example' }),
        newRequest({ ...bot, edition: 'other' }),
      ]
      for (const request of [open, ...others]) await storage.createAuthRequest(request)
      const removal = { ...bot, userId: alice.id, by: alice.id }
      expect(await storage.removeBinding({ ...removal, userId: (await newUser(storage)).id })).toBe(false)
      expect(await storage.removeBinding({ ...removal, delegate: null })).toBe(false)
      expect(await storage.removeBinding(removal)).toBe(true)
      expect(await storage.removeBinding(removal)).toBe(false)
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('grant_ended')
      for (const each of kept) expect(outcomeOf(await storage.refreshGrant(each.refresh))).toBe('refreshed')
      expect(await storage.findAuthRequest(open.tokenHash)).toMatchObject({ status: 'revoked' })
      for (const { tokenHash } of others)
        expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'open' })
      expect(await storage.listEvents({ event: 'agent.unbound' })).toMatchObject([
        { userId: alice.id, agent, data: { by: alice.id, edition, delegate, grants: 1, requests: 1 } },
      ])
      const { user } = await allowedRequest(storage, { ...binding, resource })
      expect(await userOf(storage)).toBe(user.id)
      expect(await storage.findViolations()).toEqual([])
    })

    test('an approval in parallel with the removal either keeps a binding and a grant, or neither', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      for (let round = 0; round < 5; round += 1) {
        await allowedRequest(storage, { ...binding, resource: 'https://other.example' }, {}, alice)
        const { allow } = await opened(storage, alice)
        await Promise.all([allow(), storage.removeBinding({ ...bot, userId: alice.id, by: alice.id })])
        const grants = await storage.listGrants({ userId: alice.id, resource, live: true })
        expect(grants.length > 0).toBe((await userOf(storage)) !== undefined)
        await storage.removeBinding({ ...bot, userId: alice.id, by: alice.id })
      }
      expect(await storage.findViolations()).toEqual([])
    })

    test('closing the account frees its agents, and the user’s data lists them before', async () => {
      const { storage } = world
      const { user } = await allowedRequest(storage, binding)
      expect(await storage.exportUser(user.id)).toMatchObject({ boundAgents: [{ ...bot, userId: user.id }] })
      expect(await storage.closeAccount(asRead(user))).toBe(true)
      expect(await storage.findBinding(bot)).toBeUndefined()
    })
  })
}
