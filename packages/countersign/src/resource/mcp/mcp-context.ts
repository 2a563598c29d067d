import type { VerifiedRequest } from '../../editions/verified-request.js'
import type { LruCache } from '../../lib/lru-cache.js'
import type { Resource } from '../create-resource.js'
import type { McpAuthInfo } from './mcp-auth-info.js'
import type { McpMessage } from './mcp-message.js'
import type { McpCaller, McpSession, McpSessions } from './mcp-sessions.js'
import type { LimitedTable, McpTable } from './mcp-table.js'
import type { MirroredParameters } from './mirrored-parameters.js'
import type { StateSeal } from './sealed-state.js'

/** A protected MCP server. */
export interface McpContext {
  resource: Resource
  table: McpTable
  /** The part of the table for clients with access tokens. */
  bearerTable: LimitedTable
  /** The scopes that every request needs, space-separated. If empty, an identified agent is sufficient. */
  connect: string
  /** The origins of web pages that may call the server; undefined for the default. */
  origins: '*' | readonly string[] | undefined
  maxBody: number
  sessions: McpSessions
  /** The parameters that headers mirror, by tool, from the last list of tools. */
  parameters: LruCache<MirroredParameters>
  seal: StateSeal | undefined
  /** Unix seconds. */
  now: () => number
}

/** A request that the server may handle. */
export interface AdmittedMessage {
  verified: VerifiedRequest<'identity'>
  authInfo: McpAuthInfo
  caller: McpCaller
  /** The URL of the server, without a query. Other servers may share the stores of this one. */
  endpoint: string
  /** Undefined for a request without a body. */
  message: McpMessage | undefined
  /** The body for the server: exactly what was checked. */
  body: Uint8Array | undefined
  /** The session to which the request belongs. */
  session: RequestSession | undefined
}

/** The session that a request names. */
export interface RequestSession {
  id: string
  owner: McpSession
  /** The event after which to resume a stream, by the server's own event id. */
  lastEventId: string | undefined
}

/** The items that exist for a caller. */
export function tableFor(
  { table, bearerTable }: Pick<McpContext, 'table' | 'bearerTable'>,
  proof: string,
): LimitedTable {
  return proof === 'bearer' ? bearerTable : table
}
