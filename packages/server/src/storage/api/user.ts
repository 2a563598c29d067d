/** A user, as stored on the server. */
export interface User {
  id: string
  username: string
  displayName: string | null
  email: string | null
  /** When the user confirmed that they receive email at this address; null if they have not. */
  emailConfirmedAt: number | null
  /** Whether the user is notified of new agents by email. */
  agentEmails: boolean
  status: 'active' | 'disabled' | 'closed'
  createdAt: number
  /**
   * Incremented by every change to how the user signs in (password, passkeys, linked identities, status) and by every sign-out. A verb that
   * acts on a user's proof or in their session is refused if this revision differs from the one passed to the verb.
   */
  credentialRevision: number
}

/**
 * How others know a user (W18, W38). Both are random and never derived from the username, and neither an origin nor an agent can tell that
 * another one's subject belongs to the same user.
 */
export interface Subjects {
  /** The subject in tokens for the resources of one origin, the same in every edition and for every agent. */
  sub: string
  /** The subject for one agent, the same for every resource. */
  agentSub: string
}

/** A user as read when their proof or session was accepted. */
export interface AsRead {
  userId: string
  /** The user's credential revision at that time. Any other revision is refused. */
  credentialRevision: number
}

/** Returns the form in which usernames are compared: `Alice`, `alice` and full-width `ＡＬＩＣＥ` are the same name. */
export function foldUsername(username: string): string {
  return username.normalize('NFKC').toLowerCase().normalize('NFKC')
}
