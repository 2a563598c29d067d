import type { NonceClaim, NonceLimits } from 'countersign/wire'
import type { Lasting, Statement, Unit } from '../engines/engine.js'
import { StorageError } from '../storage-error.js'
import { claimNonce, forgetNonces, requireRoom, takeCounted, takeNonce, withNonce } from './nonces.js'
import type { OfSignedRequest } from './signed-request.js'

/** Makes a verb of what only reads. */
export type Reading = <A extends unknown[], T>(
  verb: (statement: Statement, ...args: A) => Promise<T>,
) => (...args: A) => Promise<T>

/** Makes a verb of what is done in one transaction. */
export type Together = <A extends unknown[], T>(
  lasting: Lasting,
  verb: (unit: Unit, ...args: A) => Promise<T>,
) => (...args: A) => Promise<T>

/** The same, where the transaction begins with something that the verb is then given. */
export type TogetherAfter = <A extends unknown[], F, T>(
  lasting: Lasting,
  first: (statement: Statement, ...args: A) => Promise<F>,
  verb: (unit: Unit, given: F, ...args: A) => Promise<T>,
) => (...args: A) => Promise<T>

export interface Verbs {
  reading: Reading
  together: Together
  togetherAfter: TogetherAfter
}

export interface Claiming {
  readonly claimNonce: (claim: NonceClaim) => Promise<boolean>
  /** A verb that claims the nonce of the request with what it does, see {@link OfSignedRequest}. */
  readonly claiming: <W extends OfSignedRequest, T>(
    lasting: Exclude<Lasting, 'process'>,
    verb: (unit: Unit, wanted: W) => Promise<T>,
  ) => (wanted: W) => Promise<T>
  /**
   * The same for a verb that reads in one query, which is sent to the database in one go with the claim. Gives nothing, and
   * nothing was claimed, where what was read is not enough, or the nonce is held, be it by one that has ended.
   *
   * @param isEnough whether no more is to be done
   */
  readonly claimingToRead: <W extends OfSignedRequest, T>(
    verb: (statement: Statement, wanted: W) => Promise<T>,
    isEnough: (outcome: T) => boolean,
  ) => (wanted: W) => Promise<T | undefined>
}

export function createClaiming({ reading, together, togetherAfter }: Verbs, limits: Required<NonceLimits>): Claiming {
  const claim = together('nonce', (unit, wanted: NonceClaim) => claimNonce(unit, wanted, limits))
  const forget = together('nonce', forgetNonces)

  /** Nonces that have ended leave their places when these are needed, be it that another claim makes them. */
  async function makingRoom<T>(claiming: () => Promise<T>): Promise<T> {
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
    if (await makingRoom(() => claim(wanted))) return
    throw new StorageError('nonce_used', 'the nonce was claimed before')
  }

  return {
    claimNonce: (wanted) => makingRoom(() => claim(wanted)),
    claiming(lasting, verb) {
      type Wanted = Parameters<typeof verb>[1]
      const alone = together(lasting, verb)
      const withClaim = togetherAfter(
        lasting,
        (statement, claim: NonceClaim, _wanted: Wanted) => takeNonce(statement, claim),
        async (unit, before, claim, wanted) =>
          before === undefined ? undefined : withNonce(unit, { claim, before }, limits, () => verb(unit, wanted)),
      )
      return async (wanted) => {
        const { nonce } = wanted
        if (!nonce) return alone(wanted)
        try {
          const done = await makingRoom(() => withClaim(nonce, wanted))
          if (done) return done.outcome
        } catch (error) {
          // What the verb had claimed was taken back with all else.
          if (isRefusal(error)) await requireClaim(nonce)
          throw error
        }
        // It was claimed before, unless that has ended.
        await requireClaim(nonce)
        return alone(wanted)
      }
    },
    claimingToRead(verb, isEnough) {
      type Wanted = Parameters<typeof verb>[1]
      const alone = reading(verb)
      const withClaim = togetherAfter(
        'nonce',
        (statement, claim: NonceClaim, wanted: Wanted) =>
          Promise.all([takeCounted(statement, claim), verb(statement, wanted)]),
        async (unit, [counted, outcome], claim) => {
          if (!counted || !isEnough(outcome)) throw takenBack
          await requireRoom(unit, claim, counted, limits)
          return outcome
        },
      )
      return async (wanted) => {
        const { nonce } = wanted
        if (!nonce) {
          const outcome = await alone(wanted)
          return isEnough(outcome) ? outcome : undefined
        }
        try {
          return await makingRoom(() => withClaim(nonce, wanted))
        } catch (error) {
          if (error !== takenBack) throw error
          return undefined
        }
      }
    },
  }
}

/** Thrown to take a transaction back. */
const takenBack = new Error('what was done is taken back')

/** Whether a verb said no. Where anything else went wrong, nothing has happened to the request, and it may come again. */
function isRefusal(error: unknown): boolean {
  return error instanceof StorageError && error.code !== 'unavailable' && error.code !== 'too_many_nonces'
}
