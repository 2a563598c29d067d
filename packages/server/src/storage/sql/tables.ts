import type { AuthRequestStatus, User } from '../storage.js'

/** The tables as both engines store them: times are Unix seconds, booleans 0 or 1, secrets SHA-256 in base64url. */
export interface Tables {
  app_user: UserRow
  subject: SubjectRow
  credential: CredentialRow
  session: SessionRow
  agent: AgentRow
  auth_request: AuthRequestRow
  code: CodeRow
  consent_grant: GrantRow
  nonce: NonceRow
  token_issue: TokenIssueRow
  audit_event: AuditEventRow
}

export interface UserRow {
  tenant_id: number
  id: string
  username: string
  email: string | null
  display_name: string | null
  status: User['status']
  created_at: number
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

export interface SessionRow {
  tenant_id: number
  id_hash: string
  user_id: string
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
  created_at: number
  expires_at: number
  decided_at: number | null
}

export interface CodeRow {
  tenant_id: number
  code_hash: string
  request_id: string
  grant_id: string
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
}

export interface NonceRow {
  tenant_id: number
  key: string
  expires_at: number
}

export interface TokenIssueRow {
  tenant_id: number
  jti: string
  issued_at: number
  expires_at: number
  grant_id: string
  agent: string
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
