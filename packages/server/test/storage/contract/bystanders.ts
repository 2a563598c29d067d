import type { Storage } from 'countersign-server'
import { expect, test } from 'vitest'
import {
  agent,
  boundRequest,
  freshHash,
  hashOf,
  newUser,
  outcomeOf,
  readNow,
  refreshable,
  resource,
} from '../fixtures.js'
import { day, inStorage, type MakeStorage } from './in-storage.js'

const identity = { issuer: 'https://id.example' }
const edition = 'polling'
const ip = '192.0.2.7'
const ends = { idleSeconds: 600, lifetime: 600, most: 2, factorAddedAt: 0 }

/** A user with one of everything. */
async function equipped(storage: Storage, name: string) {
  const { id: userId } = await newUser(storage, name)
  const read = () => readNow(storage, userId)
  await storage.editUser({ userId, displayName: name, email: `${name}@home.example` })
  await storage.confirmEmail({ userId, email: `${name}@home.example`, language: 'en' })
  const credentialId = `passkey of ${name}`
  await storage.addPasskey({ ...(await read()), credentialId, publicKey: new Uint8Array([1]), counter: 0 })
  await storage.linkFederated({ ...identity, subject: name, userId })
  const recoveryHashes = [hashOf(`recovery code of ${name}`)]
  await storage.setSecondFactor({ ...(await read()), sealedSecret: 'sealed', usedStep: 1, recoveryHashes })
  const sessions = [hashOf(`session of ${name}`), hashOf(`other session of ${name}`)] as const
  for (const idHash of sessions)
    await storage.createSession({ ...(await read()), ...ends, ip, idHash, browserHash: hashOf(`browser of ${name}`) })
  const [connecting, waiting, thumbprint] = [freshHash(), freshHash(), hashOf(`device of ${name}`)]
  const code = { lifetime: 300, most: 20 }
  const device = { name: 'laptop', thumbprint }
  await storage.createDeviceCode({ ...(await read()), ...code, codeHash: connecting, device })
  const redemption = { thumbprint, name: 'laptop', ip, lifetime: day, most: 20 }
  await storage.redeemDeviceCode({ ...redemption, codeHash: connecting })
  await storage.createDeviceCode({ ...(await read()), ...code, codeHash: waiting, number: '47' })
  await storage.redeemDeviceCode({ ...redemption, codeHash: waiting, thumbprint: hashOf(`server of ${name}`) })
  const user = await storage.findUser(userId)
  const bot = { agent, edition, delegate: `bot of ${name}` }
  const { refresh, grantId } = await refreshable(storage, { ...bot, bindsAgent: true }, { remembered: true }, user)
  const { tokenHash, decision } = await boundRequest(storage, { delegate: `other bot of ${name}` }, user)
  const linkHash = freshHash()
  await storage.createLink({ userId, tokenHash: linkHash, purpose: 'reset', lifetime: 600 })
  const [own] = await storage.listDevices({ userId })
  return {
    userId,
    username: name,
    read,
    credentialId,
    recoveryHashes,
    sessions,
    waiting,
    deviceId: own?.id ?? '',
    bot,
    refresh,
    grantId,
    tokenHash,
    decision,
    linkHash,
  }
}

type Equipped = Awaited<ReturnType<typeof equipped>>

/** Everything that a verb on another user could change. */
async function stateOf(storage: Storage, of: Equipped) {
  const { exportedAt: _, activity, ...data } = (await storage.exportUser(of.userId)) ?? { exportedAt: 0, activity: [] }
  return {
    ...data,
    events: activity.map(({ event }) => event).filter((event) => event !== 'account.exported'),
    credential: await storage.findCredential(of.username),
    factors: await storage.listFactors(of.userId),
    secret: await storage.findSecondFactor(of.userId),
    sessions: await Promise.all(of.sessions.map((idHash) => storage.findSession(idHash))),
    code: await storage.findDeviceCode({ userId: of.userId, codeHash: of.waiting }),
    request: await storage.findAuthRequest(of.tokenHash),
    link: await storage.findLink(of.linkHash),
    remembered: await storage.findRememberedGrant({ ...of.bot, userId: of.userId, resource }),
    isKnown: await storage.isKnownDevice({ username: of.username, browserHash: hashOf(`browser of ${of.username}`) }),
  }
}

const by = 'operator:carol'

