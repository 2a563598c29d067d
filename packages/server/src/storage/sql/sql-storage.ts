import type { Kysely } from 'kysely'
import { startRetention } from '../start-retention.js'
import { type Storage, StorageError, type StorageOptions } from '../storage.js'
import { createUser, findCredential, setUserStatus } from './accounts.js'
import { listEvents, writeEvent } from './audit.js'
import { redeemCode } from './codes.js'
import { decideRequest } from './decisions.js'
import { hasAllowedBefore, revokeGrant } from './grants.js'
import { claimNonce } from './nonces.js'
import { bindRequest, createAuthRequest, findAuthRequest, rememberState } from './requests.js'
import { sweep } from './retention.js'
import { createSession, endSession, findSession } from './sessions.js'
import type { Tables } from './tables.js'
import type { FaultPoint, Unit } from './unit.js'

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

export interface SqlStorageOptions extends Pick<StorageOptions, 'sweepInterval' | 'onSweepError'> {
  /** Called at each fault point of an exchange or a decision; for tests that stop the process there. */
  faultPoint?: (point: FaultPoint) => void
}

/** The storage verbs over a SQL engine. */
export function sqlStorage(engine: SqlEngine, options: SqlStorageOptions = {}): Storage {
  const { faultPoint = () => undefined } = options

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

  const alone = <T>(work: (unit: Unit) => Promise<T>): Promise<T> =>
    answered(async () => work(await unitOf(engine.db, () => undefined)))

  async function together<T>(work: (unit: Unit) => Promise<T>, reach: Unit['reach'] = () => undefined): Promise<T> {
    const result = await answered(() =>
      engine.db.transaction().execute(async (db) => {
        const value = await work(await unitOf(db, reach))
        reach('before_commit')
        return value
      }),
    )
    reach('after_commit')
    return result
  }

  const sweepAll = () => sweep(alone)
  const stopRetention = startRetention(sweepAll, options)

  return {
    createUser: (user) => together((unit) => createUser(unit, user)),
    findCredential: (username) => alone((unit) => findCredential(unit, username)),
    setUserStatus: (userId, status) => together((unit) => setUserStatus(unit, userId, status)),

    createSession: (session) => together((unit) => createSession(unit, session)),
    findSession: (idHash) => alone((unit) => findSession(unit, idHash)),
    endSession: (idHash) => together((unit) => endSession(unit, idHash)),

    createAuthRequest: (request) => together((unit) => createAuthRequest(unit, request)),
    findAuthRequest: (tokenHash) => alone((unit) => findAuthRequest(unit, tokenHash)),
    rememberState: (tokenHash, state) => alone((unit) => rememberState(unit, tokenHash, state)),
    bindRequest: (binding) => together((unit) => bindRequest(unit, binding)),
    decideRequest: (decision) => together((unit) => decideRequest(unit, decision), faultPoint),
    redeemCode: (redemption) => together((unit) => redeemCode(unit, redemption), faultPoint),
    revokeGrant: (revocation) => together((unit) => revokeGrant(unit, revocation)),

    claimNonce: (key, lifetime) => alone((unit) => claimNonce(unit, key, lifetime)),
    hasAllowedBefore: (userId, agent) => alone((unit) => hasAllowedBefore(unit, userId, agent)),

    recordEvent: (event) => alone((unit) => writeEvent(unit, event)),
    listEvents: (filter) => alone((unit) => listEvents(unit, filter)),

    sweep: sweepAll,
    close: async () => {
      stopRetention()
      await engine.close()
    },
  }
}
