import { requireNonceLimits } from 'countersign/signatures'
import type { Refresh, RefreshOutcome } from './api/grant-storage.js'
import type { Session, Storage, StorageOptions } from './api/storage.js'
import { StorageError } from './api/storage-error.js'
import { findViolations } from './checks/violations.js'
import { listEvents, recordEvent } from './rows/audit.js'
import { findGrant, findRememberedGrant, listGrants, listGrantUsage, writeUsage } from './rows/grant-lists.js'
import { findAuthRequest } from './rows/requests.js'
import { findUser, listFactors } from './rows/users.js'
import type { Engine, Lasting, Statement, Unit } from './sql/engine.js'
import { closeAccount, exportUser } from './verbs/account-closing.js'
import {
  countUsers,
  createUser,
  findCredential,
  listUsers,
  setPasswordHash,
  setUserStatus,
  unlockUser,
} from './verbs/accounts.js'
import { abandonRequests, findAgent, findStanding, listAgents, recordAgent, setAgentBlocked } from './verbs/agents.js'
import { createClaiming } from './verbs/claiming.js'
import { redeemCode } from './verbs/codes.js'
import { allowRemembered, decideRequest, findViewedRequest } from './verbs/decisions.js'
import { claimIssuer, endRestored, findLongestTokenLife, readClock } from './verbs/deployment.js'
import { createFederatedUser, findFederatedUser, linkFederated, listFederated } from './verbs/federated.js'
import { recordAutonomousIssue, revokeGrant, revokeGrants } from './verbs/grants.js'
import { addKey, createKeysIfNone, listKeys, moveKeys } from './verbs/keys.js'
import { claimLogo, findLogos, keepLogo, readLogo, removeLogo } from './verbs/logos.js'
import { addPasskey, findPasskey, listPasskeys, removePasskey, usePasskey } from './verbs/passkeys.js'
import {
  isToRecord,
  judgeRefreshes,
  recordRefusedRefresh,
  recordUses,
  revokeRefreshToken,
  useRefreshToken,
} from './verbs/refreshes.js'
import { bindRequest, createAuthRequest, extendRequest, rememberState } from './verbs/requests.js'
import { startRetention, sweep } from './verbs/retention.js'
import { listRevocations } from './verbs/revocations.js'
import {
  createSession,
  endSession,
  endSessionById,
  endSessions,
  type FoundSession,
  findSession,
  listSessions,
  reauthenticate,
} from './verbs/sessions.js'
import {
  clearAttempts,
  countAttempt,
  countRequest,
  countWithinLimits,
  findReachedLimit,
  forgiveAttempts,
  isKnownDevice,
} from './verbs/throttle.js'
import { createWriteBehind } from './verbs/write-behind.js'

