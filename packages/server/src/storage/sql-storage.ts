import { requireNonceLimits } from 'countersign/signatures'
import type { Session, Storage, StorageOptions } from './api/storage.js'
import { StorageError } from './api/storage-error.js'
import { findViolations } from './checks/violations.js'
import * as events from './rows/audit.js'
import * as grantLists from './rows/grant-lists.js'
import * as requestRows from './rows/requests.js'
import * as userRows from './rows/users.js'
import type { Engine, Lasting, Statement, Unit } from './sql/engine.js'
import * as accountClosing from './verbs/account-closing.js'
import * as accounts from './verbs/accounts.js'
import * as agents from './verbs/agents.js'
import { batched, batchedOrAlone, createClaiming } from './verbs/claiming.js'
import * as clients from './verbs/clients.js'
import * as codes from './verbs/codes.js'
import * as decisions from './verbs/decisions.js'
import * as deployment from './verbs/deployment.js'
import * as federated from './verbs/federated.js'
import {
  createKeyVerbs,
  createLogoVerbs,
  createPollingVerbs,
  createRelationVerbs,
  createRevocationVerbs,
  createSignInVerbs,
} from './verbs/groups.js'
import * as issues from './verbs/issues.js'
import * as openedRequests from './verbs/opened-requests.js'
import * as receivedRevocations from './verbs/received-revocations.js'
import * as refreshes from './verbs/refreshes.js'
import * as requests from './verbs/requests.js'
import * as retention from './verbs/retention.js'
import * as revocations from './verbs/revocations.js'
import * as rotations from './verbs/rotations.js'
import type { FoundSession } from './verbs/sessions.js'
import * as sessions from './verbs/sessions.js'
import * as throttle from './verbs/throttle.js'
import { findViewedRequest } from './verbs/viewed-requests.js'
import { createWriteBehind, writeUsage } from './verbs/write-behind.js'

/** Implements the storage verbs on top of an engine. */
export function sqlStorage(engine: Engine, options: StorageOptions = {}): Storage {
  const runner = createVerbRunner(engine)
  const { retrying, reading, alone, together } = runner
  const nonceLimits = requireNonceLimits(options.limits?.nonces ?? {}, 1_000_000)
  const claims = createClaiming(together, runner.inTransactionAfter, nonceLimits)
  const { claimNonce, claiming } = claims

  /** Returns undefined if another instance is sweeping. */
  async function sweepUnlessAnother(): Promise<number | undefined> {
    let deleted: number | undefined
    const work = async () => {
      deleted = await retention.sweep(engine, (deletion) => together('process', deletion))
    }
    await retrying(() => engine.ifNotRunningElsewhere('retention', work))
    return deleted
  }
  const usage = createWriteBehind(together('process', writeUsage), {
    delay: options.usageDelay ?? 1,
    onError: options.onUsageError ?? warnOfUsage,
  })
  const { findSession: findNoted, findViewedRequest: findViewedNoted } = createSessionReads(runner, usage)
  const stopRetention = retention.startRetention(sweepUnlessAnother, options)

  return {
    ...createAccountVerbs(runner),

    createSession: together('disk', sessions.createSession),
    findSession: findNoted,
    endSession: together('disk', sessions.endSession),
    listSessions: reading(sessions.listSessions),
    endSessionById: together('disk', sessions.endSessionById),
    endSessions: together('disk', sessions.endSessions),
    reauthenticate: together('disk', sessions.reauthenticate),

    ...createSignInVerbs(runner),

    claimNonce,
    countAttempt: alone('process', throttle.countAttempt),
    countRequest: alone('process', throttle.countRequest),
    findReachedLimit: reading(throttle.findReachedLimit),
    countWithinLimits: together('process', throttle.countWithinLimits),
    forgiveAttempts: together('process', throttle.forgiveAttempts),
    clearAttempts: alone('process', throttle.clearAttempts),
    isKnownDevice: reading(throttle.isKnownDevice),

    createAuthRequest: claiming('disk', requests.createAuthRequest),
    findAuthRequest: reading(requestRows.findAuthRequest),
    findViewedRequest: findViewedNoted,
    rememberState: alone('process', openedRequests.rememberState),
    bindRequest: together('process', openedRequests.bindRequest),
    extendRequest: together('disk', openedRequests.extendRequest),
    decideRequest: together('disk', decisions.decideRequest),
    allowRemembered: together('disk', decisions.allowRemembered),
    ...createPollingVerbs(runner),

    redeemCode: claiming('disk', codes.redeemCode),
    prepareRedemption: reading(codes.prepareRedemption),
    ...createRefreshVerbs(runner, claims, usage),
    recordAutonomousIssue: claiming('disk', issues.recordAutonomousIssue),
    findGrant: reading(grantLists.findGrant),
    findRememberedGrant: reading(grantLists.findRememberedGrant),
    listGrants: reading(grantLists.listGrants),
    listGrantUsage: reading(grantLists.listGrantUsage),
    listRevocations: reading(revocations.listRevocations),

    ...createRelationVerbs(runner),
    ...createRevocationVerbs(runner),
    recordRevocation: claiming('disk', receivedRevocations.recordRevocation),

    recordAgent: together('disk', agents.recordAgent),
    findAgent: reading(agents.findAgent),
    listAgents: reading(agents.listAgents),
    setAgentBlocked: together('disk', agents.setAgentBlocked),
    findStanding: reading(agents.findStanding),

    ...createLogoVerbs(runner),

    registerClient: together('disk', clients.registerClient),
    findRegisteredClient: reading(clients.findRegisteredClient),
    extendRegisteredClient: together('disk', clients.extendRegisteredClient),

    claimIssuer: alone('disk', deployment.claimIssuer),
    findIssuer: reading(deployment.findIssuer),
    findLongestTokenLifetime: reading(deployment.findLongestTokenLifetime),
    readClock: reading(deployment.readClock),
    invalidateRestored: together('disk', deployment.invalidateRestored),
    findViolations: reading(findViolations),

    ...createKeyVerbs(runner),

    recordEvent: together('disk', events.recordEvent),
    listEvents: reading(events.listEvents),
    listSinceDenial: reading(events.listSinceDenial),

    sweep: async () => (await sweepUnlessAnother()) ?? 0,
    close: async () => {
      stopRetention()
      await usage.flush().catch(options.onUsageError ?? warnOfUsage)
      await engine.close()
    },
  }
}

