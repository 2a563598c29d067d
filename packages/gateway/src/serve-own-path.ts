import type { Upload } from 'countersign'
import { createMountedListener, type Handler } from 'countersign/node'
import type { Resource } from 'countersign/resource'
import { errorOf, type TrackedRequest } from './events.js'
import type { Exchange, GatewaySetup, GatewayShared } from './gateway-setup.js'
import { longestMessage, mcpMethods, serveMcp } from './mcp/serve-mcp.js'
import { isPreflight, type PageHeaders, preflightHeaders, showToPages } from './responses/cors.js'
import { requirePath } from './routes/path-grammar.js'
import { pathsInQuery } from './routes/query-paths.js'
import { queryOf, type RequestHead, requirePlainFields } from './routes/require-plain-fields.js'
import { discardInBackground, KeptUpload, requireFitting, type Spool } from './uploads/kept-upload.js'

/**
 * Serves a request that no route decides: a preflight, a document or endpoint of the resource, or a request to an MCP server. Returns
 * false for any other one.
 */
export function serveOwnPath(
  exchange: Exchange,
  setup: GatewaySetup,
  shared: GatewayShared,
  { head, pageHeaders, tracked }: { head: RequestHead; pageHeaders: PageHeaders | undefined; tracked: TrackedRequest },
): boolean {
  const { incoming, outgoing, upgrade } = exchange
  const { resource, cors, rules } = setup
  const { connections, streams } = shared
  const path = head.rawTarget.split('?', 1)[0] ?? ''
  const mcp = setup.mcp.get(path)
  const isPublished = resource.publishedPaths.has(path)
  if (cors && isPreflight(head)) {
    tracked.route = 'preflight'
    const segments = requirePath(head.rawTarget)
    const own = mcp ? mcpMethods : isPublished ? publishedMethods : undefined
    const routed = rules.table.at(segments)
    const allows = (method: string) => (own ? own.has(method) : routed.need(method) !== undefined)
    const headers = preflightHeaders(head, allows, cors)
    outgoing.writeHead(204, [['Vary', 'Access-Control-Request-Method'], ...headers].flat())
    outgoing.end()
    return true
  }
  if (upgrade || !(isPublished || mcp)) return false
  tracked.route = path
  if (mcp) {
    requirePlainFields(head)
    const query = pathsInQuery(queryOf(head.rawTarget), rules.frontController ?? false)
    rules.table.requireNoStricterQuery(query, head.method, undefined)
  }
  const publish: Handler = (request, received) => resource.handler(request, received)
  const handler = mcp ? serveMcp(incoming, mcp, { setup, connections, streams, tracked }) : publish
  const withAllow: Handler = async (request, received) => {
    const response = await handler(request, received)
    const isRefused = mcp ? errorOf(response)?.code === 'method_not_allowed' : response.status === 405
    if (isRefused)
      response.headers.set('allow', [...(mcp ? mcpMethods : publishedMethodsAt(resource, path))].join(', '))
    return response
  }
  listen(exchange, withAllow, setup, { pageHeaders, spool: shared.spool })
  return true
}

const publishedMethods: ReadonlySet<string> = new Set(['GET', 'POST'])

/** The methods of one of the resource's own paths: GET for documents, POST for endpoints. */
function publishedMethodsAt({ metadata }: Resource, path: string): string[] {
  const isEndpoint = Object.entries(metadata).some(
    ([name, url]: [string, unknown]) => name.endsWith('_endpoint') && new URL(String(url)).pathname === path,
  )
  return isEndpoint ? ['POST'] : ['GET', 'HEAD']
}

/** Serves a request by a Web handler, with CORS headers. Content is read only once nothing else can refuse the request. */
function listen(
  { incoming, outgoing, waits }: Exchange,
  handler: Handler,
  { origin, clientAddress, limits }: GatewaySetup,
  { pageHeaders, spool }: { pageHeaders: PageHeaders | undefined; spool: Spool },
): void {
  const messageLimits = { ...limits, maxBody: longestMessage, isMessage: true }
  const upload = (): Upload => {
    requireFitting(incoming, longestMessage)
    const kept = new KeptUpload(incoming, messageLimits, spool, () => waits && outgoing.writeContinue())
    outgoing.once('close', () => discardInBackground(kept))
    return kept.asMessage()
  }
  // Responses that no handler makes have only these.
  for (const [name, value] of pageHeaders ?? []) outgoing.setHeader(name, value)
  void createMountedListener(
    async (request, received) => {
      const response = await handler(request, received)
      if (pageHeaders) showToPages(response.headers, pageHeaders)
      return response
    },
    { origin: origin.origin, clientAddress, upload, replaceGlobals: false },
  )(incoming, outgoing)
}
