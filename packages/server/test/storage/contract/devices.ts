import { randomUUID } from 'node:crypto'
import type { Storage, User } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  allowedRequest,
  asRead,
  boundRequest,
  freshHash,
  newRequest,
  newUser,
  outcomeOf,
  readNow,
  refreshable,
  rememberedGrant,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage, start } from './in-storage.js'

const issuer = 'https://auth.example'

type NewCode = Parameters<Storage['createDeviceCode']>[0]

const parallel = Array.from({ length: 20 })

/** A code of a user, and the redemption that connects a device with it. */
async function newCode(storage: Storage, user: User, changes: Partial<NewCode> = {}) {
  const codeHash = freshHash()
  const thumbprint = changes.device?.thumbprint ?? freshHash()
  const device = { name: 'laptop', thumbprint }
  const read = await readNow(storage, user.id)
  const created = await storage.createDeviceCode({ ...read, codeHash, device, lifetime: 60, most: 20, ...changes })
  const redemption = { codeHash, thumbprint, name: 'server', ip: '192.0.2.7', lifetime: day, most: 20 }
  return { created, redemption }
}

/** The id of a connected device. */
async function connected(storage: Storage, user: User, changes: Partial<NewCode> = {}): Promise<string> {
  const { redemption } = await newCode(storage, user, changes)
  const redeemed = await storage.redeemDeviceCode(redemption)
  return redeemed.outcome === 'connected' ? redeemed.device.id : outcomeOf(redeemed)
}

const remote = { device: undefined, number: '47', lifetime: 300 }