function warnOfUsage(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), 'UsageWarning')
}

/** Creates the verbs of accounts and of their links to other providers. */
function createAccountVerbs({ reading, together }: VerbRunner) {
  return {
    createUser: together('disk', accounts.createUser),
    findUser: reading(userRows.findUser),
    findCredential: reading(accounts.findCredential),
    listUsers: reading(accounts.listUsers),
    countUsers: reading(accounts.countUsers),
    setUserStatus: together('disk', accounts.setUserStatus),
    setPasswordHash: together('disk', accounts.setPasswordHash),
    unlockUser: together('disk', accounts.unlockUser),
    editUser: together('disk', accounts.editUser),
    closeAccount: together('disk', accountClosing.closeAccount),
    exportUser: together('disk', accountClosing.exportUser),
    findFederatedUser: reading(federated.findFederatedUser),
    createFederatedUser: together('disk', federated.createFederatedUser),
    linkFederated: together('disk', federated.linkFederated),
    unlinkFederated: together('disk', federated.unlinkFederated),
    listFederated: reading(federated.listFederated),
    listFactors: reading(userRows.listFactors),
  } satisfies Partial<Storage>
}

/** Creates the verbs that issue tokens repeatedly. `refreshGrant` only reads if there is no nonce to claim and no use to write. */
function createRefreshVerbs(
  { reading, together, inTransactionAfter }: VerbRunner,
  { claiming, claimingBatched }: ReturnType<typeof createClaiming>,
  usage: ReturnType<typeof createWriteBehind>,
): Pick<Storage, 'refreshGrant' | 'prepareRotation' | 'rotateRefresh' | 'revokeRefreshToken' | 'issueRemembered'> {
  const judge = reading(refreshes.judgeRefreshes)
  const useTogether = claimingBatched({ read: refreshes.judgeRefreshes, finish: refreshes.recordUses })
  const useAlone = together('nonce', refreshes.useRefreshToken)
  const recordRefused = together('disk', refreshes.recordRefusedRefresh)
  const readFamily = batched(reading(rotations.readFamilies), 2)
  const rotateAlone = claiming('disk', rotations.rotateRefresh)
  const rotateTogether = inTransactionAfter('disk', rotations.lockFamilies, rotations.rotateTogether)
  // One batch at a time: a rotation whose grant another batch has locked runs separately.
  const rotate = batchedOrAlone(rotateTogether, rotateAlone, 1)
  const issue = claiming('disk', issues.issueRemembered)

  async function noted<O>({ outcome, use }: { outcome: O; use?: { grantId: number; at: number } }): Promise<O> {
    if (!use) return outcome
    const { grantId, at } = use
    await usage.note(at, ({ refreshes }) => refreshes.set(grantId, (refreshes.get(grantId) ?? 0) + 1))
    return outcome
  }

  return {
    async refreshGrant(refresh) {
      const [read] = refresh.nonce ? [await useTogether(refresh)] : await judge([refresh])
      const judged = read && !refreshes.mustRecordUse(read) ? read : await useAlone(refresh)
      if (judged.isRecorded) await recordRefused(refresh)
      return noted(judged)
    },
    prepareRotation: async (rotation) => rotations.prepareRotation(await readFamily(rotation), rotation),
    revokeRefreshToken: claiming('disk', refreshes.revokeRefreshToken),
    rotateRefresh: async (rotation) => noted(await (rotation.nonce ? rotateAlone : rotate)(rotation)),
    issueRemembered: async (wanted) => noted(await issue(wanted)),
  }
}

