import { type NonceClaim, requireNonceLimits } from 'countersign/wire'
import type { Kysely } from 'kysely'
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
import { listEvents, writeEvent } from './audit/audit.js'
import { claimIssuer } from './deployment/deployment.js'
import type { Tables } from './engines/tables.js'
import type { FaultPoint, Unit } from './engines/unit.js'
import { recordAutonomousIssue } from './grants/autonomous-issues.js'
import { redeemCode } from './grants/codes.js'
import { findGrant, findRememberedGrant, listGrants, listGrantUsage } from './grants/grant-lists.js'
import { hasAllowedBefore, hasBeenAllowed, revokeGrant, revokeGrants } from './grants/grants.js'
import { refreshGrant, revokeRefreshToken } from './grants/refreshes.js'
import { listRevocations } from './grants/revocations.js'
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

const tenant = 1

/** What differs between databases. */
export interface SqlEngine {
  /** Its transactions hold off other writers from their first statement on, or at least from each row they change. */
  db: Kysely<Tables>
  /** The clock that decides expiry, Unix seconds. */
  readClock(): Promise<number> | number
  /** Whether this error means that the database did not answer, rather than that the call was wrong. */
  isUnavailable(error: unknown): boolean
  close(): Promise<void>
}

export interface SqlStorageOptions extends Pick<StorageOptions, 'sweepInterval' | 'onSweepError' | 'nonces'> {
  /** Called at each fault point of an exchange or a decision; for tests that stop the process there. */
  faultPoint?: (point: FaultPoint) => void
}

/** The storage verbs over a SQL engine. */
export function sqlStorage(engine: SqlEngine, options: SqlStorageOptions = {}): Storage {
  const { faultPoint = () => undefined } = options
  const nonceLimits = requireNonceLimits(options.nonces ?? {}, 1_000_000)

  const unitOf = async (db: Kysely<Tables>, reach: Unit['reach']): Promise<Unit> => ({
    db,
    tenant,
    now: await engine.readClock(),
    reach,
  })

  async function answered<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!engine.isUnavailable(error)) throw error
      throw new StorageError('unavailable', 'the database did not answer', { cause: error })
    }
  }

  type Verb<A extends unknown[], T> = (unit: Unit, ...args: A) => Promise<T>

  /** For a verb that changes one row at most, in one statement. */
  function alone<A extends unknown[], T>(verb: Verb<A, T>): (...args: A) => Promise<T> {
    return (...args) => answered(async () => verb(await unitOf(engine.db, () => undefined), ...args))
  }

  function together<A extends unknown[], T>(
    verb: Verb<A, T>,
    reach: Unit['reach'] = () => undefined,
  ): (...args: A) => Promise<T> {
    return async (...args) => {
      const result = await answered(() =>
        engine.db.transaction().execute(async (db) => {
          const value = await verb(await unitOf(db, reach), ...args)
          reach('before_commit')
          return value
        }),
      )
      reach('after_commit')
      return result
    }
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

  const sweepAll = () => sweep({ alone, together })
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
    decideRequest: together(decideRequest, faultPoint),
    allowRemembered: together(allowRemembered),
    abandonRequests: together(abandonRequests),

    redeemCode: together(redeemCode, faultPoint),
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
    hasAllowedBefore: alone(hasAllowedBefore),
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

    recordEvent: alone(writeEvent),
    listEvents: alone(listEvents),

    sweep: sweepAll,
    close: async () => {
      stopRetention()
      await engine.close()
    },
  }
}