/** The storage verbs over an engine. */
export function sqlStorage(engine: Engine, options: StorageOptions = {}): Storage {
  const runner = createVerbRunner(engine)
  const { retrying, reading, alone, together } = runner
  const nonceLimits = requireNonceLimits(options.limits?.nonces ?? {}, 1_000_000)
  const { claimNonce, claiming, claimingTogether } = createClaiming(together, runner.togetherAfter, nonceLimits)

  /** Nothing where another instance sweeps. */
  async function sweepUnlessAnother(): Promise<number | undefined> {
    let deleted: number | undefined
    const work = async () => {
      deleted = await sweep(engine, (deletion) => together('process', deletion))
    }
    await retrying(() => engine.ifNobodyElse('retention', work))
    return deleted
  }
  const usage = createWriteBehind(together('process', writeUsage), {
    delay: options.usageDelay ?? 1,
    onError: options.onUsageError ?? warnOfUsage,
  })
  const { findSession: findNoted, findViewedRequest: findViewedNoted } = createSessionReads(runner, usage)
  const refreshGrant = createRefreshGrant(runner, claimingTogether, usage)
  const stopRetention = startRetention(sweepUnlessAnother, options)

  return {
    createUser: together('disk', createUser),
    findUser: reading(findUser),
    findCredential: reading(findCredential),
    listUsers: reading(listUsers),
    countUsers: reading(countUsers),
    setUserStatus: together('disk', setUserStatus),
    setPasswordHash: together('disk', setPasswordHash),
    unlockUser: together('disk', unlockUser),
    closeAccount: together('disk', closeAccount),
    exportUser: together('disk', exportUser),
    findFederatedUser: reading(findFederatedUser),
    createFederatedUser: together('disk', createFederatedUser),
    linkFederated: together('disk', linkFederated),
    listFederated: reading(listFederated),
    listFactors: reading(listFactors),

    createSession: together('disk', createSession),
    findSession: findNoted,
    endSession: together('disk', endSession),
    listSessions: reading(listSessions),
    endSessionById: together('disk', endSessionById),
    endSessions: together('disk', endSessions),
    reauthenticate: together('disk', reauthenticate),

    addPasskey: together('disk', addPasskey),
    listPasskeys: reading(listPasskeys),
    findPasskey: reading(findPasskey),
    usePasskey: together('disk', usePasskey),
    removePasskey: together('disk', removePasskey),

    claimNonce,
    countAttempt: alone('process', countAttempt),
    countRequest: alone('process', countRequest),
    findReachedLimit: reading(findReachedLimit),
    countWithinLimits: together('process', countWithinLimits),
    forgiveAttempts: together('process', forgiveAttempts),
    clearAttempts: alone('process', clearAttempts),
    isKnownDevice: reading(isKnownDevice),

    createAuthRequest: claiming('disk', createAuthRequest),
    findAuthRequest: reading(findAuthRequest),
    findViewedRequest: findViewedNoted,
    rememberState: alone('process', rememberState),
    bindRequest: together('process', bindRequest),
    extendRequest: together('disk', extendRequest),
    decideRequest: together('disk', decideRequest),
    allowRemembered: together('disk', allowRemembered),
    abandonRequests: together('disk', abandonRequests),

    redeemCode: claiming('disk', redeemCode),
    refreshGrant,
    revokeRefreshToken: claiming('disk', revokeRefreshToken),
    recordAutonomousIssue: claiming('disk', recordAutonomousIssue),
    findGrant: reading(findGrant),
    findRememberedGrant: reading(findRememberedGrant),
    listGrants: reading(listGrants),
    listGrantUsage: reading(listGrantUsage),
    revokeGrant: together('disk', revokeGrant),
    revokeGrants: together('disk', revokeGrants),
    listRevocations: reading(listRevocations),

    recordAgent: together('disk', recordAgent),
    findAgent: reading(findAgent),
    listAgents: reading(listAgents),
    setAgentBlocked: together('disk', setAgentBlocked),
    findStanding: reading(findStanding),

    claimLogo: alone('process', claimLogo),
    keepLogo: alone('process', keepLogo),
    removeLogo: alone('process', removeLogo),
    findLogos: reading(findLogos),
    readLogo: reading(readLogo),

    claimIssuer: alone('disk', claimIssuer),
    findLongestTokenLife: reading(findLongestTokenLife),
    readClock: reading(readClock),
    endRestored: together('disk', endRestored),
    findViolations: reading(findViolations),

    listKeys: reading(listKeys),
    addKey: together('disk', addKey),
    createKeysIfNone: together('disk', createKeysIfNone),
    moveKeys: together('disk', moveKeys),

    recordEvent: together('disk', recordEvent),
    listEvents: reading(listEvents),

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

/** The verb that a refresh runs: it reads only, if there is no nonce to claim and no use to write. */
function createRefreshGrant(
  { reading, together }: VerbRunner,
  claimingTogether: ReturnType<typeof createClaiming>['claimingTogether'],
  usage: ReturnType<typeof createWriteBehind>,
): (refresh: Refresh) => Promise<RefreshOutcome> {
  const judge = reading(judgeRefreshes)
  const useTogether = claimingTogether({ read: judgeRefreshes, finish: recordUses })
  const useAlone = together('nonce', useRefreshToken)
  const recordRefused = together('disk', recordRefusedRefresh)

  return async (refresh) => {
    const [read] = refresh.nonce ? [await useTogether(refresh)] : await judge([refresh])
    const { outcome, use, isRecorded } = read && !isToRecord(read) ? read : await useAlone(refresh)
    if (isRecorded) await recordRefused(refresh)
    if (use)
      await usage.note(use.at, ({ refreshes }) => refreshes.set(use.grantId, (refreshes.get(use.grantId) ?? 0) + 1))
    return outcome
  }
}

/** Reads of a session, which note that it was seen. */
function createSessionReads(
  { reading }: VerbRunner,
  usage: ReturnType<typeof createWriteBehind>,
): Pick<Storage, 'findSession' | 'findViewedRequest'> {
  const find = reading(findSession)
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
      return viewed && { request: viewed.request, session: await noted(viewed.found) }
    },
  }
}

/** How many times a transaction runs at most when it fails because of concurrent ones. */
const tries = 5

/** Turns verbs, which are functions over a statement or a transaction, into methods of the storage. */
type VerbRunner = ReturnType<typeof createVerbRunner>

/** @throws StorageError `unavailable` from every method when the database does not respond */
function createVerbRunner(engine: Engine) {
  /** Runs work again if a concurrent transaction made it fail. */
  async function retrying<T>(work: () => Promise<T>): Promise<T> {
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

  function reading<A extends unknown[], T>(
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(async () => verb(engine.reading(), ...args))
  }

  /** For a verb that changes at most one row, in one statement. */
  function alone<A extends unknown[], T>(
    lasting: Lasting,
    verb: (statement: Statement, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(() => engine.statement(lasting, (statement) => verb(statement, ...args)))
  }

  /** For a verb that runs in a transaction. */
  function together<A extends unknown[], T>(
    lasting: Lasting,
    verb: (unit: Unit, ...args: A) => Promise<T>,
  ): (...args: A) => Promise<T> {
    return (...args) => retrying(() => engine.transaction(lasting, (unit) => verb(unit, ...args)))
  }

  /** The same, after a read that needs no transaction. */
  function togetherAfter<A extends unknown[], F, T>(
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

  return { retrying, reading, alone, together, togetherAfter }
}
