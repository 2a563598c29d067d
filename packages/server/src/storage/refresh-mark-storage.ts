/** Requests to fetch anew what is known of an identifier: every instance follows them. */
export interface RefreshMarkStorage {
  /** Asks every instance to forget what it has fetched of an identifier (attacks K22); leaves an audit row. */
  requestRefresh(request: { identifier: string; by: string }): Promise<void>
  /** The last request for each identifier, newest first, the 1,000 newest, for as long as an older document may be kept. */
  listRefreshMarks(): Promise<RefreshMark[]>
}

export interface RefreshMark {
  identifier: string
  /** Another one with each request. */
  id: string
  at: number
}

/** How many marks are listed. */
export const listedRefreshMarks = 1000
