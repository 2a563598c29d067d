import { StorageError } from './storage-error.js'

/** Whose database this is (W31), and what holds for all of it. */
export interface DeploymentStorage {
  /**
   * Makes the database that of an issuer unless it is another's already, and tells whose it is. It writes each time, and so
   * shows whether that is possible.
   *
   * @param tokenLife seconds that auth tokens live which a server of this issuer gives from now on
   */
  claimIssuer(issuer: string, tokenLife?: number): Promise<string>
  /**
   * Seconds that auth tokens live which may be alive: also those that servers gave before a shorter life was set, and for an
   * hour more, in which one of these may still run. Undefined: no server has said so.
   */
  findLongestTokenLife(): Promise<number | undefined>
  /** The clock that decides what has ended, in Unix seconds. */
  readClock(): Promise<number>
  /**
   * Ends what came back to life with a restored backup: sessions, open requests, codes and refresh tokens. Any of them may
   * have been ended, or used, after the backup was made. Grants stay.
   *
   * @param by who restored it, for the audit
   */
  endRestored(by: string): Promise<EndedByRestore>
  /** What is stored against the invariants; nothing where all hold. At most {@link mostViolations} of each check. */
  findViolations(): Promise<Violation[]>
}

/** How many of each were alive. */
export interface EndedByRestore {
  sessions: number
  requests: number
  codes: number
  refreshTokens: number
}

/** Something stored that must never be: a defect of the program, or a database that somebody changed by hand. */
export interface Violation {
  /** As `docs/operators.md` lists them. */
  invariant: Invariant
  /** The check that found it, such as `token_after_removal`. */
  check: string
  /** What must never be, as a sentence. */
  never: string
  /** The rows, by what they are and what names them outside: `{ grant: '0190…' }`. */
  rows: Readonly<Record<string, string>>
}

/** Those that a query can show. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I10' | 'I11' | 'I12'

/** How many of each check are told. */
export const mostViolations = 100

type Lives = Pick<DeploymentStorage, 'findLongestTokenLife'>

/** Seconds that the clock of a resource may be behind. */
const clockDifference = 60

/** Seconds after which no auth token is alive that was given before, be it by a server that gave longer lives. */
export async function longestTokenLife(storage: Lives, lifetime: number): Promise<number> {
  return Math.max(lifetime, (await storage.findLongestTokenLife()) ?? 0)
}

/** The time since when auth tokens were issued that may be alive, as the slowest clock of a resource has it. */
export async function tokensAliveSince(
  storage: Lives,
  { at, lifetime }: { at: number; lifetime: number },
): Promise<number> {
  return at - clockDifference - (await longestTokenLife(storage, lifetime))
}

/**
 * Requires the database to be that of an issuer: a new one is, from then on (W31).
 *
 * @param tokenLife seconds that auth tokens live which this program gives
 * @throws {StorageError} `other_issuer`; `unavailable` when the database cannot be written
 */
export async function requireOwnDatabase(
  storage: DeploymentStorage,
  issuer: string,
  tokenLife?: number,
): Promise<void> {
  const owner = await storage.claimIssuer(issuer, tokenLife)
  if (owner === issuer) return
  throw new StorageError(
    'other_issuer',
    `The database is that of the issuer ${owner}, not of ${issuer}. An issuer never changes, since every token names it: set it back, or use another database.`,
  )
}

/** Seconds that the clocks of a server and its database may differ. */
const mostSkew = 5

/**
 * Requires a server's clock, which says whether a signature is fresh, to agree with the storage's, which says what has ended.
 *
 * @throws {StorageError} `clock_skew`; `unavailable` when the database does not answer
 */
export async function requireSameTime(storage: DeploymentStorage, now: () => number): Promise<void> {
  const ahead = Math.floor(now()) - (await storage.readClock())
  if (Math.abs(ahead) <= mostSkew) return
  const how = `${Math.abs(ahead)} seconds ${ahead > 0 ? 'ahead of' : 'behind'}`
  throw new StorageError(
    'clock_skew',
    `The clock of this machine is ${how} the clock of the database: set both right, by NTP.`,
  )
}

const day = 24 * 60 * 60

/** Seconds that rows are kept after they have ended; grants, uses and events as history. */
export const retention = {
  code: day,
  request: day,
  refreshToken: day,
  issue: 30 * day,
  /** After it was last seen, unless it is blocked or was ever allowed. */
  agent: 90 * day,
  /** Of an agent that was never allowed; others keep theirs as long as they are kept. */
  logo: day,
  device: 400 * day,
  usage: 400 * day,
  grant: 400 * day,
  event: 400 * day,
} as const

/** How many logos of agents that were never allowed are kept, the latest. */
export const maxStrangersLogos = 1000
