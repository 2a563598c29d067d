import { type NonceClaim, requireNonceLimits } from 'countersign/wire'
import { closeAccount } from './accounts/account-closing.js'
import {
  countUsers,
  createUser,
  findCredential,
  listUsers,
  setPasswordHash,
  setUserStatus,
} from './accounts/accounts.js'
import { createFederatedUser, findFederatedUser, linkFederated, listFederated } from './accounts/federated.js'
import { exportUser } from './accounts/user-export.js'
import { findUser } from './accounts/users.js'
import {
  abandonRequests,
  findAgent,
  isAgentBlocked,
  listAgents,
  recordAgent,
  setAgentBlocked,
} from './agents/agents.js'
import { listEvents, recordEvent } from './audit/audit.js'
import { claimIssuer } from './deployment/deployment.js'
import type { Engine, Statement, Unit } from './engines/engine.js'
import { redeemCode } from './grants/codes.js'
import { findGrant, findRememberedGrant, listGrants, listGrantUsage } from './grants/grant-lists.js'
import { hasBeenAllowed, revokeGrant, revokeGrants } from './grants/grants.js'
import { refreshGrant, revokeRefreshToken } from './grants/refreshes.js'
import { findOldestIssue, listRevocations } from './grants/revocations.js'
import { recordAutonomousIssue } from './grants/token-issues.js'
import { addKey, createKeysIfNone, listKeys, moveKeys } from './keys/keys.js'
import { claimLogo, findLogos, keepLogo, readLogo, removeLogo } from './logos/logos.js'
import { claimNonce, forgetNonces } from './nonces/nonces.js'
import { addPasskey, findPasskey, listPasskeys, removePasskey, usePasskey } from './passkeys/passkeys.js'
import { allowRemembered, decideRequest } from './requests/decisions.js'
import { bindRequest, createAuthRequest, extendRequest, findAuthRequest, rememberState } from './requests/requests.js'
import { startRetention } from './retention/start-retention.js'
import { sweep } from './retention/sweep.js'
import {
  createSession,
  endSession,
  endSessionById,
  endSessions,
  findSession,
  listSessions,
  reauthenticate,
} from './sessions/sessions.js'
import { type Storage, StorageError, type StorageOptions } from './storage.js'
import { clearAttempts, countAttempt, forgiveAttempt, isKnownDevice, rememberDevice } from './throttle/throttle.js'

/** How often a transaction is run in all, where it failed because of others. */
const tries = 5

/** The storage verbs over an engine. */
export function sqlStorage(engine: Engine, options: StorageOptions = {}): Storage {
  const nonceLimits = requireNonceLimits(options.limits?.nonces ?? {}, 1_000_000)

  async function answered<T>(work: () => Promise<T>): Promise<T> {
    for (let left = tries - 1; ; left -= 1) {
      try {
        return await work()
      } catch (error) {
        const mayRepeat = engine.mayRepeat(error)
        if (mayRepeat && left > 0) continue
        if (!mayRepeat && !engine.isUnavailable(error)) throw error
        throw new StorageError('unavailable', 'the database did not answer', { cause: error })
      }
    }
  }

  /** For a verb that changes one row at most, in one statement. */
  function alone<A extends unknown[], T>(
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => answered(async () => verb(engine.statement(), ...args))
  }

  function together<A extends unknown[], T>(verb: (unit: Unit, ...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return (...args) => answered(() => engine.transaction((unit) => verb(unit, ...args)))
  }

  const claim = together((unit, wanted: NonceClaim) => claimNonce(unit, wanted, nonceLimits))
  const forget = together(forgetNonces)

  /** Nonces that have ended leave their places when these are needed, be it that another claim makes them. */
  async function claimOrForget(wanted: NonceClaim): Promise<boolean> {
    for (let forgotten: number | undefined; ; forgotten = await forget()) {
      try {
        return await claim(wanted)
      } catch (error) {
        const isFull = error instanceof StorageError && error.code === 'too_many_nonces'
        if (!isFull || forgotten === 0) throw error
      }
    }
  }

  async function sweepAll(): Promise<number> {
    let deleted = 0
    const work = async () => {
      deleted = await sweep(engine, together)
    }
    await answered(() => engine.ifNobodyElse('retention', work))
    return deleted
  }
  const stopRetention = startRetention(sweepAll, options)

  return {
    createUser: together(createUser),
    findUser: alone(findUser),
    findCredential: alone(findCredential),
    listUsers: alone(listUsers),
    countUsers: alone(countUsers),
    setUserStatus: together(setUserStatus),
    setPasswordHash: together(setPasswordHash),
    closeAccount: together(closeAccount),
    exportUser: together(exportUser),
    findFederatedUser: alone(findFederatedUser),
    createFederatedUser: together(createFederatedUser),
    linkFederated: together(linkFederated),
    listFederated: alone(listFederated),

    createSession: together(createSession),
    findSession: alone(findSession),
    endSession: together(endSession),
    listSessions: alone(listSessions),
    endSessionById: together(endSessionById),
    endSessions: together(endSessions),
    reauthenticate: together(reauthenticate),

    addPasskey: together(addPasskey),
    listPasskeys: alone(listPasskeys),
    findPasskey: alone(findPasskey),
    usePasskey: together(usePasskey),
    removePasskey: together(removePasskey),

    claimNonce: claimOrForget,
    countAttempt: alone(countAttempt),
    forgiveAttempt: alone(forgiveAttempt),
    clearAttempts: alone(clearAttempts),
    rememberDevice: alone(rememberDevice),
    isKnownDevice: alone(isKnownDevice),

    createAuthRequest: together(createAuthRequest),
    findAuthRequest: alone(findAuthRequest),
    rememberState: alone(rememberState),
    bindRequest: together(bindRequest),
    extendRequest: together(extendRequest),
    decideRequest: together(decideRequest),
    allowRemembered: together(allowRemembered),
    abandonRequests: together(abandonRequests),

    redeemCode: together(redeemCode),
    refreshGrant: together(refreshGrant),
    revokeRefreshToken: together(revokeRefreshToken),
    recordAutonomousIssue: together(recordAutonomousIssue),
    findGrant: alone(findGrant),
    findRememberedGrant: alone(findRememberedGrant),
    listGrants: alone(listGrants),
    listGrantUsage: alone(listGrantUsage),
    revokeGrant: together(revokeGrant),
    revokeGrants: together(revokeGrants),
    listRevocations: alone(listRevocations),
    findOldestIssue: alone(findOldestIssue),
    hasBeenAllowed: alone(hasBeenAllowed),

    recordAgent: together(recordAgent),
    findAgent: alone(findAgent),
    listAgents: alone(listAgents),
    setAgentBlocked: together(setAgentBlocked),
    isAgentBlocked: alone(isAgentBlocked),

    claimLogo: alone(claimLogo),
    keepLogo: alone(keepLogo),
    removeLogo: alone(removeLogo),
    findLogos: alone(findLogos),
    readLogo: alone(readLogo),

    claimIssuer: alone(claimIssuer),

    listKeys: alone(listKeys),
    addKey: together(addKey),
    createKeysIfNone: together(createKeysIfNone),
    moveKeys: together(moveKeys),

    recordEvent: together(recordEvent),
    listEvents: alone(listEvents),

    sweep: sweepAll,
    close: async () => {
      stopRetention()
      await engine.close()
    },
  }
}
