import { createSession, createUser, endSession, findCredential, findSession, setUserStatus } from './memory/accounts.js'
import { listEvents, writeEvent } from './memory/audit.js'
import { redeemCode } from './memory/codes.js'
import { hasAllowedBefore, revokeGrant } from './memory/grants.js'
import { claimNonce } from './memory/nonces.js'
import { bindRequest, createAuthRequest, decideRequest, findAuthRequest, rememberState } from './memory/requests.js'
import { sweep } from './memory/retention.js'
import { emptyTables, type MemoryUnit } from './memory/tables.js'
import { startRetention } from './start-retention.js'
import { type Storage, StorageError, type StorageOptions } from './storage.js'
import { systemClock } from './system-clock.js'

/**
 * Storage that ends with the process: for tests and for a demo with one instance. Keeps the latest 10,000 audit
 * events.
 *
 * @example
 * const storage = memoryStorage()
 */
export function memoryStorage(options: StorageOptions = {}): Storage {
  const { now = systemClock } = options
  const tables = emptyTables()
  let closed = false

  async function whole<T>(work: (unit: MemoryUnit) => T): Promise<T> {
    if (closed) throw new StorageError('unavailable', 'the storage is closed')
    return work({ tables, now: now() })
  }

  const sweepAll = () => whole(sweep)
  const stopRetention = startRetention(sweepAll, options)

  return {
    createUser: (user) => whole((unit) => createUser(unit, user)),
    findCredential: (username) => whole((unit) => findCredential(unit, username)),
    setUserStatus: (userId, status) => whole((unit) => setUserStatus(unit, userId, status)),

    createSession: (session) => whole((unit) => createSession(unit, session)),
    findSession: (idHash) => whole((unit) => findSession(unit, idHash)),
    endSession: (idHash) => whole((unit) => endSession(unit, idHash)),

    createAuthRequest: (request) => whole((unit) => createAuthRequest(unit, request)),
    findAuthRequest: (tokenHash) => whole((unit) => findAuthRequest(unit, tokenHash)),
    rememberState: (tokenHash, state) => whole((unit) => rememberState(unit, tokenHash, state)),
    bindRequest: (binding) => whole((unit) => bindRequest(unit, binding)),
    decideRequest: (decision) => whole((unit) => decideRequest(unit, decision)),
    redeemCode: (redemption) => whole((unit) => redeemCode(unit, redemption)),
    revokeGrant: (revocation) => whole((unit) => revokeGrant(unit, revocation)),

    claimNonce: (key, lifetime) => whole((unit) => claimNonce(unit, key, lifetime)),
    hasAllowedBefore: (userId, agent) => whole((unit) => hasAllowedBefore(unit, userId, agent)),

    recordEvent: (event) => whole((unit) => writeEvent(unit, event)),
    listEvents: (filter) => whole((unit) => listEvents(unit, filter)),

    sweep: sweepAll,
    close: async () => {
      stopRetention()
      closed = true
    },
  }
}
