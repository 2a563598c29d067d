import { hash, verify } from '@node-rs/argon2'
import { AAuthError } from 'countersign'
import type { Emit } from 'countersign/node'
import { FairQueue } from '../lib/fair-queue.js'

/** argon2id, 19 MiB and two passes (OWASP), computed off the event loop. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Maximum number of concurrent computations, and of waiting ones. Each computation uses a core and 19 MiB. */
const limits = { running: 2, waiting: { capacity: 64, most: 256 } }

/** An encoded argon2id hash. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, parameters)
}

const { memoryCost, timeCost, parallelism } = parameters

/** A hash with the same parameters that matches no known password. Comparing a password with it takes just as long, even the first time. */
const hashOfNoPassword = `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`

/**
 * Hashes and checks one server's passwords, a few at a time. Waiting passwords are served in turn by share; a share is given as a path in a
 * fair queue.
 */
export interface Passwords {
  /**
   * Returns an encoded argon2id hash.
   *
   * @throws AAuthError `unavailable` if too many passwords are waiting
   */
  hash(password: string, share: readonly string[]): Promise<string>
  /**
   * Whether the password matches the hash. Without a hash, the check takes the same time and returns false (attacks C17). Undefined if the
   * check had to wait and `mayCompare` refused it when its turn came.
   *
   * @throws AAuthError `unavailable` if too many passwords are waiting
   */
  verify(
    passwordHash: string | undefined,
    password: string,
    share: readonly string[],
    mayCompare: () => Promise<boolean>,
  ): Promise<boolean | undefined>
}

/** Creates the single queue in which passwords wait. */
export function createPasswords(tell: Emit = () => undefined): Passwords {
  let running = 0
  const queue = new FairQueue<(mayRun: boolean) => void>()
  /** Resolves to whether the computation had to wait. */
  async function takeTurn(share: readonly string[]): Promise<boolean> {
    if (running < limits.running) {
      running++
      return false
    }
    const came = performance.now()
    const mayRun = await new Promise<boolean>((resolve) => {
      queue.push(resolve, { path: share }, limits.waiting)?.(false)
    })
    if (mayRun) return true
    tell({ kind: 'password', outcome: 'unavailable', waited: secondsFrom(came), duration: 0, waiting: queue.size })
    throw new AAuthError('unavailable', 'Too many passwords are being checked.', { retryAfter: 2 })
  }

  async function inTurn<T>(share: readonly string[], compute: (waited: boolean) => Promise<T>): Promise<T> {
    const came = performance.now()
    const hasWaited = await takeTurn(share)
    const began = performance.now()
    let outcome: 'ok' | 'failed' = 'failed'
    try {
      const computed = await compute(hasWaited)
      outcome = 'ok'
      return computed
    } finally {
      // The next waiting computation takes over this slot, so the count stays the same.
      const next = queue.shift()
      if (next) next(true)
      else running--
      const seconds = { waited: secondsFrom(came, began), duration: secondsFrom(began) }
      tell({ kind: 'password', outcome, ...seconds, waiting: queue.size })
    }
  }

  return {
    hash: (password, share) => inTurn(share, () => hashPassword(password)),
    verify: (passwordHash, password, share, mayCompare) =>
      inTurn(share, async (hasWaited) => {
        if (hasWaited && !(await mayCompare())) return undefined
        return verify(passwordHash ?? hashOfNoPassword, password)
      }),
  }
}

function secondsFrom(start: number, end: number = performance.now()): number {
  return (end - start) / 1000
}
