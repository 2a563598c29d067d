/** The append-only audit log. */
export interface AuditStorage {
  /** Appends an event that does not accompany another change. */
  recordEvent(event: NewEvent): Promise<void>
  /** Lists events in the order they were recorded, or newest first. Use `after` to fetch the next page. */
  listEvents(filter?: EventFilter): Promise<RecordedEvent[]>
}

export interface AuditEvent {
  /** A name of the form `thing.happened`, such as `code.reused`. */
  event: string
  userId?: string | undefined
  agent?: string | undefined
  resource?: string | undefined
  grantId?: string | undefined
  requestId?: string | undefined
  ip?: string | undefined
  data?: Record<string, string | number | boolean | null | undefined> | undefined
}

export interface NewEvent extends AuditEvent {
  /** Alternative to `userId`: the user with this username, if there is one. Recording the event costs the same either way. */
  username?: string | undefined
}

export interface RecordedEvent extends AuditEvent {
  id: string
  at: number
}

export interface EventFilter {
  userId?: string | undefined
  agent?: string | undefined
  resource?: string | undefined
  /** One event name, or several. */
  event?: string | readonly string[] | undefined
  /** Only events at or after this time. */
  since?: number | undefined
  /** Only events before this time. */
  until?: number | undefined
  /** The last event on the previous page. */
  after?: Pick<RecordedEvent, 'id'> | undefined
  /** @default 1000 */
  limit?: number | undefined
  newest?: boolean | undefined
}

/** The names of the events that the server records. */
export const eventNames = [
  'account.closed',
  'account.exported',
  'agent.blocked',
  'agent.changed',
  'agent.private_key_published',
  'agent.refused',
  'agent.unblocked',
  'audit.swept',
  'code.foreign_agent',
  'code.foreign_delegate',
  'code.foreign_key',
  'code.injected',
  'code.redeemed',
  'code.redirect_mismatch',
  'code.reused',
  'consent.forged',
  'database.restored',
  'form.forged',
  'grant.revoked',
  'identity.linked',
  'key.added',
  'keys.created',
  'keys.rotated',
  'passkey.added',
  'passkey.counter_went_back',
  'passkey.removed',
  'password.changed',
  'refresh.foreign_agent',
  'refresh.foreign_delegate',
  'refresh.revoked',
  'request.allowed',
  'request.bound',
  'request.created',
  'request.denied',
  'request.extended',
  'request.remembered',
  'requests.abandoned',
  'session.created',
  'session.ended',
  'session.reauthenticated',
  'sessions.ended',
  'signin.failed',
  'signin.provider_denied',
  'signin.provider_failed',
  'signin.throttled',
  'token.issued_by_policy',
  'user.created',
  'user.disabled',
  'user.enabled',
  'user.unlocked',
] as const
