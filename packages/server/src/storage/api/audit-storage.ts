/** The append-only audit log. */
export interface AuditStorage {
  /** Appends an event that does not accompany another change. */
  recordEvent(event: NewEvent): Promise<void>
  /** Lists events in the order they were recorded, or newest first. Use `after` to fetch the next page. */
  listEvents(filter?: EventFilter): Promise<RecordedEvent[]>
  /**
   * Lists what a user decided about an agent, `request.denied` and `request.allowed`, from the first denial at or after this time, in the order
   * of the decisions; empty if there was no denial.
   */
  listSinceDenial(decided: { userId: string; agent: string; since: number }): Promise<RecordedEvent[]>
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
  /** Alternative to `userId`: the user with this username, if such a user exists. Recording the event costs the same either way. */
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