/** What a user, or an operator for them, can do, with what it returns. Each verb finds what the ones before it have left. */
const verbs: readonly [string, (storage: Storage, of: Equipped) => Promise<unknown>, unknown][] = [
  ['useDevice', (storage, { deviceId }) => storage.useDevice({ id: deviceId, ip: '192.0.2.1' }), undefined],
  ['usePasskey', (storage, { credentialId }) => storage.usePasskey({ credentialId, counter: 7 }), true],
  [
    'useSecondFactor',
    async (storage, { read, recoveryHashes: [recoveryHash = ''] }) => {
      const own = { key: hashOf('own'), window: 900, most: 3 }
      return storage.useSecondFactor({ ...(await read()), sealedSecret: 'sealed', recoveryHash, limits: [own], own })
    },
    { outcome: 'used' },
  ],
  [
    'confirmDevice',
    async (storage, { read, waiting }) => storage.confirmDevice({ ...(await read()), codeHash: waiting, allow: true }),
    true,
  ],
  [
    'decideRequest',
    (storage, { decision }) => storage.decideRequest({ ...decision, decision: 'deny' }),
    expect.objectContaining({ outcome: 'denied' }),
  ],
  [
    'createSession',
    async (storage, { read }) => storage.createSession({ ...(await read()), ...ends, idHash: freshHash() }),
    expect.anything(),
  ],
  [
    'reauthenticate',
    async (storage, { read, sessions: [, idHash] }) =>
      storage.reauthenticate({ ...(await read()), idHash, newIdHash: freshHash(), factorAddedAt: 0 }),
    expect.anything(),
  ],
  [
    'removePermissions',
    (storage, { userId, grantId }) => storage.removePermissions({ grantId, userId, names: ['calendar.read'] }),
    true,
  ],
  ['revokeGrants', (storage, { userId }) => storage.revokeGrants({ userId, by: userId }), 1],
  ['removeBinding', (storage, { userId, bot }) => storage.removeBinding({ ...bot, userId, by: userId }), true],
  ['disconnectDevice', (storage, { deviceId }) => storage.disconnectDevice({ id: deviceId, by }), true],
  [
    'endSessionById',
    async (storage, { userId }) =>
      storage.endSessionById({ userId, id: (await storage.listSessions({ userId }))[0]?.id ?? '' }),
    true,
  ],
  ['endSessions', (storage, { userId }) => storage.endSessions({ userId, by }), 1],
  [
    'setPasswordByLink',
    (storage, { linkHash }) => storage.setPasswordByLink({ tokenHash: linkHash, passwordHash: 'new' }),
    expect.objectContaining({ status: 'active' }),
  ],
  [
    'replaceRecoveryCodes',
    async (storage, { read }) => storage.replaceRecoveryCodes({ ...(await read()), recoveryHashes: [freshHash()] }),
    expect.any(Number),
  ],
  ['removeSecondFactor', (storage, { userId }) => storage.removeSecondFactor({ userId, by }), 'removed'],
  [
    'removePasskey',
    (storage, { userId, credentialId }) => storage.removePasskey({ userId, credentialId, by }),
    'removed',
  ],
  [
    'unlinkFederated',
    async (storage, { read, username: subject }) =>
      storage.unlinkFederated({ ...(await read()), ...identity, subject, otherWays: { passkey: false, issuers: [] } }),
    'unlinked',
  ],
  [
    'setPasswordHash',
    (storage, { userId }) => storage.setPasswordHash({ userId, passwordHash: 'newer', by }),
    expect.anything(),
  ],
  ['unlockUser', (storage, { userId }) => storage.unlockUser({ userId, by }), true],
  ['editUser', (storage, { userId }) => storage.editUser({ userId, displayName: 'Renamed' }), true],
  ['setUserStatus', (storage, { userId }) => storage.setUserStatus(userId, 'disabled', by), true],
  ['closeAccount', async (storage, { read }) => storage.closeAccount(await read()), true],
]

