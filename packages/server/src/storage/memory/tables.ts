import type { LinkedIdentity, User } from '../account-storage.js'
import type { ListedAgent } from '../agent-storage.js'
import type { RecordedEvent } from '../audit-storage.js'
import type { Grant, GrantUsage, TokenIssue } from '../grant-storage.js'
import type { StoredKey } from '../key-storage.js'
import type { Passkey } from '../passkey-storage.js'
import type { RefreshMark } from '../refresh-mark-storage.js'
import type { AuthRequest, AuthRequestStatus } from '../request-storage.js'
import type { AuthenticationMethod } from '../session-storage.js'
import type { AttemptCount } from '../throttle-storage.js'

/** The same rows as in SQL, kept by the keys they are found by. */
export interface MemoryTables {
  users: Map<string, StoredUser>
  /** Ids by folded user name. */
  userIds: Map<string, string>
  identities: Map<string, StoredIdentity>
  passkeys: Map<string, StoredPasskey>
  sessions: Map<string, StoredSession>
  attempts: Map<string, AttemptCount>
  devices: Map<string, StoredDevice>
  agents: Map<string, StoredAgent>
  /** By agent. */
  logos: Map<string, StoredLogo>
  requests: Map<string, StoredRequest>
  codes: Map<string, StoredCode>
  grants: Map<string, Grant>
  refreshTokens: Map<string, StoredRefreshToken>
  usage: Map<string, GrantUsage>
  issues: StoredIssue[]
  keys: Map<string, StoredKey>
  nonces: Map<string, number>
  /** When nonces were last looked through because there were too many. */
  noncesSweptAt: number
  events: RecordedEvent[]
  refreshMarks: Map<string, RefreshMark>
}

export interface StoredUser {
  user: User
  passwordHash: string | null
}

export interface StoredIdentity extends LinkedIdentity {
  userId: string
}

export interface StoredPasskey extends Passkey {
  userId: string
  publicKey: Uint8Array<ArrayBuffer>
}

export interface StoredSession {
  id: string
  userId: string
  createdAt: number
  authTime: number
  amr: AuthenticationMethod[]
  lastSeenAt: number
  idleSeconds: number
  idleExpiresAt: number
  expiresAt: number
  ip: string | null
  userAgent: string | null
}

export interface StoredDevice {
  userId: string
  lastSeenAt: number
}

export interface StoredAgent extends ListedAgent {
  /** Whether its traits were ever recorded. */
  recorded: boolean
}

export interface StoredLogo {
  agent: string
  uri: string
  claimedAt: number
  logo: { id: string; image: Uint8Array<ArrayBuffer> } | null
}

export interface StoredRequest extends Omit<AuthRequest, 'codeAlive'> {
  tokenHash: string
  status: Exclude<AuthRequestStatus, 'expired'>
  codeHash: string | null
}

export interface StoredCode {
  requestTokenHash: string
  grantId: string
  scope: string
  expiresAt: number
  consumedAt: number | null
}

export interface StoredRefreshToken {
  grantId: string
  codeHash: string
  scope: string
  agent: string
  delegate: string | null
  expiresAt: number
  idleSeconds: number
  idleExpiresAt: number
  lastUsedAt: number | null
  revokedAt: number | null
}

export interface StoredIssue extends TokenIssue {
  codeHash: string | null
}

/** What one verb works in; its body runs without a pause, so that it is atomic. */
export interface MemoryUnit {
  tables: MemoryTables
  now: number
}

export function emptyTables(): MemoryTables {
  return {
    users: new Map(),
    userIds: new Map(),
    identities: new Map(),
    passkeys: new Map(),
    sessions: new Map(),
    attempts: new Map(),
    devices: new Map(),
    agents: new Map(),
    logos: new Map(),
    requests: new Map(),
    codes: new Map(),
    grants: new Map(),
    refreshTokens: new Map(),
    usage: new Map(),
    issues: [],
    keys: new Map(),
    nonces: new Map(),
    noncesSweptAt: 0,
    events: [],
    refreshMarks: new Map(),
  }
}
