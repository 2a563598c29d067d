import { closeAccount } from './memory/account-closing.js'
import {
  countUsers,
  createUser,
  findCredential,
  findUser,
  listUsers,
  setPasswordHash,
  setUserStatus,
} from './memory/accounts.js'
import {
  abandonRequests,
  findAgent,
  isAgentBlocked,
  listAgents,
  recordAgent,
  setAgentBlocked,
} from './memory/agents.js'
import { listEvents, writeEvent } from './memory/audit.js'
import { recordAutonomousIssue } from './memory/autonomous-issues.js'
import { redeemCode } from './memory/codes.js'
import { allowRemembered, decideRequest } from './memory/decisions.js'
import { createFederatedUser, findFederatedUser, linkFederated, listFederated } from './memory/federated.js'
import {
  findGrant,
  findRememberedGrant,
  hasAllowedBefore,
  hasBeenAllowed,
  listGrants,
  listGrantUsage,
  revokeGrant,
  revokeGrants,
} from './memory/grants.js'
import { addKey, createKeysIfNone, listKeys, moveKeys } from './memory/keys.js'
import { claimLogo, findLogos, keepLogo, readLogo, removeLogo } from './memory/logos.js'
import { claimNonce } from './memory/nonces.js'
import { addPasskey, findPasskey, listPasskeys, removePasskey, usePasskey } from './memory/passkeys.js'
import { listRefreshMarks, requestRefresh } from './memory/refresh-marks.js'
import { refreshGrant, revokeRefreshToken } from './memory/refreshes.js'
import { bindRequest, createAuthRequest, extendRequest, findAuthRequest, rememberState } from './memory/requests.js'
import { sweep } from './memory/retention.js'
import { listRevocations } from './memory/revocations.js'
import {
  createSession,
  endSession,
  endSessionById,
  endSessions,
  findSession,
  listSessions,
  reauthenticate,
} from './memory/sessions.js'
import { emptyTables, type MemoryUnit } from './memory/tables.js'
import { clearAttempts, countAttempt, forgiveAttempt, isKnownDevice, rememberDevice } from './memory/throttle.js'
import { exportUser } from './memory/user-export.js'
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

  function whole<A extends unknown[], T>(verb: (unit: MemoryUnit, ...args: A) => T): (...args: A) => Promise<T> {
    return async (...args) => {
      if (closed) throw new StorageError('unavailable', 'the storage is closed')
      return verb({ tables, now: now() }, ...args)
    }
  }

  const sweepAll = whole(sweep)
  const stopRetention = startRetention(sweepAll, options)

  return {
    createUser: whole(createUser),
    findUser: whole(findUser),
    findCredential: whole(findCredential),
    listUsers: whole(listUsers),
    countUsers: whole(countUsers),
    setUserStatus: whole(setUserStatus),
    setPasswordHash: whole(setPasswordHash),
    closeAccount: whole(closeAccount),
    exportUser: whole(exportUser),
    findFederatedUser: whole(findFederatedUser),
    createFederatedUser: whole(createFederatedUser),
    linkFederated: whole(linkFederated),
    listFederated: whole(listFederated),

    createSession: whole(createSession),
    findSession: whole(findSession),
    endSession: whole(endSession),
    listSessions: whole(listSessions),
    endSessionById: whole(endSessionById),
    endSessions: whole(endSessions),
    reauthenticate: whole(reauthenticate),

    addPasskey: whole(addPasskey),
    listPasskeys: whole(listPasskeys),
    findPasskey: whole(findPasskey),
    usePasskey: whole(usePasskey),
    removePasskey: whole(removePasskey),

    claimNonce: whole(claimNonce),
    countAttempt: whole(countAttempt),
    forgiveAttempt: whole(forgiveAttempt),
    clearAttempts: whole(clearAttempts),
    rememberDevice: whole(rememberDevice),
    isKnownDevice: whole(isKnownDevice),

    createAuthRequest: whole(createAuthRequest),
    findAuthRequest: whole(findAuthRequest),
    rememberState: whole(rememberState),
    bindRequest: whole(bindRequest),
    extendRequest: whole(extendRequest),
    decideRequest: whole(decideRequest),
    allowRemembered: whole(allowRemembered),
    abandonRequests: whole(abandonRequests),

    redeemCode: whole(redeemCode),
    refreshGrant: whole(refreshGrant),
    revokeRefreshToken: whole(revokeRefreshToken),
    recordAutonomousIssue: whole(recordAutonomousIssue),
    findGrant: whole(findGrant),
    findRememberedGrant: whole(findRememberedGrant),
    listGrants: whole(listGrants),
    listGrantUsage: whole(listGrantUsage),
    revokeGrant: whole(revokeGrant),
    revokeGrants: whole(revokeGrants),
    listRevocations: whole(listRevocations),
    hasAllowedBefore: whole(hasAllowedBefore),
    hasBeenAllowed: whole(hasBeenAllowed),

    recordAgent: whole(recordAgent),
    findAgent: whole(findAgent),
    listAgents: whole(listAgents),
    setAgentBlocked: whole(setAgentBlocked),
    isAgentBlocked: whole(isAgentBlocked),

    requestRefresh: whole(requestRefresh),
    listRefreshMarks: whole(listRefreshMarks),

    claimLogo: whole(claimLogo),
    keepLogo: whole(keepLogo),
    removeLogo: whole(removeLogo),
    findLogos: whole(findLogos),
    readLogo: whole(readLogo),

    listKeys: whole(listKeys),
    addKey: whole(addKey),
    createKeysIfNone: whole(createKeysIfNone),
    moveKeys: whole(moveKeys),

    recordEvent: whole(writeEvent),
    listEvents: whole(listEvents),

    sweep: sweepAll,
    close: async () => {
      stopRetention()
      closed = true
    },
  }
}
