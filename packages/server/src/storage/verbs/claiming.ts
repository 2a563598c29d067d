import { setImmediate, setTimeout } from 'node:timers'
import type { NonceClaim, NonceLimits } from 'countersign/signatures'
import type { OfSignedRequest } from '../api/request-storage.js'
import { StorageError } from '../api/storage-error.js'
import type { Lasting, Statement, Unit } from '../sql/engine.js'
import { maxRows, onlyOf } from '../sql/kept-query.js'
import { claimNonce, countNonces, forgetNonces, requireCounted, takeNonces } from './nonces.js'

/** Turns work in one transaction into a verb. */
type Together = <A extends unknown[], T>(
  lasting: Lasting,
  verb: (unit: Unit, ...args: A) => Promise<T>,
) => (...args: A) => Promise<T>

/** Like {@link Together}, but the transaction begins with a statement whose result is passed to the verb. */
type TogetherAfter = <A extends unknown[], F, T>(
  lasting: Lasting,
  first: (statement: Statement, ...args: A) => Promise<F>,
  verb: (unit: Unit, given: F, ...args: A) => Promise<T>,
) => (...args: A) => Promise<T>

interface Claiming {
  readonly claimNonce: (claim: NonceClaim) => Promise<boolean>
  /** Creates a verb that claims the request's nonce together with its other changes, see {@link OfSignedRequest}. */
  readonly claiming: <W extends OfSignedRequest, T>(
    lasting: Exclude<Lasting, 'process'>,
    verb: (unit: Unit, wanted: W) => Promise<T>,
  ) => (wanted: W) => Promise<T>
  /**
   * Like `claiming`, but for a verb that many callers often run at the same time. It runs for all of them in one transaction, and its first
   * read is sent together with the claims. The verb must report refusals in its outcome. A request whose nonce is already stored is run
   * separately. If the transaction fails, every request is run separately.
   */
  readonly claimingBatched: <W extends OfSignedRequest, R, T extends object>(
    verb: BatchedVerb<W, R, T>,
  ) => (wanted: W) => Promise<T>
}

/** A verb that runs for many requests at once. */
interface BatchedVerb<W, R, T> {
  /** Runs as one statement, and returns one result for each request, in order. */
  read: (statement: Statement, all: readonly W[]) => Promise<readonly R[]>
  /** Returns one outcome for each request whose nonce was claimed, in order. */
  finish: (unit: Unit, read: readonly R[], all: readonly W[]) => Promise<readonly T[]>
}

export function createClaiming(
  together: Together,
  inTransactionAfter: TogetherAfter,
  limits: Required<NonceLimits>,
): Claiming {
  const claim = together('nonce', (unit, wanted: NonceClaim) => claimNonce(unit, wanted, limits))
  const forget = together('nonce', forgetNonces)

  /**
   * Runs a claim. If too many nonces are stored, deletes expired ones and tries again. Also tries again if no expired nonces were found,
   * because another claim may have deleted them.
   */
  async function withNonceEviction<T>(claiming: () => Promise<T>): Promise<T> {
    for (let forgotten: number | undefined; ; forgotten = await forget()) {
      try {
        return await claiming()
      } catch (error) {
        const isFull = error instanceof StorageError && error.code === 'too_many_nonces'
        if (!isFull || forgotten === 0) throw error
      }
    }
  }

  async function requireClaim(wanted: NonceClaim): Promise<void> {
    if (await withNonceEviction(() => claim(wanted))) return
    throw new StorageError('nonce_used', 'the nonce was already claimed')
  }

  const claiming: Claiming['claiming'] = (lasting, verb) => {
    type Wanted = Parameters<typeof verb>[1]
    const alone = together(lasting, verb)
    const withClaim = inTransactionAfter(
      lasting,
      (statement, claim: NonceClaim, _wanted: Wanted) => takeNonces(statement, [claim]),
      async (unit, taken, _claim, wanted) => {
        if (taken.claims.size === 0) return undefined
        const outcome = await verb(unit, wanted)
        // Counted last, because the counts belong to a whole network, whose other agents wait for the locks.
        await requireCounted(unit, taken, limits)
        return { outcome }
      },
    )
    return async (wanted) => {
      const { nonce } = wanted
      if (!nonce) return alone(wanted)
      try {
        const done = await withNonceEviction(() => withClaim(nonce, wanted))
        if (done) return done.outcome
      } catch (error) {
        // The verb's own claim was rolled back with everything else.
        if (isRefusal(error)) await requireClaim(nonce)
        throw error
      }
      // The nonce has already been claimed, unless that claim has expired.
      await requireClaim(nonce)
      return alone(wanted)
    }
  }

  return {
    claimNonce: (wanted) => withNonceEviction(() => claim(wanted)),
    claiming,
    claimingBatched({ read, finish }) {
      type Wanted = Parameters<typeof read>[1][number]
      const one = claiming('nonce', async (unit, wanted: Wanted) =>
        onlyOf(await finish(unit, await read(unit, [wanted]), [wanted])),
      )
      const apart = createQuarantine()
      const withClaims = inTransactionAfter(
        'nonce',
        (statement, all: readonly Claimed<Wanted>[]) =>
          Promise.all([takeNonces(statement, all.map(claimOf)), read(statement, all.map(wantedOf))]),
        async (unit, [taken, given], all) => {
          const isTaken = (_: unknown, place: number) => taken.claims.has(place)
          const outcomes = await finish(unit, given.filter(isTaken), all.filter(isTaken).map(wantedOf))
          const exceeding = await countNonces(unit, taken, limits)
          if (exceeding.size > 0) {
            apart.put(exceeding.keys())
            throw rollbackSignal
          }
          const done = outcomes.values()
          return all.map((_, place) => (taken.claims.has(place) ? done.next().value : undefined))
        },
      )
      const many = batchedOrAlone(withClaims, ({ wanted }: Claimed<Wanted>) => one(wanted), 2)
      return (wanted) => {
        const { nonce: claim } = wanted
        return !claim || apart.has(claim) ? one(wanted) : many({ wanted, claim })
      }
    },
  }
}

