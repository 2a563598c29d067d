import type { AuthRequest, AuthRequestStatus, Grant, RecordedEvent, TokenIssue, User } from '../storage.js'

/** The same rows as in SQL, kept by the keys they are found by. */
export interface MemoryTables {
  users: Map<string, StoredUser>
  userIds: Map<string, string>
  sessions: Map<string, StoredSession>
  requests: Map<string, StoredRequest>
  codes: Map<string, StoredCode>
  grants: Map<string, Grant>
  issues: StoredIssue[]
  nonces: Map<string, number>
  events: RecordedEvent[]
}

export interface StoredUser {
  user: User
  passwordHash: string
}

export interface StoredSession {
  userId: string
  authTime: number
  lastSeenAt: number
  idleSeconds: number
  idleExpiresAt: number
  expiresAt: number
}

export interface StoredRequest extends Omit<AuthRequest, 'codeAlive'> {
  tokenHash: string
  status: Exclude<AuthRequestStatus, 'expired'>
  codeHash: string | null
}

export interface StoredCode {
  requestTokenHash: string
  grantId: string
  expiresAt: number
  consumedAt: number | null
}

export interface StoredIssue extends TokenIssue {
  codeHash: string
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
    sessions: new Map(),
    requests: new Map(),
    codes: new Map(),
    grants: new Map(),
    issues: [],
    nonces: new Map(),
    events: [],
  }
}
