import type { Generated } from 'kysely'
import type {
  CredentialRow,
  FederatedIdentityRow,
  KnownDeviceRow,
  PasskeyRow,
  SessionRow,
  UsernameSkeletonRow,
  UserRow,
} from './account-tables.js'

export type AuthRequestStatus = 'open' | 'allowed' | 'denied' | 'abandoned' | 'expired' | 'revoked'

/** Keys move forward through these states; steps may be left out. */
export type KeyState = 'next' | 'active' | 'retiring' | 'gone'

export type KeyPurpose = 'sign' | 'secret'

/**
 * The tables as every engine has them. `…_at` are Unix seconds, `…_seconds` durations, `…_hash` and `…_jkt` SHA-256 (32
 * bytes), `public_id` what names a row outside (16 bytes), `…_id` the `id` of another table; `display`, `public_jwk`,
 * `redirect_hosts`, `key_thumbprints`, `transports` and `data` are JSON, `amr` and `scope` lists with spaces between.
 */
export interface Tables {
  app_user: UserRow
  username_skeleton: UsernameSkeletonRow
  credential: CredentialRow
  federated_identity: FederatedIdentityRow
  passkey: PasskeyRow
  known_device: KnownDeviceRow
  session: SessionRow
  agent: AgentRow
  agent_logo: AgentLogoRow
  resource: ResourceRow
  display: DisplayRow
  auth_request: AuthRequestRow
  code: CodeRow
  consent_grant: GrantRow
  grant_scope: GrantScopeRow
  grant_usage_day: GrantUsageDayRow
  refresh_token: RefreshTokenRow
  token_issue: TokenIssueRow
  signing_key: SigningKeyRow
  nonce: NonceRow
  nonce_count: NonceCountRow
  attempt: AttemptRow
  audit_event: AuditEventRow
  deployment: DeploymentRow
}

export interface AgentRow {
  id: Generated<number>
  identifier: string
  /** Null: other rows name it, and nothing is known of it, or not any more. */
  first_seen_at: number | null
  last_seen_at: number | null
  name: string | null
  /** Null until the agent's traits were recorded. */
  redirect_hosts: string | null
  key_thumbprints: string | null
  blocked_at: number | null
  blocked_by: string | null
}

export interface AgentLogoRow {
  agent_id: number
  uri: string
  claimed_at: number
  /** What it is served by. Both null: there is nothing to show. */
  name: string | null
  image: Uint8Array | null
}

export interface ResourceRow {
  id: Generated<number>
  identifier: string
}

/** What pages show of an agent and a resource: one row for all requests and grants that show the same. */
export interface DisplayRow {
  id: Generated<number>
  content_hash: Uint8Array
  display: string
}

export interface AuthRequestRow {
  /** Given to no other request, also when this one is gone. */
  id: Generated<number>
  public_id: Uint8Array
  token_hash: Uint8Array
  agent_id: number
  delegate: string | null
  agent_jkt: Uint8Array
  resource_id: number
  scope: string
  redirect_uri: string | null
  state: string | null
  display_id: number
  status: AuthRequestStatus
  revision: number
  browser_hash: Uint8Array | null
  user_id: number | null
  prompt: string | null
  extensions: number
  created_at: number
  expires_at: number
  decided_at: number | null
}

/** What an allowed request is answered with where the answer goes through a browser. */
export interface CodeRow {
  request_id: number
  code_hash: Uint8Array
  grant_id: number
  scope: string
  expires_at: number
  consumed_at: number | null
}

export interface GrantRow {
  id: Generated<number>
  public_id: Uint8Array
  user_id: number
  agent_id: number
  delegate: string | null
  resource_id: number
  /** 0 or 1 */
  remembered: number
  display_id: number
  created_at: number
  /** The last end of its permissions; null: one of them has none. */
  expires_at: number | null
  last_used_at: number | null
  revoked_at: number | null
  revoked_by: string | null
}

/** A permission of a grant. */
export interface GrantScopeRow {
  grant_id: number
  /** From 0, in the order they were asked for. */
  position: number
  name: string
  expires_at: number | null
}

export interface GrantUsageDayRow {
  grant_id: number
  /** When the UTC day began. */
  day_at: number
  refreshes: number
}

export interface RefreshTokenRow {
  id: Generated<number>
  token_hash: Uint8Array
  grant_id: number
  /** The request whose code gave it. */
  request_id: number
  scope: string
  expires_at: number
  idle_seconds: number
  /** Never later than `expires_at`. */
  idle_expires_at: number
  last_used_at: number | null
  revoked_at: number | null
}

/** A token under a grant, or under a policy: then it names agent and resource itself. */
export interface TokenIssueRow {
  id: Generated<number>
  /** The random bytes at the end of the `jti`, after the id of the grant or the name of the policy. */
  jti_end: Uint8Array
  issued_at: number
  expires_at: number
  scope: string
  grant_id: number | null
  /** The request whose code gave it: each gives one. */
  request_id: number | null
  policy: string | null
  agent_id: number | null
  delegate: string | null
  resource_id: number | null
}

export interface SigningKeyRow {
  kid: string
  purpose: KeyPurpose
  alg: string
  /** Encrypted by the caller. */
  private_sealed: string | null
  public_jwk: string | null
  state: KeyState
  not_before_at: number | null
  retire_at: number | null
  created_at: number
}

export interface NonceRow {
  id: Generated<number>
  key_hash: Uint8Array
  expires_at: number
  kind: 'agent' | 'key'
  /** The agent's identifier, or the thumbprint of a key that proves no agent. */
  holder: string
  network: string
}

export interface NonceCountRow {
  /**
   * By whom: `agent`, `key`. By network, by wider network, and of all those whose keys begin alike: `agents`,
   * `agents-wider`, `agents-part`, and of the keys that prove no agent `keys`, `keys-wider`, `keys-part`.
   */
  kind: NonceRow['kind'] | `${NonceRow['kind']}s${'' | '-wider' | '-part'}`
  source: string
  /** Those that have ended too, until they are forgotten. */
  held: number
}

export interface AttemptRow {
  key_hash: Uint8Array
  count: number
  reset_at: number
}

export interface AuditEventRow {
  /** In the order of recording. */
  id: Generated<number>
  at: number
  event: string
  user_id: number | null
  agent_id: number | null
  resource_id: number | null
  /** Outlive their rows. */
  grant_public_id: Uint8Array | null
  request_public_id: Uint8Array | null
  ip: string | null
  data: string | null
}

export interface DeploymentRow {
  /** 1 */
  id: number
  issuer: string
  /** When the database was last found to take writes. */
  written_at: number
  /** The longest life of the auth tokens that servers give; null: none has said so. */
  token_seconds: number | null
  /** Until when tokens of that life may be alive, where servers give shorter ones now. */
  token_seconds_until_at: number | null
}
