import { expect, test } from 'vitest'
import {
  agent,
  allowedRequest,
  asRead,
  boundRequest,
  freshHash,
  newUser,
  nonceClaim,
  outcomeOf,
  refreshable,
  rememberedGrant,
  times,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage } from './in-storage.js'

export function deploymentContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: owner of the database`, makeStorage, (world) => {
    test('it belongs to the first issuer that claims it, permanently', async () => {
      const { storage } = world
      expect(await storage.findIssuer()).toBeUndefined()
      expect(await storage.claimIssuer('https://auth.example')).toBe('https://auth.example')
      world.now += 1
      expect(await storage.claimIssuer('https://other.example')).toBe('https://auth.example')
      expect(await storage.claimIssuer('https://auth.example')).toBe('https://auth.example')
      expect(await storage.findIssuer()).toBe('https://auth.example')
    })

    test('of 20 parallel claims, one is the first, and all return its issuer', async () => {
      const { storage } = world
      const owners = await Promise.all(times(20, (index) => storage.claimIssuer(`https://auth-${index}.example`)))
      expect(new Set(owners).size).toBe(1)
      expect(owners[0]).toMatch(/^https:\/\/auth-\d+\.example$/)
    })

    test('the longest token lifetime covers all tokens that may be valid, plus an hour in which older servers may run', async () => {
      const { storage } = world
      const own = 'https://auth.example'
      expect(await storage.findLongestTokenLifetime()).toBeUndefined()
      await storage.claimIssuer(own)
      expect(await storage.findLongestTokenLifetime()).toBeUndefined()
      await storage.claimIssuer(own, 600)
      expect(await storage.findLongestTokenLifetime()).toBe(600)
      await storage.claimIssuer(own, 7200)
      await storage.claimIssuer('https://other.example', 86_400)
      await storage.claimIssuer(own)
      expect(await storage.findLongestTokenLifetime()).toBe(7200)
      await storage.claimIssuer(own, 30)
      const ended = world.now + 7200 + 3600
      for (const now of [world.now + 60, ended - 1]) {
        world.now = now
        await storage.claimIssuer(own, 30)
        expect(await storage.findLongestTokenLifetime()).toBe(7200)
      }
      world.now = ended
      expect(await storage.findLongestTokenLifetime(), 'no issuer has claimed it since').toBeUndefined()
      await storage.claimIssuer(own, 30)
      expect(await storage.findLongestTokenLifetime()).toBe(30)
    })

    test('a lifetime that is raised again applies at once, and for its whole duration', async () => {
      const { storage } = world
      const own = 'https://auth.example'
      for (const life of [600, 60, 7200, 60]) await storage.claimIssuer(own, life)
      world.now += 7200 + 3599
      expect(await storage.findLongestTokenLifetime()).toBe(7200)
      world.now += 1
      await storage.claimIssuer(own, 60)
      expect(await storage.findLongestTokenLifetime()).toBe(60)
    })

    test('after a restore, sessions, open requests, codes and refresh tokens are invalid; grants are not (W31)', async () => {
      const { storage } = world
      const user = await newUser(storage)
      const idHash = freshHash()
      const session = { ...asRead(user), factorAddedAt: 0, idleSeconds: 300, lifetime: 1000, most: 50 }
      // What has ended by itself is not counted.
      await storage.createSession({ ...session, idHash: freshHash(), lifetime: 1 })
      await boundRequest(storage, { lifetime: 1 }, user)
      await allowedRequest(storage, {}, { handle: { handleHash: freshHash(), handleLifetime: 1 } }, user)
      const token = { tokenHash: freshHash(), idleSeconds: 1, lifetime: 1000 }
      await refreshable(storage, {}, {}, user, token)
      await storage.revokeRefreshToken((await refreshable(storage, {}, {}, user)).refresh)
      world.now += 1
      await storage.createSession({ ...session, idHash })
      const open = await boundRequest(storage, {}, user)
      const allowed = await allowedRequest(storage, {}, {}, user)
      const { refresh, grantId } = await refreshable(storage, {}, {}, user)
      world.now += 1
      const ended = { sessions: 1, requests: 1, codes: 1, refreshTokens: 1, devices: 0 }
      expect(await storage.invalidateRestored('operator:carol')).toEqual(ended)
      expect(await storage.findSession(idHash)).toBeUndefined()
      expect(await storage.findUser(user.id)).toMatchObject({ credentialRevision: 1 })
      expect(outcomeOf(await storage.decideRequest(open.decision))).toBe('not_open')
      expect(outcomeOf(await storage.redeemCode(allowed.redemption))).toBe('expired')
      expect(await storage.findAuthRequest(allowed.tokenHash)).toMatchObject({
        status: 'allowed',
        codeRedeemable: false,
      })
      expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('revoked')
      expect(await storage.findGrant(grantId)).toMatchObject({ revokedAt: null })
      expect(await storage.listEvents({ event: 'database.restored' })).toMatchObject([
        { data: { ...ended, by: 'operator:carol' } },
      ])
      expect(await storage.findViolations()).toEqual([])
    })

    test('of 20 parallel restores, one invalidates the data', async () => {
      const { storage } = world
      await refreshable(storage)
      const ended = await Promise.all(times(20, () => storage.invalidateRestored('operator')))
      expect(ended.filter(({ refreshTokens }) => refreshTokens === 1)).toHaveLength(1)
    })

    test('no operation leaves a violation', async () => {
      const { storage } = world
      const alice = await newUser(storage)
      const kept = await refreshable(storage, {}, { remembered: true }, alice)
      await rememberedGrant(storage, { scope: 'calendar.read' }, {}, alice)
      world.now += 100
      expect(outcomeOf(await storage.refreshGrant(kept.refresh))).toBe('refreshed')
      await allowedRequest(storage, {}, { scope: 'calendar.read', grantLifetime: 60 }, alice)
      const denied = await boundRequest(storage, {}, alice)
      await storage.decideRequest({ ...denied.decision, decision: 'deny' })
      const taken = await refreshable(storage, {}, {}, alice)
      expect(outcomeOf(await storage.redeemCode(taken.redemption))).toBe('used')
      await storage.revokeGrant({ grantId: taken.grantId, by: alice.id })
      const foreign = await allowedRequest(storage, {}, {}, alice)
      expect(outcomeOf(await storage.redeemCode({ ...foreign.redemption, delegate: 'other' }))).toBe('foreign_delegate')
      const closing = await refreshable(storage)
      await storage.closeAccount(asRead(closing.user))
      const disabled = await refreshable(storage)
      await storage.setUserStatus(disabled.user.id, 'disabled')
      await storage.recordAutonomousIssue({ ...byPolicy, agent })
      await storage.claimNonce(nonceClaim())
      await storage.setAgentBlocked({ agent, blocked: true, by: 'operator' })
      world.now += day
      expect(await storage.findViolations()).toEqual([])
      world.now += 401 * day
      await storage.sweep()
      expect(await storage.findViolations()).toEqual([])
    })
  })
}

const byPolicy = {
  delegate: null,
  resource: 'https://api.example',
  scope: 'report.read',
  policy: 'nightly',
  tokenLifetime: 600,
}
