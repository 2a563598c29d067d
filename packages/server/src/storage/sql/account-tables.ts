import type { Generated } from 'kysely'

export interface UserRow {
  id: Generated<number>
  public_id: Uint8Array
  /** The 16 bytes of the subject in tokens. */
  sub: Uint8Array
  username: string
  /** Folded: what names are compared by. */
  username_key: string
  email: string | null
  display_name: string | null
  created_at: number
  disabled_at: number | null
  /** Set for good; such a person is disabled too. */
  closed_at: number | null
  /** Raised by whatever changes how the user signs in, and by every sign-out. */
  credential_revision: Generated<number>
}

export interface UsernameSkeletonRow {
  /** What the name looks like; a name may have several, and nobody else's has one of them. */
  skeleton: string
  user_id: number
}

export interface CredentialRow {
  user_id: number
  /** As the password hashing encodes it. */
  password_hash: string
  /** When a first password was set, or an operator set one; the user's own changes keep it. 0: before this was recorded. */
  added_at: Generated<number>
}

export interface FederatedIdentityRow {
  issuer: string
  subject: string
  user_id: number
  created_at: number
}

export interface PasskeyRow {
  /** base64url */
  credential_id: string
  user_id: number
  public_key: Uint8Array
  counter: number
  transports: string
  name: string | null
  created_at: number
  last_used_at: number | null
}

export interface KnownDeviceRow {
  user_id: number
  browser_hash: Uint8Array
  last_seen_at: number
}

export interface SessionRow {
  id: Generated<number>
  public_id: Uint8Array
  id_hash: Uint8Array
  user_id: number
  created_at: number
  amr: string | null
  authenticated_at: number
  proved_for: Uint8Array | null
  last_seen_at: number
  idle_seconds: number
  /** Never later than `expires_at`, so it alone decides. */
  idle_expires_at: number
  expires_at: number
  ip: string | null
  user_agent: string | null
}
