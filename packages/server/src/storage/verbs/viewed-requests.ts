import { type SqlBool, sql } from 'kysely'
import type { AuthRequest, RequestViewing } from '../api/request-storage.js'
import { findAuthRequest, requestsWithoutCodes, toAuthRequest } from '../rows/requests.js'
import { userColumns } from '../rows/users.js'
import type { Parts, Statement } from '../sql/engine.js'
import { cachedQuery, hashBytes, type Placeholders } from '../sql/kept-query.js'
import { type FoundSession, foundSession, type LiveRow, sessionColumns } from './sessions.js'

/**
 * Returns the request identified by a request token, and the live session of the user viewing it; undefined if the request does not exist.
 */
export async function findViewedRequest(
  statement: Statement,
  { tokenHash, sessionHash, deniedSince }: RequestViewing,
): Promise<{ request: AuthRequest; wasDenied: boolean | undefined; found: FoundSession | undefined } | undefined> {
  const by = { tokenHash: hashBytes(tokenHash), sessionHash: hashBytes(sessionHash) }
  const [row] =
    deniedSince === undefined ? await viewed(statement, by) : await viewedWithDenials(statement, { ...by, deniedSince })
  if (!row) return undefined
  // Only an allowed request has a code.
  const request =
    row.status === 'allowed'
      ? await findAuthRequest(statement, tokenHash)
      : toAuthRequest({ ...row, code_alive: false })
  return (
    request && { request, wasDenied: 'was_denied' in row ? Boolean(row.was_denied) : undefined, found: sessionIn(row) }
  )
}

interface Viewer {
  tokenHash: Uint8Array
  sessionHash: Uint8Array
}

const viewed = cachedQuery(viewedRequests)

/** In seconds. */
const month = 31 * 86_400

const viewedWithDenials = cachedQuery((parts, by: Placeholders<Viewer & { deniedSince: number }>) =>
  // The event is a literal, to match the index. The end lets PostgreSQL skip the partitions of later months.
  viewedRequests(parts, by).select(
    sql<SqlBool>`exists (
      select 1 from audit_event where event = 'request.denied' and user_id = e.user_id and agent_id = r.agent_id
        and at >= ${by.deniedSince} and at < cast(${by.deniedSince} as bigint) + ${sql.lit(month)})`.as('was_denied'),
  ),
)

function viewedRequests(parts: Parts, by: Placeholders<Viewer>) {
  return requestsWithoutCodes(parts)
    .leftJoin('session as e', (join) =>
      join.on('e.id_hash', '=', by.sessionHash).on('e.idle_expires_at', '>', parts.clock),
    )
    .leftJoin('app_user as v', (join) => join.onRef('v.id', '=', 'e.user_id').on('v.disabled_at', 'is', null))
    .select(userColumns('v'))
    .select(sessionColumns)
    .select(parts.clock.as('read_at'))
    .where('r.token_hash', '=', by.tokenHash)
}

function sessionIn(row: Awaited<ReturnType<typeof viewed>>[number]): FoundSession | undefined {
  // Columns that are null without a session are never null with one.
  return row.user === null || row.session_id === null ? undefined : foundSession(row as LiveRow)
}
