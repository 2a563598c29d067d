/** What happened, append-only. */
export interface AuditStorage {
  /** Appends an event on its own, without another change. */
  recordEvent(event: NewEvent): Promise<void>
  /** Events in the order they were recorded, or newest first; page on with `after`. */
  listEvents(filter?: EventFilter): Promise<RecordedEvent[]>
}

export interface AuditEvent {
  /** `thing.happened`, such as `code.reused`. */
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
  /** Instead of `userId`, the user with this username, if there is one: recording the event costs the same either way. */
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
  /** Its name, or any of several. */
  event?: string | readonly string[] | undefined
  /** From this time on. */
  since?: number | undefined
  /** Before this time. */
  until?: number | undefined
  /** The last event of the page before. */
  after?: Pick<RecordedEvent, 'id'> | undefined
  /** @default 1000 */
  limit?: number | undefined
  newest?: boolean | undefined
}