/** Creates the functions that read a session and record that it was seen. */
function createSessionReads(
  { reading }: VerbRunner,
  usage: ReturnType<typeof createWriteBehind>,
): Pick<Storage, 'findSession' | 'findViewedRequest'> {
  const find = reading(sessions.findSession)
  const findViewed = reading(findViewedRequest)

  async function noted(found: FoundSession | undefined): Promise<Session | undefined> {
    if (found?.seen) {
      const { id, at } = found.seen
      await usage.note(at, ({ sessions }) => sessions.add(id))
    }
    return found?.session
  }

  return {
    findSession: async (idHash) => noted(await find(idHash)),
    async findViewedRequest(viewing) {
      const viewed = await findViewed(viewing)
      if (!viewed) return undefined
      const { request, wasDenied, found } = viewed
      return { request, wasDenied, session: await noted(found) }
    },
  }
}

/** Maximum number of times that a transaction is run if it fails because of concurrent transactions. */
const tries = 5

/** Turns verbs, which are functions over a statement or a transaction, into methods of the storage. */
type VerbRunner = ReturnType<typeof createVerbRunner>

/** @throws StorageError `unavailable` from every method when the database does not respond */
function createVerbRunner(engine: Engine) {
  /** Runs work again if it failed because of a concurrent transaction. */
  async function retrying<T>(work: () => Promise<T>): Promise<T> {
    for (let left = tries - 1; ; left -= 1) {
      try {
        return await work()
      } catch (error) {
        const isRetryable = engine.isRetryable(error)
        if (isRetryable && left > 0) continue
        if (!isRetryable && !engine.isUnavailable(error)) throw error
        throw new StorageError('unavailable', 'the database did not respond', { cause: error })
      }
    }
  }

  function reading<A extends unknown[], T>(
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(async () => verb(engine.reading(), ...args))
  }

  /** Wraps a verb that changes at most one row, in one statement. */
  function alone<A extends unknown[], T>(
    lasting: Lasting,
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(() => engine.statement(lasting, (statement) => verb(statement, ...args)))
  }

  /** Wraps a verb that runs in a transaction. */
  function together<A extends unknown[], T>(
    lasting: Lasting,
    verb: (unit: Unit, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(() => engine.transaction(lasting, (unit) => verb(unit, ...args)))
  }

  /** Wraps a verb that runs in a transaction, after a read that does not need one. */
  function inTransactionAfter<A extends unknown[], F, T>(
    lasting: Lasting,
    first: (statement: Statement, ...args: A) => Promise<F>,
    verb: (unit: Unit, given: F, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) =>
      retrying(() =>
        engine.transaction(
          lasting,
          (unit, given: F) => verb(unit, given, ...args),
          (statement) => first(statement, ...args),
        ),
      )
  }

  return { retrying, reading, alone, together, inTransactionAfter }
}
