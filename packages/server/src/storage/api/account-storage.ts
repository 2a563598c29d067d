import type { RecordedEvent } from './audit-storage.js'
import type { Binding } from './binding-storage.js'
import type { Device } from './device-storage.js'
import type { GrantUsage, ListedGrant } from './grant-storage.js'
import type { Passkey } from './passkey-storage.js'
import type { SecondFactor } from './second-factor-storage.js'
import type { ListedSession } from './session-storage.js'
import type { ListedSubject } from './subject-storage.js'
import type { AsRead, User } from './user.js'

/**
 * Users, their passwords and their identities at other issuers. Usernames are compared after NFKC normalization and lowercasing, and stored
 * as entered.
 */
export interface AccountStorage {
  /**
   * Adds a user. Rejects with `StorageError` `username_taken` if the username is in use, and with `username_looks_alike` if it looks like
   * one that is in use (UTS 39).
   */
  createUser(user: NewUser): Promise<User>
  /** Returns the user with this id, whatever their status. */
  findUser(userId: string): Promise<User | undefined>
  /** Returns the user and their password hash. Includes disabled users, so that the lookup takes the same time for them. */
  findCredential(username: string): Promise<StoredPassword | undefined>
  /** Lists users in the order they were added. Closed accounts are excluded unless `status` requests them. */
  listUsers(filter?: UserFilter): Promise<User[]>
  /** Counts the users, excluding those with closed accounts. */
  countUsers(): Promise<number>
  /**
   * Enables or disables a user. Disabling ends their sessions; while they are disabled, their codes and refresh tokens are refused. Returns
   * false if no user has this id or the account is closed. `by`: who made the change, for the audit log.
   */
  setUserStatus(userId: string, status: 'active' | 'disabled', by?: string): Promise<boolean>
  /**
   * Replaces the password, or sets the first one. Also ends all other sessions and clears the known devices and the failed sign-ins; the
   * failed sign-ins of a user with a second factor are cleared only if an operator sets the password. Resolves with the new credential
   * revision. Resolves with undefined and changes nothing if the user does not exist, their account is closed, or, for a change by the user,
   * their record has changed since it was read.
   */
  setPasswordHash(change: PasswordChange): Promise<number | undefined>
  /**
   * Clears an account's failed sign-ins, so that it is no longer locked for unknown browsers. The limits of networks across all accounts
   * are unchanged. Returns false if the user does not exist or the account is closed. `by`: who cleared them, for the audit log.
   */
  unlockUser(unlock: { userId: string; by?: string | undefined }): Promise<boolean>
  /**
   * Changes the name that pages show, the email address, or both; null removes a value, undefined leaves it unchanged. A new address is not
   * confirmed; a confirmed one that it replaces is notified. Returns false if the user does not exist, the account is closed, or the user
   * has other values than `before`.
   */
  editUser(edit: UserEdit): Promise<boolean>
  /**
   * Closes an account permanently: revokes its grants and refresh tokens, removes its sessions, password, passkeys, linked identities and
   * known devices, abandons its open requests, and erases the name and email address. The id stays in the audit log. Returns true only the
   * first time. Returns false and changes nothing if the user's record has changed since it was read.
   */
  closeAccount(user: AsRead): Promise<boolean>
  /** Exports everything stored about a user, except secrets and key material, and writes an audit event. */
  exportUser(userId: string): Promise<UserExport | undefined>

  /** Returns the user to whom another issuer's identity belongs, whatever their status. */
  findFederatedUser(identity: FederatedIdentity): Promise<User | undefined>
  /**
   * Adds a user who signs in elsewhere. If the username is in use or looks like one that is, a number is appended to it. If the identity
   * already belongs to a user, returns that user unchanged. `linkedAt`: when the identity was added to the account.
   */
  createFederatedUser(user: NewFederatedUser): Promise<{ user: User; created: boolean; linkedAt: number }>
  /** Links an identity to a user. `taken`: the identity belongs to another user. Linking it to the same user again is not an error. */
  linkFederated(link: FederatedIdentity & { userId: string }): Promise<'linked' | 'taken' | 'unknown_user'>
  listFederated(userId: string): Promise<LinkedIdentity[]>
  /**
   * Unlinks an identity from a user. `only_way`: the user could then no longer sign in; `changed`: the user's record has changed since it was
   * read.
   */
  unlinkFederated(link: FederatedUnlinking): Promise<'unlinked' | 'only_way' | 'unknown' | 'changed'>
  /** Lists the factors with which a user signs in. */
  listFactors(userId: string): Promise<Factor[]>
}