/** The audit events of a user, after their preparation and all verbs, with when and to whom they happened left out. */
function eventsOf({ userId, grantId, deviceId, credentialId, bot: { delegate } }: Equipped): object[] {
  const id = expect.any(String)
  const ofAgent = { agent, resource, requestId: id }
  const scope = 'calendar.read calendar.write'
  const passkey = { credentialId }
  const link = { link: id, purpose: 'reset' }
  const successor = { agent, resource, grantId: expect.not.stringContaining(grantId) }
  return [
    { event: 'user.created' },
    { event: 'user.edited', data: { displayName: true, email: true } },
    { event: 'email.confirmed' },
    { event: 'passkey.added', data: passkey },
    { event: 'identity.linked', data: identity },
    { event: 'factor.added', data: { replaced: false } },
    { event: 'session.created', ip, data: { userAgent: null } },
    { event: 'session.created', ip, data: { userAgent: null } },
    {
      event: 'device.connected',
      ip,
      data: { device: deviceId, name: 'laptop', jkt: hashOf('device of bob'), remote: false },
    },
    { event: 'request.bound', ...ofAgent },
    { event: 'agent.bound', agent, data: { edition, delegate } },
    { event: 'request.allowed', ...ofAgent, grantId, data: { scope, revision: 0, delegate } },
    {
      event: 'code.redeemed',
      ...ofAgent,
      grantId,
      data: { jkt: hashOf('jkt-of-the-redemption'), jti: id, refreshIssued: true },
    },
    { event: 'request.bound', ...ofAgent },
    { event: 'link.created', data: link },
    { event: 'factor.code_used' },
    { event: 'request.denied', ...ofAgent, data: { scope, revision: 0, delegate: 'other bot of bob' } },
    { event: 'session.created', data: { userAgent: null } },
    { event: 'session.ended', data: { session: id, by: 'limit' } },
    { event: 'session.reauthenticated' },
    {
      event: 'grant.revoked',
      agent,
      resource,
      grantId,
      data: { by: userId, successor: id, permissions: 'calendar.read' },
    },
    { event: 'permission.removed', ...successor, data: { permissions: 'calendar.read' } },
    { event: 'grant.revoked', ...successor, data: { by: userId } },
    { event: 'agent.unbound', agent, data: { by: userId, edition, delegate, grants: 0, requests: 0 } },
    { event: 'device.disconnected', data: { device: deviceId, name: 'laptop', by, grants: 0, requests: 0 } },
    { event: 'session.ended', data: { session: id } },
    { event: 'sessions.ended', data: { count: 1, by } },
    { event: 'link.used', data: link },
    { event: 'password.changed', data: { sessionsEnded: 0 } },
    { event: 'factor.codes_replaced', data: {} },
    { event: 'factor.removed', data: { sessionsEnded: 0, by } },
    { event: 'passkey.removed', data: { ...passkey, sessionsEnded: 0, by } },
    { event: 'identity.unlinked', data: identity },
    { event: 'password.changed', data: { sessionsEnded: 0, by } },
    { event: 'user.unlocked', data: { by } },
    { event: 'user.edited', data: { displayName: true, email: false } },
    { event: 'user.disabled', data: { sessionsEnded: 0, by } },
    { event: 'account.closed', data: { sessionsEnded: 0 } },
  ]
}

export function bystanderContract(name: string, makeStorage: MakeStorage): void {
  inStorage(`${name}: bystanders`, makeStorage, (world) => {
    test('each verb on a user is recorded, and changes nothing for the users who came before and after', async () => {
      const { storage } = world
      const before = await equipped(storage, 'alice')
      const user = await equipped(storage, 'bob')
      const after = await equipped(storage, 'zoe')
      const bystanders = [before, after]
      const states = () => Promise.all(bystanders.map((each) => stateOf(storage, each)))
      const untouched = await states()
      for (const [verb, act, result] of verbs) {
        expect(await act(storage, user), verb).toEqual(result)
        expect(await states(), verb).toEqual(untouched)
      }
      const events = await storage.listEvents({ userId: user.userId })
      expect(events.map(({ id: _id, at: _at, userId: _userId, ...event }) => event)).toEqual(eventsOf(user))
      for (const { refresh } of bystanders) expect(outcomeOf(await storage.refreshGrant(refresh))).toBe('refreshed')
      expect(await storage.findViolations()).toEqual([])
    })

    test('a closed account keeps nothing about its user, and another user can take the name', async () => {
      const { storage } = world
      const alice = await equipped(storage, 'alice')
      expect(await stateOf(storage, alice)).toMatchObject({
        user: { email: 'alice@home.example', displayName: 'alice' },
        identities: [{ subject: 'alice' }],
        passkeys: [{ credentialId: alice.credentialId }],
        secondFactor: { recoveryCodes: 1 },
        devices: [{ id: alice.deviceId }],
        boundAgents: [alice.bot],
        subjects: [{ kind: 'resource' }, { kind: 'agent' }],
        grants: [{ id: alice.grantId }],
        isKnown: true,
      })
      expect(await storage.closeAccount(await alice.read())).toBe(true)
      const nothing = { identities: [], passkeys: [], secondFactor: null, devices: [], boundAgents: [], factors: [] }
      expect(await stateOf(storage, alice)).toMatchObject({
        ...nothing,
        user: { email: null, emailConfirmedAt: null, displayName: null, status: 'closed' },
        sessions: [undefined, undefined],
        grants: [{ id: alice.grantId, revokedBy: 'account.closed' }],
        credential: undefined,
        secret: undefined,
        code: undefined,
        link: undefined,
        remembered: undefined,
        request: { status: 'abandoned' },
        isKnown: false,
      })
      expect(await storage.closeAccount(await alice.read())).toBe(false)
      await equipped(storage, 'alice')
      expect(await storage.findViolations()).toEqual([])
    })
  })
}
