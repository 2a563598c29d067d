import type { AsRead, User } from './user.js'

/** Sessions of signed-in browsers, looked up by the hash of their secret id. `id` is for lists and links. */
export interface SessionStorage {
  /**
   * Starts a session for a signed-in browser, with an idle timeout of `idleSeconds` and a maximum lifetime of `lifetime` seconds. If the
   * user then has more than `most` live sessions, the oldest are ended. Resolves with undefined and changes nothing if the user is not
   * active, or if their record has changed since their proof was checked.
   */
  createSession(session: NewSession): Promise<Session | undefined>
  /** Returns the live session of an active user and marks it as seen (written at most once a minute). */
  findSession(idHash: string): Promise<Session | undefined>
  /** Ends a session. Ending one that does not exist is not an error. */
  endSession(idHash: string): Promise<void>
  /** Lists a user's live sessions, most recently used first. */
  listSessions(of: { userId: string; currentIdHash?: string | undefined }): Promise<ListedSession[]>
  /**
   * Ends one of a user's sessions, by its public id. Returns false if the user has no such session. `by`: the operator, for the audit log.
   */
  endSessionById(session: { userId: string; id: string; by?: string | undefined }): Promise<boolean>
  /** Ends a user's sessions, all of them or all but one, and returns how many it ended. `by`: the operator, for the audit log. */
  endSessions(of: { userId: string; exceptIdHash?: string | undefined; by?: string | undefined }): Promise<number>
  /**
   * Records that the user of a live session has proved again who they are. The session gets a new secret id, and its `authTime` is set to
   * the current time; its absolute expiry does not change. The old secret id no longer works. Resolves with undefined and changes nothing
   * if the session has expired, or if the user's record has changed since their proof was checked.
   */
  reauthenticate(renewal: Reauthentication): Promise<Session | undefined>
}

/** How a user proved who they are (RFC 8176, and `oidc`). */
export type AuthenticationMethod = (typeof authenticationMethods)[number]

export const authenticationMethods = ['pwd', 'otp', 'oidc', 'webauthn'] as const

export interface NewSession extends AsRead {
  idHash: string
  /**
   * When the factor used for the proof was added, in Unix seconds. A new factor proves nothing if the user has an older one (attacks C24):
   * `authTime` is then 0.
   */
  factorAddedAt: number
  /** The hash of the id of the browser's previous session, which is ended. */
  replaces?: string | undefined
  idleSeconds: number
  lifetime: number
  /** Maximum number of live sessions of the user, including this one. */
  most: number
  amr?: readonly AuthenticationMethod[] | undefined
  /** When the user proved who they are, if that was before now; 0 if unknown. @default now */
  authTime?: number | undefined
  /** The token hash of the request for which the user signed in; absent if there is no such request. */
  provedFor?: string | undefined
  /** The hash of the browser's cookie. The browser is remembered as one in which the user has signed in (attacks C16). */
  browserHash?: string | undefined
  ip?: string | undefined
  userAgent?: string | undefined
}

export interface Session {
  /** Public id: identifies the session in lists, but grants no access. */
  id: string
  user: User
  /** When the user last proved who they are. */
  authTime: number
  /** How the user then proved who they are; empty if unknown. */
  amr: AuthenticationMethod[]
  /** The token hash of the request for which the user proved who they are; null if there is no such request. */
  provedFor: string | null
  /** The absolute expiry, regardless of use. */
  expiresAt: number
}

export interface ListedSession {
  id: string
  createdAt: number
  lastSeenAt: number
  authTime: number
  amr: AuthenticationMethod[]
  expiresAt: number
  ip: string | null
  userAgent: string | null
  current: boolean
}

export interface Reauthentication {
  idHash: string
  newIdHash: string
  /** The user's credential revision when their proof was checked. */
  credentialRevision: number
  /**
   * When the factor used for the proof was added, in Unix seconds. A new factor leaves `authTime`, `amr` and `provedFor` unchanged if the
   * user has an older one.
   */
  factorAddedAt: number
  /** @default unchanged */
  amr?: readonly AuthenticationMethod[] | undefined
  /** The token hash of the request for which the user proved who they are; absent if there is no such request. */
  provedFor?: string | undefined
}