export interface NewUser {
  username: string
  /** An encoded password hash, never a plaintext password. Absent if the user sets their password with a link. */
  passwordHash?: string | undefined
  displayName?: string | undefined
  email?: string | undefined
  /** Who adds the user, for the audit log. Absent if the user signs up themselves. */
  by?: string | undefined
}

export interface StoredPassword {
  user: User
  passwordHash: string
  /** When the first password was set, or when an operator last set one, in Unix seconds. 0 if set before such times were recorded. */
  addedAt: number
}

export interface UserFilter {
  /** Part of the username or email address. */
  query?: string | undefined
  /** @default active and disabled users */
  status?: User['status'] | undefined
  /** @default 100 */
  limit?: number | undefined
  /** The id of the last user on the previous page. */
  after?: string | undefined
}

interface NewPassword {
  userId: string
  /** An encoded password hash, never a plaintext password. */
  passwordHash: string
  /** The hash of the id of the session that stays signed in. */
  keepSession?: string | undefined
  /** The hash of the cookie of the browser that stays known. */
  keepBrowser?: string | undefined
}

/**
 * A change by an operator, whose name goes into the audit log, or by the user, identified by their record as it was read when their old
 * password was checked.
 */
export type PasswordChange = NewPassword & ({ by: string } | (AsRead & { by?: undefined }))

export interface FederatedIdentity {
  issuer: string
  subject: string
}

export interface NewFederatedUser extends FederatedIdentity {
  /** The preferred username. */
  username: string
  displayName?: string | undefined
  email?: string | undefined
}

export interface LinkedIdentity extends FederatedIdentity {
  createdAt: number
}

export interface FederatedUnlinking extends FederatedIdentity, AsRead {
  /** With what else users can sign in here besides a password: with passkeys, and with identities of these issuers. */
  otherWays: { passkey: boolean; issuers: readonly string[] }
}

export interface UserEdit {
  userId: string
  displayName?: string | null | undefined
  email?: string | null | undefined
  /** Whether the user is notified of new agents by email. Writes no event. */
  agentEmails?: boolean | undefined
  /** What the user saw. @default any values */
  before?: Pick<UserEdit, 'displayName' | 'email'> | undefined
  /** Who made the change, for the audit log. Absent if the user made it. */
  by?: string | undefined
}

export interface UserExport {
  exportedAt: number
  user: User
  identities: LinkedIdentity[]
  passkeys: Passkey[]
  secondFactor: Omit<SecondFactor, 'sealedSecret'> | null
  sessions: Omit<ListedSession, 'current'>[]
  devices: Device[]
  /** The agents that act for this user only. */
  boundAgents: Binding[]
  /** By which subjects resources and agents know the user. */
  subjects: ListedSubject[]
  grants: ListedGrant[]
  usage: GrantUsage[]
  /** The latest 10,000 recorded events about the user, oldest first. */
  activity: RecordedEvent[]
}

/** A factor with which a user signs in. */
export interface Factor {
  kind: 'password' | 'passkey' | 'identity'
  /** The credential id of a passkey; otherwise empty. */
  id: string
  /** When the factor was added, in Unix seconds. */
  addedAt: number
}

/** Seconds for which a new factor can be used to sign in but does not count as proof if there is an older factor. */
export const probation = 86_400

/**
 * Returns the factors that prove who the user is. An attacker who takes over a session can add a factor, so a factor added in the last 24
 * hours does not count while there is an older one (attacks C24).
 */
export function provingFactors(factors: readonly Factor[], now: number): Factor[] {
  const oldest = Math.min(...factors.map(({ addedAt }) => addedAt))
  return factors.filter(({ addedAt }) => now - addedAt >= probation || addedAt === oldest)
}
