import { randomUUID } from 'node:crypto'
import type { Storage } from 'countersign-server'
import { expect, test } from 'vitest'
import { newUser, readNow } from '../fixtures.js'
import { inStorage, type MakeStorage } from './in-storage.js'

const claim = { limit: 10, lease: 120, perAddress: 5 }

export function emailQueueContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: the queue of emails`, makeStorage, (world) => {
    const queue = async (kind: 'reset' | 'confirm', ...usernames: string[]) => {
      for (const username of usernames) await world.storage.queueEmail({ kind, username, language: 'en' })
    }
    const claimed = async (changes: Partial<typeof claim> = {}) =>
      (await world.storage.claimEmails({ ...claim, ...changes })).map(({ user }) => user.username)
    const settle = (changes: Partial<Parameters<Storage['settleEmail']>[0]>, id: string = randomUUID()) =>
      world.storage.settleEmail({ id, attempt: 1, outcome: 'sent', ...changes })

    /** Users with an address each, which they have confirmed. */
    async function withAddresses(...usernames: string[]): Promise<void> {
      for (const username of usernames) {
        const { id: userId } = await newUser(world.storage, username)
        const email = `${username}@home.example`
        await world.storage.editUser({ userId, email })
        await world.storage.confirmEmail({ userId, email, language: 'en' })
      }
    }

    test('emails are claimed in the order in which they are due, and each is settled on its own', async () => {
      const { storage } = world
      await withAddresses('zoe', 'alice', 'bob')
      await queue('reset', 'alice', 'bob', 'unknown', 'zoe')
      const [email] = await storage.claimEmails({ ...claim, limit: 1 })
      expect(email?.user.username).toBe('alice')
      expect(await settle({})).toBe(false)
      expect(await settle({ outcome: 'retry' }, email?.id)).toBe(true)
      expect(await settle({ outcome: 'retry' }, email?.id)).toBe(false)
      world.now += 60
      expect(await claimed({ limit: 1 })).toEqual(['bob'])
      const rest = await storage.claimEmails(claim)
      expect(rest.map(({ user, attempt }) => [user.username, attempt])).toEqual([
        ['zoe', 1],
        ['alice', 2],
      ])
      for (const { id, attempt } of rest) expect(await settle({ attempt }, id)).toBe(true)
      const users = (await storage.listEvents({ event: 'email.sent' })).map(({ userId }) => userId)
      expect(users).toEqual(rest.map(({ user }) => user.id))
    })

    test('an event of an email names no user if there is none any more', async () => {
      const { storage } = world
      await withAddresses('alice')
      await queue('reset', 'alice', 'unknown')
      const [email] = await storage.claimEmails({ ...claim, limit: 1 })
      await storage.closeAccount(await readNow(storage, email?.user.id ?? ''))
      expect(await settle({}, email?.id)).toBe(true)
      world.now += 3600
      expect(await claimed()).toEqual([])
      const events = await storage.listEvents({ event: ['email.sent', 'email.unsent'] })
      expect(events.map(({ event, userId }) => [event, userId])).toEqual([
        ['email.sent', undefined],
        ['email.unsent', undefined],
      ])
    })

    test('a user without an address gets no email, and at most three links an hour to confirm one', async () => {
      const { storage } = world
      const { id: userId } = await newUser(storage, 'alice')
      await queue('confirm', 'alice')
      expect(await claimed()).toEqual([])
      await storage.editUser({ userId, email: 'alice@home.example' })
      await queue('confirm', ...Array<string>(6).fill('alice'))
      expect(await claimed()).toHaveLength(3)
    })

    test('a user with a password and a provider gets a link, and a user with providers only gets notices', async () => {
      const { storage } = world
      const identity = { issuer: 'https://id.example', subject: 'carol' }
      const email = 'carol@home.example'
      const { user } = await storage.createFederatedUser({ ...identity, username: 'carol', email })
      await storage.confirmEmail({ userId: user.id, email, language: 'en' })
      await withAddresses('alice')
      const alice = await storage.findCredential('alice')
      await storage.linkFederated({ ...identity, issuer: 'https://other.example', userId: user.id })
      await storage.linkFederated({ ...identity, subject: 'alice', userId: alice?.user.id ?? '' })
      await queue('reset', 'alice')
      const kinds = (await storage.claimEmails(claim)).map((each) => [each.kind, each.user.username])
      expect(kinds).toEqual([
        ['identity_linked', 'carol'],
        ['identity_linked', 'alice'],
        ['reset', 'alice'],
      ])
    })
  })
}