export function deviceContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: devices`, makeStorage, (world) => {
    test('a device exists once its key has redeemed the code, with an event', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const { created, redemption } = await newCode(storage, alice)
      expect(created).toBe('created')
      expect(await storage.listDevices()).toEqual([])
      expect(await storage.findDevice({ thumbprint: redemption.thumbprint })).toBeUndefined()
      expect(outcomeOf(await storage.redeemDeviceCode({ ...redemption, codeHash: freshHash() }))).toBe('unknown')
      expect(await storage.redeemDeviceCode(redemption)).toMatchObject({ outcome: 'connected' })
      const [device] = await storage.listDevices({ userId: alice.id, live: true })
      expect(device).toMatchObject({
        userId: alice.id,
        user: alice,
        name: 'laptop',
        thumbprint: redemption.thumbprint,
        isRemote: false,
        isLive: true,
        connectedAt: start,
        lastUsedAt: start,
        expiresAt: null,
        disconnectedAt: null,
        ip: '192.0.2.7',
      })
      expect(await storage.findDevice({ id: device?.id ?? '' })).toEqual(device)
      expect(await storage.findDevice({ thumbprint: redemption.thumbprint })).toEqual(device)
      const data = { device: device?.id, name: 'laptop', jkt: redemption.thumbprint, remote: false }
      expect(await storage.listEvents({ event: 'device.connected' })).toMatchObject([{ userId: alice.id, data }])
      expect(await storage.findViolations()).toEqual([])
    })

    test('of 20 parallel redemptions of one code by 20 keys, none connects a device of another key', async () => {
      const { storage } = world
      const { redemption } = await newCode(storage, await newUser(storage))
      const others = parallel.map(() => storage.redeemDeviceCode({ ...redemption, thumbprint: freshHash() }))
      const outcomes = (await Promise.all(others)).map(outcomeOf)
      expect(outcomes.filter((outcome) => outcome === 'foreign_key')).toHaveLength(1)
      expect(await storage.listDevices()).toEqual([])
    })

    test('of 20 parallel redemptions of one code by its key, one connects the device', async () => {
      const { storage } = world
      const { redemption } = await newCode(storage, await newUser(storage))
      const outcomes = (await Promise.all(parallel.map(() => storage.redeemDeviceCode(redemption)))).map(outcomeOf)
      expect(new Set(outcomes)).toEqual(new Set(['connected']))
      expect(await storage.listEvents({ event: 'device.connected' })).toHaveLength(1)
    })

    test('a key belongs to one device, whatever became of it', async () => {
      const { storage } = world
      const [alice, bob] = [await newUser(storage), await newUser(storage)]
      const device = { name: 'laptop', thumbprint: freshHash() }
      const id = await connected(storage, alice, { device })
      expect(await connected(storage, bob, { device })).toBe('key_taken')
      await storage.disconnectDevice({ id, by: 'operator' })
      expect(await connected(storage, bob, { device })).toBe('key_taken')
    })

    test('of 20 parallel redemptions of one key for 20 users, one connects a device', async () => {
      const { storage } = world
      const device = { name: 'laptop', thumbprint: freshHash() }
      const codes = await Promise.all(parallel.map(async () => newCode(storage, await newUser(storage), { device })))
      const redeemed = await Promise.all(codes.map(({ redemption }) => storage.redeemDeviceCode(redemption)))
      expect(redeemed.map(outcomeOf).toSorted()).toEqual(['connected', ...Array(19).fill('key_taken')])
      expect(await storage.listDevices()).toHaveLength(1)
    })

    test('a user has at most so many live devices', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      await connected(storage, await newUser(storage))
      const ending = await newCode(storage, alice, remote)
      const { codeHash } = ending.redemption
      await storage.redeemDeviceCode(ending.redemption)
      await storage.confirmDevice({ ...asRead(alice), codeHash, allow: true })
      await storage.redeemDeviceCode(ending.redemption)
      world.now += day - 1
      expect((await newCode(storage, alice, { most: 1 })).created).toBe('too_many')
      world.now += 1
      const id = await connected(storage, alice, { most: 1 })
      expect((await newCode(storage, alice, { most: 1 })).created).toBe('too_many')
      const { redemption } = await newCode(storage, alice)
      expect(outcomeOf(await storage.redeemDeviceCode({ ...redemption, most: 1 }))).toBe('too_many')
      await storage.disconnectDevice({ id, by: 'operator' })
      expect(outcomeOf(await storage.redeemDeviceCode({ ...redemption, most: 1 }))).toBe('connected')
    })

    test('a new code replaces the unused one', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const first = await newCode(storage, alice)
      await newCode(storage, alice)
      expect(outcomeOf(await storage.redeemDeviceCode(first.redemption))).toBe('unknown')
    })

    test('a code without a key waits for its owner, and the device then ends by itself', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const { redemption } = await newCode(storage, alice, remote)
      const { codeHash } = redemption
      const decision = { ...asRead(alice), codeHash, allow: true }
      expect(await storage.confirmDevice(decision)).toBe(false)
      expect(outcomeOf(await storage.redeemDeviceCode({ ...redemption, name: undefined }))).toBe('unknown')
      const waiting = { outcome: 'waiting', number: '47', user: alice }
      expect(await storage.redeemDeviceCode(redemption)).toEqual(waiting)
      expect(await storage.redeemDeviceCode(redemption)).toEqual(waiting)
      expect(await storage.findDeviceCode({ userId: alice.id, codeHash })).toEqual({
        number: '47',
        name: 'server',
        ip: '192.0.2.7',
        isConfirmed: false,
        expiresAt: start + 300,
      })
      const bob = await newUser(storage)
      expect(await storage.findDeviceCode({ userId: bob.id, codeHash })).toBeUndefined()
      expect(await storage.confirmDevice({ ...decision, ...asRead(bob) })).toBe(false)
      expect(await storage.confirmDevice(decision)).toBe(true)
      const redeemed = await storage.redeemDeviceCode(redemption)
      expect(redeemed).toMatchObject({ device: { name: 'server', isRemote: true, expiresAt: start + day } })
      world.now += day
      expect(await storage.listDevices()).toMatchObject([{ isLive: false, disconnectedAt: null }])
      expect(await storage.listDevices({ live: true })).toEqual([])
      await storage.sweep()
      expect(await storage.listDevices()).toMatchObject([{ disconnectedAt: start + day }])
      expect(await storage.listEvents({ event: 'device.disconnected' })).toMatchObject([{ data: { by: 'expired' } }])
    })

    test('a code is confirmed only before it ends, and the device may take two minutes after that', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const { redemption } = await newCode(storage, alice, remote)
      const { codeHash } = redemption
      const confirm = async (allow = true) => storage.confirmDevice({ ...asRead(alice), codeHash, allow })
      await storage.redeemDeviceCode(redemption)
      world.now += 299
      expect(await confirm()).toBe(true)
      world.now += 119
      expect(await storage.findDeviceCode({ userId: alice.id, codeHash })).toMatchObject({ isConfirmed: true })
      expect(outcomeOf(await storage.redeemDeviceCode(redemption))).toBe('connected')
      expect([await confirm(), await confirm(false)]).toEqual([false, false])
      expect(await storage.listDevices({ live: true })).toHaveLength(1)
      world.now += 1
      expect(await storage.findDeviceCode({ userId: alice.id, codeHash })).toBeUndefined()
      const late = await newCode(storage, alice, remote)
      await storage.redeemDeviceCode(late.redemption)
      world.now += 300
      expect(await storage.confirmDevice({ ...asRead(alice), codeHash: late.redemption.codeHash, allow: true })).toBe(
        false,
      )
    })

    test('a device that was disconnected, or whose owner is disabled, is not live, and its code connects it no more', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const { redemption } = await newCode(storage, alice)
      await storage.redeemDeviceCode(redemption)
      await storage.setUserStatus(alice.id, 'disabled')
      expect(await storage.listDevices({ live: true })).toEqual([])
      expect(await storage.listDevices()).toMatchObject([{ isLive: false }])
      expect(outcomeOf(await storage.redeemDeviceCode(redemption))).toBe('user_disabled')
      await storage.setUserStatus(alice.id, 'active')
      const [device] = await storage.listDevices({ live: true })
      await storage.disconnectDevice({ id: device?.id ?? '', by: 'operator' })
      expect(await storage.listDevices({ live: true })).toEqual([])
      expect(outcomeOf(await storage.redeemDeviceCode(redemption))).toBe('expired')
    })

    test('a refusal by its owner and a foreign key end a code, with an event, and no code of another user', async () => {
      const { storage } = world
      const [alice, bob] = [await newUser(storage), await newUser(storage)]
      const others = await newCode(storage, bob, remote)
      await storage.redeemDeviceCode(others.redemption)
      const { redemption } = await newCode(storage, alice, remote)
      const { codeHash, thumbprint } = redemption
      await storage.redeemDeviceCode(redemption)
      const decision = { ...asRead(alice), codeHash, allow: false }
      expect(await storage.confirmDevice({ ...decision, codeHash: freshHash() })).toBe(false)
      expect(await storage.confirmDevice({ ...decision, credentialRevision: 9 })).toBe(false)
      expect(await storage.confirmDevice(decision)).toBe(true)
      expect(outcomeOf(await storage.redeemDeviceCode(redemption))).toBe('unknown')
      const data = { name: 'server', jkt: thumbprint }
      expect(await storage.listEvents({ event: 'device.denied' })).toMatchObject([{ userId: alice.id, data }])

      const [unused, used, jkt] = [
        (await newCode(storage, alice)).redemption,
        await newCode(storage, alice),
        freshHash(),
      ]
      expect(outcomeOf(await storage.redeemDeviceCode(unused))).toBe('unknown')
      await storage.redeemDeviceCode(used.redemption)
      const stolen = (await newCode(storage, alice)).redemption
      for (const code of [stolen, used.redemption])
        expect(outcomeOf(await storage.redeemDeviceCode({ ...code, thumbprint: jkt }))).toBe('foreign_key')
      expect(outcomeOf(await storage.redeemDeviceCode(stolen))).toBe('unknown')
      expect(outcomeOf(await storage.redeemDeviceCode(used.redemption))).toBe('connected')
      expect(await storage.listEvents({ event: 'device.foreign_key' })).toMatchObject([
        { userId: alice.id, data: { jkt, used: false } },
        { userId: alice.id, data: { jkt, used: true } },
      ])

      const allowed = (await newCode(storage, alice, remote)).redemption
      await storage.redeemDeviceCode(allowed)
      await storage.confirmDevice({ ...asRead(alice), codeHash: allowed.codeHash, allow: true })
      const open = { userId: bob.id, codeHash: others.redemption.codeHash }
      expect(await storage.findDeviceCode(open)).toMatchObject({ isConfirmed: false, expiresAt: start + 300 })
      expect(await storage.findDeviceCode({ ...open, codeHash: freshHash() })).toBeUndefined()
    })

    test('a code works neither after its time nor for a user who is disabled or has changed', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const before = await newCode(storage, alice)
      await storage.setUserStatus(alice.id, 'disabled')
      await storage.setUserStatus(alice.id, 'active')
      expect(outcomeOf(await storage.redeemDeviceCode(before.redemption))).toBe('unknown')
      expect((await newCode(storage, alice, asRead(alice))).created).toBe('changed')
      const { redemption } = await newCode(storage, alice)
      world.now += 60
      expect(outcomeOf(await storage.redeemDeviceCode(redemption))).toBe('expired')
      await storage.sweep()
      expect(outcomeOf(await storage.redeemDeviceCode(redemption))).toBe('unknown')
    })

    test('whoever loses their session cannot connect a device with a code that they made in it', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const of = {
        userId: alice.id,
        idHash: freshHash(),
        lifetime: day,
        idleSeconds: day,
        factorAddedAt: start,
        most: 5,
      }
      const session = await storage.createSession({ ...of, credentialRevision: alice.credentialRevision })
      const endings = [
        () => storage.endSessionById({ userId: alice.id, id: session?.id ?? '' }),
        () => storage.endSessions({ userId: alice.id }),
        () => storage.setPasswordHash({ userId: alice.id, passwordHash: 'x', by: 'operator' }),
      ]
      for (const end of endings) {
        const { redemption } = await newCode(storage, alice)
        const confirmed = await newCode(storage, await newUser(storage), remote)
        await end()
        expect(outcomeOf(await storage.redeemDeviceCode(redemption))).toBe('unknown')
        expect(outcomeOf(await storage.redeemDeviceCode(confirmed.redemption))).toBe('waiting')
      }
    })

    test('disconnecting revokes what the owner gave the device, in every form of its name, and nothing else', async () => {
      const { storage } = world
      await storage.claimIssuer(issuer)
      const alice = await newUser(storage)
      const id = await connected(storage, alice)
      const own = { agent: issuer, delegate: id }
      const spelled = { agent: issuer, delegate: `polling:${id}@auth.example`, edition: 'polling', bindsAgent: true }
      const first = await refreshable(storage, own, {}, alice)
      const unredeemed = await allowedRequest(storage, spelled, {}, alice)
      const open = newRequest(own)
      await storage.createAuthRequest(open)
      const kept = [
        await refreshable(storage, { ...spelled, delegate: 'other' }, {}, alice),
        await refreshable(storage, { delegate: id, edition: 'polling', bindsAgent: true }, {}, alice),
      ]
      expect(await storage.disconnectDevice({ id: randomUUID(), by: 'operator' })).toBe(false)
      expect(await storage.disconnectDevice({ id, userId: (await newUser(storage)).id, by: 'x' })).toBe(false)
      expect(await storage.disconnectDevice({ id, userId: alice.id, by: alice.id })).toBe(true)
      expect(await storage.disconnectDevice({ id, by: 'operator' })).toBe(false)
      expect(outcomeOf(await storage.refreshGrant(first.refresh))).toBe('grant_ended')
      expect(outcomeOf(await storage.redeemCode(unredeemed.redemption))).toBe('grant_ended')
      expect(await storage.findAuthRequest(open.tokenHash)).toMatchObject({ status: 'revoked' })
      for (const { refresh } of kept) expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
      const bound = await storage.listBindings({ userId: alice.id })
      expect(new Set(bound.map(({ delegate }) => delegate))).toEqual(new Set(['other', id]))
      expect(await storage.listEvents({ event: 'device.disconnected' })).toMatchObject([
        { userId: alice.id, data: { device: id, name: 'laptop', by: alice.id, grants: 2, requests: 1 } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test.each([
      ['its id', (id: string) => ({ delegate: id })],
      [
        'another edition’s form of it',
        (id: string) => ({ delegate: `polling:${id}@auth.example`, edition: 'polling' }),
      ],
    ])(
      'no request of a device under %s is allowed once it is not live, however late it was stored',
      async (_, form) => {
        const { storage } = world
        await storage.claimIssuer(issuer)
        const alice = await newUser(storage)
        const requestOf = (id: string) =>
          boundRequest(storage, { agent: issuer, requiredUserId: alice.id, ...form(id) }, alice)
        const { redemption } = await newCode(storage, alice, remote)
        await storage.redeemDeviceCode(redemption)
        await storage.confirmDevice({ ...asRead(alice), codeHash: redemption.codeHash, allow: true })
        await storage.redeemDeviceCode(redemption)
        const [expiring] = await storage.listDevices()
        const gone = await connected(storage, alice)
        await storage.disconnectDevice({ id: gone, by: 'device' })
        world.now += day - 1
        const agentForm = { agent: issuer, requiredUserId: alice.id, ...form(expiring?.id ?? '') }
        const { grantId } = await rememberedGrant(storage, agentForm, {}, alice)
        const late = [await requestOf(gone), await requestOf(expiring?.id ?? '')]
        const again = newRequest(agentForm)
        await storage.createAuthRequest(again)
        const { binding } = await boundRequest(storage, {}, alice)
        world.now += 1
        const remembered = { ...binding, tokenHash: again.tokenHash, grantId }
        expect(outcomeOf(await storage.allowRemembered(remembered))).toBe('not_covered')
        expect(await storage.findAuthRequest(again.tokenHash)).toMatchObject({ status: 'revoked' })
        for (const { decision, tokenHash } of late) {
          expect(outcomeOf(await storage.decideRequest(decision))).toBe('changed')
          expect(await storage.findAuthRequest(tokenHash)).toMatchObject({ status: 'revoked', decidedAt: null })
        }
        const ids: string[] = []
        while (ids.length < 10) ids.push(await connected(storage, alice))
        await Promise.all(
          ids.map(async (id) => {
            const { decision } = await requestOf(id)
            await Promise.all([storage.disconnectDevice({ id, by: 'device' }), storage.decideRequest(decision)])
          }),
        )
        expect((await storage.listGrants({ live: true })).map(({ id }) => id)).toEqual([grantId])
        expect(await storage.findViolations()).toEqual([])
      },
    )

    test('a use is recorded with its address', async () => {
      const { storage } = world
      const id = await connected(storage, await newUser(storage))
      const other = await connected(storage, await newUser(storage))
      world.now += 10
      await storage.useDevice({ id, ip: '198.51.100.1' })
      expect(await storage.findDevice({ id })).toMatchObject({ lastUsedAt: start + 10, ip: '198.51.100.1' })
      expect(await storage.findDevice({ id: other })).toMatchObject({ lastUsedAt: start, ip: '192.0.2.7' })
      await storage.useDevice({ id, ip: undefined })
      expect(await storage.findDevice({ id })).toMatchObject({ ip: null })
    })

    test('a list continues after a device', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const ids = [await connected(storage, alice), await connected(storage, alice), await connected(storage, alice)]
      const idsOf = async (filter: Parameters<Storage['listDevices']>[0]) =>
        (await storage.listDevices(filter)).map(({ id }) => id)
      expect(await idsOf({ limit: 1 })).toEqual([ids[2]])
      expect(await idsOf({ after: ids[2] })).toEqual([ids[1], ids[0]])
      const others = await connected(storage, await newUser(storage))
      expect(await idsOf({ userId: alice.id })).toEqual(ids.toReversed())
      for (const id of [...ids, others]) expect(await storage.findDevice({ id })).toMatchObject({ id })
    })

    test('a restored backup brings no device back, and a closed account has none', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const id = await connected(storage, alice)
      expect(await storage.exportUser(alice.id)).toMatchObject({ devices: [{ id, name: 'laptop' }] })
      expect(await storage.invalidateRestored('operator')).toMatchObject({ devices: 1 })
      expect(await storage.findDevice({ id })).toMatchObject({ isLive: false })
      await storage.closeAccount(await readNow(storage, alice.id))
      expect(await storage.findDevice({ id })).toBeUndefined()
    })
  })
}
