import type { AsRead, User } from './user.js'

/** Signed-in browser sessions, found by the hash of their secret id; `id` is for lists and links. */
export interface SessionStorage {
  /**
   * Starts a signed-in browser session: idle for at most `idleSeconds`, at most `lifetime` seconds in all. Of the person's
   * live sessions, the oldest end where there are more than `most`. Undefined, and nothing happens: the user is not
   * active, or not as they were when their proof was checked.
   */
  createSession(session: NewSession): Promise<Session | undefined>
  /** The live session of an active person, and marks it as seen (written at most once a minute). */
  findSession(idHash: string): Promise<Session | undefined>
  /** Ends a session; ending one that does not exist is no error. */
  endSession(idHash: string): Promise<void>
  /** A person's live sessions, the last used first. */
  listSessions(of: { userId: string; currentIdHash?: string | undefined }): Promise<ListedSession[]>
  /** Ends one session of a person by its public id. False when they have no such session. */
  endSessionById(session: { userId: string; id: string }): Promise<boolean>
  /** Ends a person's sessions, all or all but one; returns how many. */
  endSessions(of: { userId: string; exceptIdHash?: string | undefined }): Promise<number>
  /**
   * Records that the person of a live session has proved again who they are: the session gets a new secret id and
   * `authTime` is now; its absolute end stays. The old secret id no longer works. Undefined, and nothing happens: the
   * session has ended, or the user is not as they were when their proof was checked.
   */
  reauthenticate(renewal: Reauthentication): Promise<Session | undefined>
}

/** How a person proved who they are (RFC 8176, and `oidc`). */
export type AuthenticationMethod = 'pwd' | 'oidc' | 'webauthn'

export interface NewSession extends AsRead {
  idHash: string
  /** When the factor of the proof was added, in Unix seconds; a new one next to an older one proves nothing (attacks C24): `authTime` is 0. */
  factorAddedAt: number
  /** The session, by the hash of its id, that the browser held before: it ends. */
  replaces?: string | undefined
  idleSeconds: number
  lifetime: number
  /** How many live sessions the person may have, this one included. */
  most: number
  amr?: readonly AuthenticationMethod[] | undefined
  /** When the person proved who they are, where that was before now; 0 where nobody says. @default now */
  authTime?: number | undefined
  /** The request that they signed in for, by the hash of its token; absent: none. */
  provedFor?: string | undefined
  /** The browser, by the hash of its cookie: it is remembered as one in which the user signed in (attacks C16). */
  browserHash?: string | undefined
  ip?: string | undefined
  userAgent?: string | undefined
}

export interface Session {
  /** Public: names the session in lists, opens nothing. */
  id: string
  user: User
  /** When the person last proved who they are. */
  authTime: number
  /** How they did then; empty when that was not said. */
  amr: AuthenticationMethod[]
  /** The request that they proved it for, by the hash of its token; null: none. */
  provedFor: string | null
  /** When it ends however much it is used. */
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
  /** When the factor of the proof was added, in Unix seconds; a new one next to an older one leaves `authTime`, `amr` and `provedFor` as they are. */
  factorAddedAt: number
  /** @default as before */
  amr?: readonly AuthenticationMethod[] | undefined
  /** The request that the user proved it for, by the hash of its token; absent: none. */
  provedFor?: string | undefined
}
