import { hash, verify } from '@node-rs/argon2'
import { AAuthError } from 'countersign'
import type { Tell } from 'countersign/wire'

/** argon2id, 19 MiB and two passes (OWASP); computed off the event loop. */
const parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** Computations at once, and how many may wait: each takes a core and 19 MiB. */
const limits = { running: 2, waiting: 64 }

/** An encoded argon2id hash. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, parameters)
}

/** Hashes and checks the passwords of one server, a few at a time. */
export interface Passwords {
  /**
   * An encoded argon2id hash.
   *
   * @throws AAuthError `unavailable` when too many are waiting
   */
  hash(password: string): Promise<string>
  /**
   * Whether the password belongs to the hash. Without a hash it takes the same time and is false (attacks C17).
   *
   * @throws AAuthError `unavailable` when too many are waiting
   */
  verify(passwordHash: string | undefined, password: string): Promise<boolean>
}

/** Creates the one queue in which passwords wait. */
export function createPasswords(tell?: Tell): Passwords {
  let running = 0
  const queue: (() => void)[] = []
  let dummy: Promise<string> | undefined

  async function inTurn<T>(compute: () => Promise<T>): Promise<T> {
    const came = performance.now()
    if (running >= limits.running) {
      if (queue.length >= limits.waiting) {
        tell?.({ kind: 'password', outcome: 'unavailable', waited: 0, duration: 0, waiting: queue.length })
        throw new AAuthError('unavailable', 'Too many passwords are being checked.', { retryAfter: 2 })
      }
      await new Promise<void>((resolve) => queue.push(resolve))
    } else {
      running++
    }
    const began = performance.now()
    let outcome: 'ok' | 'failed' = 'failed'
    try {
      const computed = await compute()
      outcome = 'ok'
      return computed
    } finally {
      // A waiting computation takes this one's place, so the count stays.
      const next = queue.shift()
      if (next) next()
      else running--
      const seconds = { waited: (began - came) / 1000, duration: (performance.now() - began) / 1000 }
      tell?.({ kind: 'password', outcome, ...seconds, waiting: queue.length })
    }
  }

  return {
    hash: (password) => inTurn(() => hashPassword(password)),
    verify: (passwordHash, password) =>
      inTurn(async () => {
        dummy ??= hashPassword('no account has this password')
        const matches = await verify(passwordHash ?? (await dummy), password)
        return matches && passwordHash !== undefined
      }),
  }
}
