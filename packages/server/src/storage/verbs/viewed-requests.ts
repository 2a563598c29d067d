import type { AuthRequest, RequestViewing } from '../api/request-storage.js'
import type { Statement } from '../sql/engine.js'
import { keptQuery, type Placeholders } from '../sql/kept-query.js'
import { hashBytes } from '../sql/stored-bytes.js'
import { requests, toAuthRequest } from './requests.js'
import { type FoundSession, foundSession } from './sessions.js'

/** The request behind a request token, and the live session of who looks at it; undefined: there is no such request. */
export async function findViewedRequest(
  statement: Statement,
  { tokenHash, sessionHash }: RequestViewing,
): Promise<{ request: AuthRequest; found: FoundSession | undefined } | undefined> {
  const [row] = await viewed(statement, { tokenHash: hashBytes(tokenHash), sessionHash: hashBytes(sessionHash) })
  return row && { request: toAuthRequest(row), found: sessionIn(row) }
}

const viewed = keptQuery((parts, by: Placeholders<{ tokenHash: Uint8Array; sessionHash: Uint8Array }>) =>
  requests(parts)
    .leftJoin('session as e', (join) =>
      join.on('e.id_hash', '=', by.sessionHash).on('e.idle_expires_at', '>', parts.clock),
    )
    .leftJoin('app_user as v', (join) => join.onRef('v.id', '=', 'e.user_id').on('v.disabled_at', 'is', null))
    .select(['v.id as viewer_id', 'v.public_id as viewer', 'v.username', 'v.email', 'v.display_name', 'v.sub'])
    .select([
      'v.created_at as viewer_since',
      'v.closed_at',
      'v.credential_revision',
      'e.id as session_id',
      'e.public_id as session',
    ])
    .select([
      'e.authenticated_at',
      'e.amr',
      'e.proved_for',
      'e.expires_at as session_expires_at',
      'e.idle_seconds',
      'e.last_seen_at',
    ])
    .select(parts.clock.as('read_at'))
    .where('r.token_hash', '=', by.tokenHash),
)

type ViewedRow = Awaited<ReturnType<typeof viewed>>[number]

function sessionIn(row: ViewedRow): FoundSession | undefined {
  if (row.viewer_id === null || row.session_id === null) return undefined
  // What is null in a row without a session is not in one with it.
  const live = row as {
    [column in keyof ViewedRow]: column extends Nullable ? ViewedRow[column] : NonNullable<ViewedRow[column]>
  }
  const viewer = {
    id: live.viewer_id,
    public_id: live.viewer,
    created_at: live.viewer_since,
    expires_at: live.session_expires_at,
    status: 'active' as const,
  }
  return foundSession(Object.assign({}, live, viewer))
}

type Nullable = 'email' | 'display_name' | 'closed_at' | 'amr' | 'proved_for'
