import type { PasskeyCredential } from './passkey-storage.js'
import type { User } from './user.js'

/** One-time links, with which a user sets a password, or the first passkey, without signing in. They are looked up by the hash of their secret. */
export interface LinkStorage {
  /**
   * Stores a link for an active user. `has_factor`: the link is an invitation, but the user can already sign in. `unknown`: the user does not
   * exist, is not active, or has another email address than `sentTo`.
   */
  createLink(link: NewLink): Promise<'created' | 'has_factor' | 'unknown'>
  /** Returns the user of a link that can still be used. Using it is a separate step, so that a link preview does no harm. */
  findLink(tokenHash: string): Promise<FoundLink | undefined>
  /**
   * Uses a link to set a password: also ends all sessions of the user, clears the known devices, and the failed sign-ins of a user without a
   * second factor, and deletes the user's other links. Resolves with undefined and changes nothing if the link has expired or been used, or
   * if the user is not active.
   */
  setPasswordByLink(change: { tokenHash: string; passwordHash: string }): Promise<User | undefined>
  /**
   * Uses an invitation to add a passkey. `unknown`: the link has expired or been used, is not an invitation, or the user is not active;
   * `taken`: the credential is already registered. Neither uses the link.
   */
  addPasskeyByLink(passkey: PasskeyCredential & { tokenHash: string }): Promise<'added' | 'taken' | 'unknown'>
}

/** What a link is for: the password or passkey of a new user, or a new password for a user who forgot theirs. */
export type LinkPurpose = 'invite' | 'reset'

/** A link to store, valid for `lifetime` seconds. */
export interface NewLink {
  userId: string
  tokenHash: string
  purpose: LinkPurpose
  /** Seconds. */
  lifetime: number
  /** The email address to which it is sent. @default none */
  sentTo?: string | undefined
  /** The operator who creates the link, for the audit log. */
  by?: string | undefined
}

/** What a link that can still be used allows: setting the password of this user. */
export interface FoundLink {
  user: User
  purpose: LinkPurpose
}
