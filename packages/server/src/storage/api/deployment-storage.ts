import type { Violation } from './violation.js'

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