/** Number of milliseconds for which the requests of an agent or key with too many nonces are run separately. */
const quarantineMilliseconds = 1000
const maxQuarantined = 1000

/** Agents and keys with too many nonces. In a batch, their requests would cause the requests of others to be run again. */
function createQuarantine() {
  const until = new Map<string, number>()
  return {
    put(claims: Iterable<NonceClaim>): void {
      if (until.size > maxQuarantined) until.clear()
      for (const { source } of claims) until.set(holderOf(source), performance.now() + quarantineMilliseconds)
    },
    has: ({ source }: NonceClaim): boolean => (until.get(holderOf(source)) ?? 0) > performance.now(),
  }
}

function holderOf({ agent, thumbprint }: NonceClaim['source']): string {
  return agent ?? thumbprint
}

interface Claimed<W> {
  wanted: W
  claim: NonceClaim
}

const claimOf = ({ claim }: Claimed<unknown>) => claim
const wantedOf = <W>({ wanted }: Claimed<W>) => wanted

/** Thrown to roll back a transaction. */
const rollbackSignal = new Error('the transaction is rolled back')

/** Whether a verb refused the request. After any other failure, the request has had no effect and may be sent again. */
function isRefusal(error: unknown): boolean {
  return error instanceof StorageError && error.code !== 'unavailable' && error.code !== 'too_many_nonces'
}

interface Waiting<W, T> {
  wanted: W
  resolve: (outcome: T) => void
  reject: (error: unknown) => void
}

/**
 * Runs calls in batches like {@link batched}, and separately if the batch returned no outcome for them or failed: any of the calls may be the
 * cause, so only those that must fail do.
 */
export function batchedOrAlone<W, T extends object>(
  work: (all: readonly W[]) => Promise<readonly (T | undefined)[]>,
  alone: (wanted: W) => Promise<T>,
  atOnce: number,
): (wanted: W) => Promise<T> {
  const many = batched(work, atOnce)
  return async (wanted) => {
    try {
      const outcome = await many(wanted)
      if (outcome) return outcome
    } catch (error) {
      if (error instanceof StorageError && error.code === 'unavailable') throw error
    }
    return alone(wanted)
  }
}

/** Number of milliseconds for which a call waits for the running batches. */
const patience = 100

/**
 * Batches the calls from one turn of the event loop, and those that arrive while batches are running. A call waits only briefly for running
 * batches.
 *
 * @param work returns an outcome for each call, in order; if it rejects, all calls in the batch reject
 * @param atOnce maximum number of concurrent batches, unless they take a long time
 */
export function batched<W, T>(
  work: (all: readonly W[]) => Promise<readonly T[]>,
  atOnce: number,
): (wanted: W) => Promise<T> {
  const waiting: Waiting<W, T>[] = []
  let running = 0
  let isDue = false
  let isTimed = false

  function begin(): void {
    while (running < atOnce && waiting.length > 0) void run(waiting.splice(0, maxRows))
    if (waiting.length === 0 || isTimed) return
    isTimed = true
    setTimeout(beginAll, patience)
  }

  function beginAll(): void {
    isTimed = false
    while (waiting.length > 0) void run(waiting.splice(0, maxRows))
  }

  async function run(all: readonly Waiting<W, T>[]): Promise<void> {
    running += 1
    try {
      const outcomes = await work(all.map(({ wanted }) => wanted))
      for (const [index, outcome] of outcomes.entries()) all[index]?.resolve(outcome)
    } catch (error) {
      for (const { reject } of all) reject(error)
    }
    running -= 1
    begin()
  }

  return (wanted) =>
    new Promise((resolve, reject) => {
      waiting.push({ wanted, resolve, reject })
      if (isDue) return
      isDue = true
      setImmediate(() => {
        isDue = false
        begin()
      })
    })
}
