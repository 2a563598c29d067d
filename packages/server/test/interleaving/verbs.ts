import { quickHash } from '../quick-hash.js'
import { secretHash } from '../secret-hash.js'
import type { Cell } from './flows.js'

/** A verb that may commit while a request is in progress. */
export interface Concurrent {
  /** The effects that a request must not have if it reads before this verb and writes after it. */
  forbids: readonly ('session' | 'grant' | 'token' | 'extension')[]
  /** Resolves to `nothing` if there is nothing to do in this cell. */
  run(cell: Cell): Promise<unknown>
  /** Changes no row: the request evaluates it in the same turn in which it calls the verb that writes. */
  inProcess?: true
}

const bound = async ({ stage: { storage }, tokenHash }: Cell) => {
  const request = tokenHash === '' ? undefined : await storage.findAuthRequest(tokenHash)
  return request?.browserHash == null ? undefined : { ...request, browserHash: request.browserHash }
}

const read = async ({ stage: { storage }, userId }: Cell) => ({
  userId,
  credentialRevision: (await storage.findUser(userId))?.credentialRevision ?? 0,
})

const grantIds = async ({ stage: { storage }, userId }: Cell) =>
  (await storage.listGrants({ userId, live: true })).map(({ id }) => id)

const another = await quickHash('another password')

export const verbs: Readonly<Record<string, Concurrent>> = {
  'users passwd': {
    forbids: ['session', 'grant', 'extension'],
    run: ({ stage: { storage }, userId }) => storage.setPasswordHash({ userId, passwordHash: another, by: 'operator' }),
  },
  'users remove-passkeys': {
    forbids: ['session', 'grant', 'extension'],
    run: async ({ stage: { storage }, userId }) => {
      const passkeys = await storage.listPasskeys(userId)
      if (passkeys.length === 0) return 'nothing'
      for (const { credentialId } of passkeys) await storage.removePasskey({ userId, credentialId, by: 'operator' })
      return 'removed'
    },
  },
  'users disable': {
    forbids: ['session', 'grant', 'token', 'extension'],
    run: ({ stage: { storage }, userId }) => storage.setUserStatus(userId, 'disabled', 'operator'),
  },
  'sign-out everywhere': {
    forbids: ['session', 'grant', 'extension'],
    run: ({ stage: { storage }, userId }) => storage.endSessions({ userId }),
  },
  'closing of the account': {
    forbids: ['session', 'grant', 'token', 'extension'],
    run: async (cell) => cell.stage.storage.closeAccount(await read(cell)),
  },
  'a new passkey': {
    forbids: ['session', 'grant', 'extension'],
    run: async (cell) => {
      const passkey = { credentialId: secretHash(cell.username), publicKey: new Uint8Array([1]), counter: 0 }
      return cell.stage.storage.addPasskey({ ...(await read(cell)), ...passkey })
    },
  },
  'a new second factor': {
    forbids: ['session', 'grant', 'extension'],
    run: async (cell) => {
      const factor = { sealedSecret: 'sealed', usedStep: 0, recoveryHashes: [secretHash(cell.username)] }
      return cell.stage.storage.setSecondFactor({ ...(await read(cell)), ...factor })
    },
  },
  'agents block': {
    forbids: ['grant', 'token', 'extension'],
    run: ({ stage: { storage, agent } }) => storage.setAgentBlocked({ agent: agent.id, blocked: true, by: 'operator' }),
  },
  'removal of the grants': {
    forbids: ['token', 'extension'],
    run: async (cell) => {
      for (const grantId of await grantIds(cell))
        await cell.stage.storage.revokeGrant({ grantId, by: cell.userId, userId: cell.userId })
    },
  },
  'extension of the permissions': {
    forbids: [],
    run: async (cell) => {
      const { storage } = cell.stage
      const found = await storage.listExtendable({ userId: cell.userId, grantIds: await grantIds(cell) })
      if (found.length === 0) return 'nothing'
      for (const { grantId, ...permission } of found) {
        const until = { permissions: [permission], lifetime: null, refreshLifetime: 365 * 86_400 }
        await storage.extendPermissions({ ...(await read(cell)), grantId, ...until })
      }
      return 'extended'
    },
  },
  'withdrawal of the request': {
    forbids: ['grant'],
    run: ({ stage: { storage, agent } }) => storage.abandonRequests({ agent: agent.id, by: 'operator' }),
  },
  extension: {
    forbids: ['grant'],
    run: async (cell) => {
      const request = await bound(cell)
      if (!request) return 'nothing'
      const by = { ...(await read(cell)), browserHash: request.browserHash, tokenHash: cell.tokenHash }
      return cell.stage.storage.extendRequest({ ...by, seconds: 600, maxExtensions: 12 })
    },
  },
  denial: {
    forbids: ['grant'],
    run: async (cell) => {
      const request = await bound(cell)
      if (!request) return 'nothing'
      const by = { ...(await read(cell)), browserHash: request.browserHash, tokenHash: cell.tokenHash }
      const decision = { decision: 'deny', grantLifetime: null, remembered: false } as const
      return cell.stage.storage.decideRequest({ ...by, ...decision, judged: request, revision: request.revision })
    },
  },
  'binding to another browser': {
    forbids: [],
    run: async (cell) => {
      if (cell.tokenHash === '') return
      const { storage } = cell.stage
      const by = { ...(await read(cell)), browserHash: secretHash('another browser'), tokenHash: cell.tokenHash }
      await storage.bindRequest({ ...by, state: null })
    },
  },
  'a change of policy': {
    forbids: ['grant', 'extension'],
    inProcess: true,
    run: async ({ stage }) => {
      denying.add(stage)
    },
  },
}

/** The stages whose policy denies everything. */
export const denying = new Set<object>()
