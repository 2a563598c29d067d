import { AAuthError } from 'countersign/resource'
import {
  checkRequest,
  createClosedPaths,
  createGateway,
  createRouteTable,
  type Level,
  type Need,
  type Route,
} from 'countersign-gateway'
import { openResource } from '../../../countersign/test/resource/events-resource.js'
import { declareFallbacks } from '../routes/declare-fallbacks.js'
import type { TriedRequest } from './router-under-test.js'

const levels: readonly Level[] = ['none', 'signature', 'identity', 'authorization']

/** What the gateway knows about the API, and what it serves in addition to the routes. */
export interface ApiUnderTest {
  routes: readonly Route[]
  frontController?: boolean
  /** The path of an MCP server. */
  mcp?: string
}

/** Judges requests by a table as the gateway does, with `fallback` where required; undefined if the gateway rejects the table. */
export function judgedBy({
  routes: given,
  frontController = false,
  mcp,
}: ApiUnderTest): ((request: TriedRequest) => Need | undefined) | undefined {
  const mcpPaths = mcp === undefined ? [] : [mcp]
  const routes = declareFallbacks(given, mcpPaths)
  const matches = routes.some(({ encoded }) => encoded) ? ('raw' as const) : undefined
  try {
    const served = mcpPaths.map((path) => ({ path }))
    const upstream = { url: 'http://127.0.0.1:1', matches } as const
    createGateway({ resource, upstream, frontController, routes, mcp: served }).close()
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
  const table = createRouteTable(routes, mcpPaths)
  const isClosed = mcp === undefined ? undefined : createClosedPaths([{ path: mcp, below: true }], routes)
  return ({ method, target }) => {
    try {
      const head = { method, rawTarget: target, rawHeaders: ['Host', 'api.example'] }
      return checkRequest(head, { table, isClosed, frontController, otherwise: 'refuse' }).need
    } catch (error) {
      if (error instanceof AAuthError) return undefined
      throw error
    }
  }
}

const resource = openResource()

/** Whether proving `need` is sufficient for a route. */
export function covers(need: Need, row: Route): boolean {
  if (levels.indexOf(need.level) < levels.indexOf(row.require)) return false
  const proven = new Set(need.scope?.split(' '))
  return row.require !== 'authorization' || (row.scope ?? '').split(' ').every((scope) => proven.has(scope))
}
