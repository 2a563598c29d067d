import type { RecordedEvent } from './audit-storage.js'
import type { GrantUsage, ListedGrant } from './grant-storage.js'
import type { Passkey } from './passkey-storage.js'
import type { ListedSession } from './session-storage.js'
import type { AsRead, User } from './user.js'

/**
 * People, their passwords and the identities they have elsewhere. User names are compared after NFKC and lower-casing,
 * and kept as typed.
 */
export interface AccountStorage {
  /**
   * Adds a person. Rejects with `StorageError` `username_taken` when the name is in use, and with `username_looks_alike`
   * when it looks like one that is (UTS 39).
   */
  createUser(user: NewUser): Promise<User>
  /** The person with this id, whatever their status. */
  findUser(userId: string): Promise<User | undefined>
  /** The person and their password hash, also for a disabled person, so that both cost the same time. */
  findCredential(username: string): Promise<StoredPassword | undefined>
  /** People in the order they were added, without closed accounts unless asked for. */
  listUsers(filter?: UserFilter): Promise<User[]>
  /** How many people there are, without closed accounts. */
  countUsers(): Promise<number>
  /**
   * Lets a person in or keeps them out; disabling ends their sessions, and no code or refresh token of theirs gives
   * anything while it lasts. False when there is nobody with that id, or their account is closed. `by`: who did it, for
   * the audit.
   */
  setUserStatus(userId: string, status: 'active' | 'disabled', by?: string): Promise<boolean>
  /**
   * Replaces the password, or sets the first one, ends all other sessions, forgets the known devices and the failed
   * sign-ins. Resolves with the new credential revision. Undefined, and nothing happens: there is no such user, their
   * account is closed, or it is not as the user's own change was judged.
   */
  setPasswordHash(change: PasswordChange): Promise<number | undefined>
  /**
   * Forgets the failed sign-ins of an account, so that it is no longer locked for unknown browsers. The limits of networks
   * on all accounts stay. False if there is no such user, or the account is closed. `by`: who did it, for the audit log.
   */
  unlockUser(unlock: { userId: string; by?: string | undefined }): Promise<boolean>
  /**
   * Ends an account for good: removes its grants and refresh tokens, sessions, password, passkeys, identities
   * elsewhere and known devices, abandons its open requests, and forgets name and e-mail address. The id stays in the
   * audit. True the first time only; false, and nothing happens, for a user who is not as they were read.
   */
  closeAccount(user: AsRead): Promise<boolean>
  /** Everything kept about a person, without secrets and key material; leaves an audit row. */
  exportUser(userId: string): Promise<UserExport | undefined>

  /** Whom an identity at another issuer belongs to, whatever their status. */
  findFederatedUser(identity: FederatedIdentity): Promise<User | undefined>
  /**
   * Adds a person who signs in elsewhere; a user name in use, or that looks like one, gets a number appended. An identity that belongs to
   * somebody gives that person, unchanged. `linkedAt`: when the identity was added to the account.
   */
  createFederatedUser(user: NewFederatedUser): Promise<{ user: User; created: boolean; linkedAt: number }>
  /** Adds an identity to a person. `taken`: it belongs to somebody else. Linking it again is no error. */
  linkFederated(link: FederatedIdentity & { userId: string }): Promise<'linked' | 'taken' | 'unknown_user'>
  listFederated(userId: string): Promise<LinkedIdentity[]>
  /** What a user signs in with. */
  listFactors(userId: string): Promise<Factor[]>
}

export interface NewUser {
  username: string
  /** An encoded password hash, never a password. */
  passwordHash: string
  displayName?: string | undefined
  email?: string | undefined
  /** Who adds them, for the audit; absent: they do themselves. */
  by?: string | undefined
}

export interface StoredPassword {
  user: User
  passwordHash: string
  /** When a first password was set, or an operator set one, in Unix seconds; 0: before this was recorded. */
  addedAt: number
}

export interface UserFilter {
  /** Part of the user name or e-mail address. */
  query?: string | undefined
  /** @default active and disabled */
  status?: User['status'] | undefined
  /** @default 100 */
  limit?: number | undefined
  /** The id of the last person of the page before. */
  after?: string | undefined
}

interface NewPassword {
  userId: string
  /** An encoded password hash, never a password. */
  passwordHash: string
  /** The session, by the hash of its id, that stays. */
  keepSession?: string | undefined
  /** The browser, by the hash of its cookie, that stays known. */
  keepBrowser?: string | undefined
}

/** A change by an operator, named for the audit, or by the user, as they were read when their old password was checked. */
export type PasswordChange = NewPassword & ({ by: string } | (AsRead & { by?: undefined }))

export interface FederatedIdentity {
  issuer: string
  subject: string
}

export interface NewFederatedUser extends FederatedIdentity {
  /** The name wished for. */
  username: string
  displayName?: string | undefined
  email?: string | undefined
}

export interface LinkedIdentity extends FederatedIdentity {
  createdAt: number
}

export interface UserExport {
  exportedAt: number
  user: User
  identities: LinkedIdentity[]
  passkeys: Passkey[]
  sessions: Omit<ListedSession, 'current'>[]
  grants: ListedGrant[]
  usage: GrantUsage[]
  /** What is on record about them, oldest first, the latest 10,000. */
  activity: RecordedEvent[]
}

/** Something that a user signs in with. */
export interface Factor {
  kind: 'password' | 'passkey' | 'identity'
  /** The credential's id, of a passkey; else empty. */
  id: string
  /** When it was added, in Unix seconds. */
  addedAt: number
}

/** Seconds during which a new factor signs in, but proves nothing next to an older one. */
export const probation = 86_400

/**
 * The factors that prove who the user is: an attacker who takes over a session can add one, so a factor of the last 24 hours does
 * not count while there is an older one (attacks C24).
 */
export function provingFactors(factors: readonly Factor[], now: number): Factor[] {
  const oldest = Math.min(...factors.map(({ addedAt }) => addedAt))
  return factors.filter(({ addedAt }) => now - addedAt >= probation || addedAt === oldest)
}
