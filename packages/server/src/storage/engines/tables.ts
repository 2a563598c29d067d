import type { NewKey, StoredKey } from '../keys/key-storage.js'
import type { AuthRequestStatus } from '../requests/request-storage.js'

/** The tables as both engines store them: times are Unix seconds, booleans 0 or 1, secrets SHA-256 in base64url. */
export interface Tables {
  app_user: UserRow
  username_skeleton: UsernameSkeletonRow
  subject: SubjectRow
  credential: CredentialRow
  federated_identity: FederatedIdentityRow
  passkey: PasskeyRow
  session: SessionRow
  attempt: AttemptRow
  known_device: KnownDeviceRow
  agent: AgentRow
  agent_logo: AgentLogoRow
  auth_request: AuthRequestRow
  code: CodeRow
  consent_grant: GrantRow
  refresh_token: RefreshTokenRow
  grant_usage_day: GrantUsageDayRow
  signing_key: SigningKeyRow
  nonce: NonceRow
  nonce_count: NonceCountRow
  token_issue: TokenIssueRow
  audit_event: AuditEventRow
  deployment: DeploymentRow
}

export interface UserRow {
  tenant_id: number
  id: string
  username: string
  /** Folded: what names are compared by. */
  username_key: string
  email: string | null
  display_name: string | null
  status: 'active' | 'disabled'
  created_at: number
  /** Set for good; such a person is disabled too. */
  closed_at: number | null
}

export interface UsernameSkeletonRow {
  tenant_id: number
  /** What the name looks like; a name may have several, and nobody else's has one of them. */
  skeleton: string
  user_id: string
}

export interface SubjectRow {
  tenant_id: number
  user_id: string
  /** Whom the subject is for; one value, until subjects are pairwise. */
  sector: string
  sub: string
}

export interface CredentialRow {
  tenant_id: number
  user_id: string
  kind: 'password'
  secret: string
  updated_at: number
}

export interface FederatedIdentityRow {
  tenant_id: number
  issuer: string
  subject: string
  user_id: string
  created_at: number
}

export interface PasskeyRow {
  tenant_id: number
  credential_id: string
  user_id: string
  public_key: Uint8Array
  counter: number
  /** A JSON array. */
  transports: string
  name: string | null
  created_at: number
  last_used_at: number | null
}

export interface AttemptRow {
  tenant_id: number
  key: string
  count: number
  reset_at: number
}

export interface KnownDeviceRow {
  tenant_id: number
  user_id: string
  browser_hash: string
  last_seen_at: number
}

export interface SessionRow {
  tenant_id: number
  id_hash: string
  id: string
  user_id: string
  created_at: number
  /** Space-separated. */
  amr: string | null
  auth_time: number
  last_seen_at: number
  idle_seconds: number
  /** Never later than `expires_at`, so it alone decides. */
  idle_expires_at: number
  expires_at: number
  ip: string | null
  user_agent: string | null
}

export interface AgentRow {
  tenant_id: number
  identifier: string
  first_seen_at: number
  last_seen_at: number
  name: string | null
  /** A JSON array; null until the agent's traits were recorded. */
  redirect_hosts: string | null
  key_thumbprints: string | null
  blocked_at: number | null
  blocked_by: string | null
}

export interface AgentLogoRow {
  tenant_id: number
  agent: string
  uri: string
  claimed_at: number
  /** Both null: there is nothing to show. */
  id: string | null
  image: Uint8Array | null
}

export interface AuthRequestRow {
  tenant_id: number
  id: string
  token_hash: string
  agent: string
  delegate: string | null
  agent_jkt: string
  resource: string
  scope: string
  redirect_uri: string | null
  state: string | null
  display: string
  status: AuthRequestStatus
  revision: number
  browser_hash: string | null
  user_id: string | null
  prompt: string | null
  extensions: number
  created_at: number
  expires_at: number
  decided_at: number | null
}

export interface CodeRow {
  tenant_id: number
  code_hash: string
  request_id: string
  grant_id: string
  /** Null for a code of version 1: all of the grant. */
  scope: string | null
  expires_at: number
  consumed_at: number | null
  consumed_by_jkt: string | null
  /** Why it was marked used without giving a token. */
  burned_for: string | null
}

export interface GrantRow {
  tenant_id: number
  id: string
  user_id: string
  agent: string
  delegate: string | null
  resource: string
  scope: string
  remembered: number
  created_at: number
  expires_at: number | null
  last_used_at: number | null
  revoked_at: number | null
  revoked_by: string | null
  /** Null in rows of version 1. */
  display: string | null
}

export interface RefreshTokenRow {
  tenant_id: number
  token_hash: string
  grant_id: string
  code_hash: string
  scope: string
  agent: string
  delegate: string | null
  created_at: number
  expires_at: number
  idle_seconds: number
  /** Never later than `expires_at`. */
  idle_expires_at: number
  last_used_at: number | null
  last_used_jkt: string | null
  revoked_at: number | null
}

export interface GrantUsageDayRow {
  tenant_id: number
  grant_id: string
  day: number
  refreshes: number
}

export interface SigningKeyRow {
  tenant_id: number
  kid: string
  purpose: NewKey['purpose']
  alg: string
  private: string | null
  public_jwk: string | null
  state: StoredKey['state']
  not_before: number | null
  retire_at: number | null
  created_at: number
}

export interface NonceRow {
  tenant_id: number
  key: string
  expires_at: number
  kind: 'agent' | 'key'
  /** The agent's identifier, or the thumbprint of a key that proves no agent. */
  holder: string
  network: string
}

export interface NonceCountRow {
  tenant_id: number
  /** `strangers`: of the keys in a network that prove no agent. `part`: of all nonces, those whose keys begin alike. */
  kind: NonceRow['kind'] | 'strangers' | 'network' | 'part'
  source: string
  /** Those that have ended too, until they are forgotten. */
  held: number
}

export interface TokenIssueRow {
  tenant_id: number
  jti: string
  issued_at: number
  expires_at: number
  /** Either this or `policy`. */
  grant_id: string | null
  policy: string | null
  agent: string
  delegate: string | null
  resource: string
  scope: string
  code_hash: string | null
}

export interface AuditEventRow {
  tenant_id: number
  at: number
  id: string
  event: string
  user_id: string | null
  agent: string | null
  resource: string | null
  grant_id: string | null
  request_id: string | null
  ip: string | null
  data: string | null
}

export interface DeploymentRow {
  tenant_id: number
  issuer: string
  /** When the database was last found to take writes. */
  written_at: number
}
