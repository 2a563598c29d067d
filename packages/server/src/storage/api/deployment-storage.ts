import { StorageError } from './storage-error.js'

/** The issuer that owns this database (W31), and state that applies to the whole database. */
export interface DeploymentStorage {
  /**
   * Claims the database for an issuer unless another issuer already owns it, and returns the owner. Always writes, which also shows whether
   * the database is writable.
   *
   * @param tokenLifetime lifetime, in seconds, of the auth tokens that this issuer's server issues from now on
   */
  claimIssuer(issuer: string, tokenLifetime?: number): Promise<string>
  /** Returns the issuer that owns the database; undefined if none has claimed it yet. Claims nothing. */
  findIssuer(): Promise<string | undefined>
  /**
   * The longest lifetime, in seconds, of auth tokens that may still be valid. This includes tokens that servers issued before a shorter
   * lifetime was configured, plus one hour during which such a server may still be running. Undefined if no server has reported a lifetime.
   */
  findLongestTokenLifetime(): Promise<number | undefined>
  /** The clock that determines expiry, in Unix seconds. */
  readClock(): Promise<number>
  /**
   * Invalidates what restoring a backup brought back: sessions, open requests, codes, refresh tokens and devices. Any of them may have been
   * used or revoked after the backup was made. Grants stay valid.
   *
   * @param by who restored the backup, for the audit log
   */
  invalidateRestored(by: string): Promise<InvalidatedByRestore>
  /** Finds stored rows that violate the invariants; empty if all of them hold. Returns at most {@link maxViolations} per check. */
  findViolations(): Promise<Violation[]>
}

/** How many sessions, requests, codes, refresh tokens and devices were still valid. */
export interface InvalidatedByRestore {
  sessions: number
  requests: number
  codes: number
  refreshTokens: number
  devices: number
}

/** Stored data that must never exist. It indicates a bug in the program, or a database that was changed by hand. */
export interface Violation {
  /** An invariant as listed in the documentation of `countersign server db check`. */
  invariant: Invariant
  /** The check that found the violation, such as `token_after_removal`. */
  check: string
  /** The condition that must never occur, as a sentence. */
  never: string
  /** The public ids of the rows, by kind: `{ grant: '0190…' }`. */
  rows: Readonly<Record<string, string>>
}

/** The invariants that a query can check. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I10' | 'I11' | 'I12'

/** The maximum number of violations that each check reports. */
export const maxViolations = 100

type Lives = Pick<DeploymentStorage, 'findLongestTokenLifetime'>

/** Number of seconds by which a resource's clock may be slow. */
const clockDifference = 60

/** Seconds after which every auth token issued earlier has expired, including those from servers with a longer token lifetime. */
export async function longestTokenLifetime(storage: Lives, lifetime: number): Promise<number> {
  return Math.max(lifetime, (await storage.findLongestTokenLifetime()) ?? 0)
}

/** The issue time of the oldest auth tokens that may still be valid, according to the slowest clock of any resource. */
export async function validTokensIssuedSince(
  storage: Lives,
  { at, lifetime }: { at: number; lifetime: number },
): Promise<number> {
  return at - clockDifference - (await longestTokenLifetime(storage, lifetime))
}

/**
 * Requires the database to belong to an issuer. A new database is claimed for this issuer (W31).
 *
 * @param tokenLifetime lifetime, in seconds, of the auth tokens that this program issues
 * @throws {StorageError} `other_issuer`; `unavailable` if the database cannot be written
 */
export async function requireOwnDatabase(
  storage: DeploymentStorage,
  issuer: string,
  tokenLifetime?: number,
): Promise<void> {
  const owner = await storage.claimIssuer(issuer, tokenLifetime)
  if (owner === issuer) return
  throw new StorageError(
    'other_issuer',
    `The database belongs to the issuer ${owner}, not to ${issuer}. An issuer can never change, because every token contains it: restore the previous issuer, or use another database.`,
  )
}

/** Number of seconds by which the clocks of a server and its database may differ. */
const maxSkew = 5

/**
 * Requires a server's clock, which determines whether a signature is fresh, to agree with the storage's clock, which determines expiry.
 *
 * @throws {StorageError} `clock_skew`; `unavailable` if the database does not respond
 */
export async function requireClockInSync(storage: DeploymentStorage, now: () => number): Promise<void> {
  const ahead = Math.floor(now()) - (await storage.readClock())
  if (Math.abs(ahead) <= maxSkew) return
  const how = `${Math.abs(ahead)} seconds ${ahead > 0 ? 'ahead of' : 'behind'}`
  throw new StorageError(
    'clock_skew',
    `This machine’s clock is ${how} the database’s clock: synchronize both with NTP.`,
  )
}

const day = 24 * 60 * 60

/** Number of seconds for which rows are retained after they expire. Grants, uses and events are retained as history. */
export const retention = {
  code: day,
  request: day,
  refreshToken: day,
  issue: 30 * day,
  /** For clocks that differ. */
  revocation: 60,
  /** Counted from when the agent was last seen. Does not apply to agents that are blocked or have ever been allowed anything. */
  agent: 90 * day,
  /** For agents that have never been allowed anything. Other agents keep their logo for as long as they are stored. */
  logo: day,
  device: 400 * day,
  email: day,
  usage: 400 * day,
  grant: 400 * day,
  event: 400 * day,
} as const

/** Maximum number of stored logos of agents that have never been allowed anything; the most recent ones are kept. */
export const maxUnallowedLogos = 1000
