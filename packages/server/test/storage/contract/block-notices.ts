import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import { agent, allowedRequest, newUser } from '../fixtures.js'
import { inStorage, type MakeStorage } from './in-storage.js'

const claim = { limit: 100, lease: 120, perAddress: 5 }
const by = 'operator:carol'

/** Users with confirmed addresses, who give the agent access. */
async function addUsers(storage: Storage, count: number, changes: { agent?: string } = {}): Promise<User[]> {
  const users: User[] = []
  for (let index = 0; index < count; index++) {
    const user = await newUser(storage)
    const email = `${user.username}@home.example`
    await storage.editUser({ userId: user.id, email })
    await storage.confirmEmail({ userId: user.id, email, language: 'ar' })
    await allowedRequest(storage, changes, { remembered: true }, user)
    users.push(user)
  }
  return users
}

/** Claims and settles what is due, and returns the emails about blocks, as the ids of their users. */
async function sendAll(storage: Storage): Promise<string[]> {
  const claimed = await storage.claimEmails(claim)
  for (const { id, attempt } of claimed) await storage.settleEmail({ id, attempt, outcome: 'sent' })
  return claimed.filter(({ kind }) => kind === 'agent_blocked').map(({ user }) => user.id)
}

const idsOf = (users: readonly User[]) => users.map(({ id }) => id)

export function blockNoticeContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: notices of blocked agents`, makeStorage, (world) => {
    test('a block notifies each user who gives the agent access, in batches, once', async () => {
      const { storage } = world
      const users = await addUsers(storage, 5)
      const [twice = users[0]] = users
      await allowedRequest(storage, { resource: 'https://other.example' }, { remembered: true }, twice)
      const [former] = await addUsers(storage, 1)
      await storage.revokeGrants({ userId: former?.id ?? '', by })
      const [silent] = await addUsers(storage, 1)
      await storage.editUser({ userId: silent?.id ?? '', agentEmails: false })
      const [disabled] = await addUsers(storage, 1)
      await storage.setUserStatus(disabled?.id ?? '', 'disabled')
      await addUsers(storage, 1, { agent: 'https://another.example' })
      await sendAll(storage)
      const batch = { most: 2, emails: true }
      expect(await storage.notifyOfBlocks(batch)).toBe(false)
      await storage.setAgentBlocked({ agent, blocked: true, by })
      const batches: string[][] = []
      for (let round = 0; round < 4; round++) {
        // Several instances at once.
        await Promise.all(Array.from({ length: 5 }, () => storage.notifyOfBlocks(batch)))
        // No more until these have been sent.
        expect(await storage.notifyOfBlocks(batch)).toBe(false)
        batches.push(await sendAll(storage))
      }
      const [a, b, c, d, e] = idsOf(users)
      expect(batches).toEqual([[a, b], [c, d], [e], []])
      const events = await storage.listEvents({ event: 'access.blocked' })
      expect(events.map(({ userId }) => userId)).toEqual([...idsOf(users), silent?.id])
      expect(events[0]?.agent).toBe(agent)
      expect(await storage.findViolations()).toEqual([])
    })

    test('a block that affects few users does not wait for one that affects many', async () => {
      const { storage } = world
      await addUsers(storage, 6)
      const few = { agent: 'https://few.example' }
      const [alice] = await addUsers(storage, 1, few)
      await sendAll(storage)
      await storage.setAgentBlocked({ agent, blocked: true, by })
      const batch = { most: 2, emails: true }
      await storage.notifyOfBlocks(batch)
      await sendAll(storage)
      await storage.setAgentBlocked({ ...few, blocked: true, by })
      await storage.notifyOfBlocks(batch)
      expect(await sendAll(storage)).toEqual([alice?.id])
    })

    test('the block of a host notifies the users of agents on it, and an unblocked agent notifies no one else', async () => {
      const { storage } = world
      const users = await addUsers(storage, 3, { agent: 'https://host.example/client' })
      await sendAll(storage)
      const host = { agent: 'https://host.example', by }
      await storage.setAgentBlocked({ ...host, blocked: true })
      await storage.notifyOfBlocks({ most: 1, emails: true })
      const [email] = await storage.claimEmails(claim)
      expect(email).toMatchObject({ kind: 'agent_blocked', language: 'ar', about: { agent: host.agent } })
      await storage.settleEmail({ id: email?.id ?? '', attempt: 1, outcome: 'sent' })
      await storage.setAgentBlocked({ ...host, blocked: false })
      expect(await storage.notifyOfBlocks({ most: 1, emails: true })).toBe(false)
      await storage.setAgentBlocked({ ...host, blocked: true })
      world.now += 3600
      expect(await storage.notifyOfBlocks({ most: 10, emails: true })).toBe(true)
      expect(await sendAll(storage)).toEqual(idsOf(users))
      expect(await storage.notifyOfBlocks({ most: 10, emails: true })).toBe(false)
    })

    test('without a mail server, a block is recorded for every user, and no email is queued', async () => {
      const { storage } = world
      const users = await addUsers(storage, 3)
      await sendAll(storage)
      await storage.setAgentBlocked({ agent, blocked: true, by })
      const batch = { most: 2, emails: false }
      expect([await storage.notifyOfBlocks(batch), await storage.notifyOfBlocks(batch)]).toEqual([true, true])
      const events = await storage.listEvents({ event: 'access.blocked' })
      expect(events.map(({ userId }) => userId)).toEqual(idsOf(users))
      expect(await storage.claimEmails(claim)).toEqual([])
    })

    test('a restored backup does not notify users again', async () => {
      const { storage } = world
      await addUsers(storage, 1)
      await storage.setAgentBlocked({ agent, blocked: true, by })
      await storage.invalidateRestored(by)
      expect(await storage.notifyOfBlocks({ most: 2, emails: true })).toBe(false)
    })
  })
}
