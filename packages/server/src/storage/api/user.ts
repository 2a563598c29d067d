/** A person as the server knows them. */
export interface User {
  id: string
  username: string
  displayName: string | null
  email: string | null
  status: 'active' | 'disabled' | 'closed'
  /** The opaque subject in tokens (W18): random, never derived from the name. */
  sub: string
  createdAt: number
  /**
   * Raised by whatever changes how the user signs in (password, passkeys, linked identities, status) and by every
   * sign-out. A verb that acts on a proof of the user, or in their session, refuses any other than the one it is given.
   */
  credentialRevision: number
}

/** A user as read when the proof or session was accepted. */
export interface AsRead {
  userId: string
  /** The user's credential revision then; any other is refused. */
  credentialRevision: number
}

/** The form in which user names are compared: `Alice`, `alice` and full-width `ＡＬＩＣＥ` are one name. */
export function foldUsername(username: string): string {
  return username.normalize('NFKC').toLowerCase().normalize('NFKC')
}
