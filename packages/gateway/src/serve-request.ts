import type { IncomingMessage } from 'node:http'
import type { ReceivedMessage, Upload } from 'countersign'
import { createMountedListener, type Handler, receiveIncoming } from 'countersign/node'
import { AAuthError, type VerifiedRequest } from 'countersign/resource'
import { isSignedMessage } from 'countersign/signatures'
import { BufferedUpload, discardInBackground, requireFitting, type Spool } from './bodies/buffered-upload.js'
import { callerOf, errorOf, reportRefusal, type ServerRequest, type TrackedRequest, trackRequest } from './events.js'
import type { Exchange, GatewaySetup, GatewayShared } from './gateway-setup.js'
import { endsConnection, forwardedHeaders, responseHeaders } from './headers.js'
import { identityHeaders, identityOf } from './identity.js'
import { longestMessage, mcpMethods, serveMcp } from './mcp/serve-mcp.js'
import {
  corsHeaders,
  isPreflight,
  type PageHeaders,
  preflightHeaders,
  showToPages,
  withPageHeaders,
} from './responses/cors.js'
import { passResponse, sendRefusal } from './responses/pass-response.js'
import { openWebSocket, type TunnelEnd } from './responses/tunnel.js'
import { allowHeader, checkRequest, requireCoveredCoding, type Verdict } from './routes/check-request.js'
import { pathsInHead } from './routes/query-paths.js'
import { requirePath } from './routes/request-path.js'
import { type RequestHead, requireNoTokenInQuery, requirePlainFields } from './routes/require-plain-fields.js'
import { requirementOf, routeName } from './routes/route.js'
import { requestUpstream, type UpstreamResponse } from './upstream.js'

/** A request whose caller and content have been verified. */
interface Admitted {
  /** The headers that identify the caller. */
  identity: Readonly<Record<string, string>>
  /** The address of the client. */
  remoteAddress: string | undefined
  verified: VerifiedRequest | undefined
  upload: BufferedUpload
}

/** Serves one request: verifies it according to its route and forwards it, or refuses it. */
export async function serveRequest(exchange: Exchange, setup: GatewaySetup, shared: GatewayShared): Promise<void> {
  const { incoming, outgoing } = exchange
  const { resource, cors, tell } = setup
  const tracked = trackRequest(tell, incoming, outgoing, exchange.upgrade?.socket)
  const began = performance.now()
  const pageHeaders = cors && corsHeaders(incoming.rawHeaders, cors)
  let upload: BufferedUpload | undefined
  let verified: VerifiedRequest | undefined
  try {
    requirePlainHead(incoming)
    const head = headOf(incoming, setup)
    if (serveOwnPath(exchange, setup, shared, { head, pageHeaders, tracked })) return
    const remoteAddress = setup.clientAddress(incoming.socket.remoteAddress, incoming.rawHeaders)
    const received = receiveIncoming(incoming, remoteAddress)
    const judged = await checkOrChallenge(head, received, setup)
    if (judged.need) tracked.route = routeName(judged.need)
    if (exchange.upgrade) requireWebSocket(incoming)
    const { need } = judged
    const isJudged = judged.verify || need?.level === 'none'
    const inspected = need && isJudged ? { head, need, rules: setup.rules } : undefined
    const limits = { ...setup.limits, maxBody: need?.maxBody ?? setup.limits.maxBody, judged: inspected }
    requireFitting(incoming, limits.maxBody)
    upload = new BufferedUpload(incoming, limits, shared.spool, () => exchange.waits && outgoing.writeContinue())
    const admitted = await admit(received, judged, upload, setup)
    verified = admitted.verified
    if (verified) tracked.caller = callerOf(verified)
    const reply = await forward(exchange, admitted, tracked, setup, shared)
    const { answer, upgraded } = reply
    if (upgraded)
      return openWebSocket(outgoing, answer, {
        // The API can only upgrade the connection if the client asked for it.
        client: exchange.upgrade as TunnelEnd,
        upstream: upgraded,
        resource,
        acceptsOAuth: setup.rules.acceptsOAuth,
        verified,
        tracked,
        tunnels: shared.tunnels,
      })
    const passed = setup.rewriteRedirects(responseHeaders(answer.rawHeaders, setup.rules.acceptsOAuth))
    const headers = pageHeaders ? withPageHeaders(passed, pageHeaders) : passed
    await passResponse(answer, outgoing, {
      headers,
      resource,
      verified,
      silence: setup.limits.silence,
      tracked,
      streams: shared.streams,
    })
  } catch (error) {
    if (tracked.disconnect.hasHappened) return void outgoing.destroy()
    reportRefusal(tracked, error, verified)
    await sendRefusal(await resource.toResponse(error), incoming, outgoing, [
      ...(pageHeaders ?? []),
      ...allowHeader(error),
    ])
  } finally {
    const bytes = upload?.spooled
    await upload?.discard()
    if (bytes) tell?.({ kind: 'upload', route: tracked.route, bytes, duration: (performance.now() - began) / 1000 })
  }
}

/** Performs checks that Node.js would otherwise do itself, bypassing the connection's queue. */
function requirePlainHead({ httpVersion, headers }: IncomingMessage): void {
  if (httpVersion !== '1.0' && headers.host === undefined)
    throw new AAuthError('request_malformed', 'The request has no Host header: send one.')
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue')
    throw new AAuthError('request_malformed', 'Expect can only be 100-continue here.')
}

function headOf({ method, url, rawHeaders, socket }: ServerRequest, { isProxy }: GatewaySetup): RequestHead {
  return { method, rawTarget: url, rawHeaders, isFromProxy: isProxy(socket.remoteAddress ?? '') }
}

/** Another protocol would hide requests from the gateway, and the content of a handshake is never read. */
function requireWebSocket({ method, headers }: IncomingMessage): void {
  const isPlain = method === 'GET' && headers['transfer-encoding'] === undefined
  if (isPlain && Number(headers['content-length'] ?? 0) === 0 && /^websocket$/i.test(headers.upgrade as string)) return
  throw new AAuthError(
    'request_malformed',
    'Connections can only be upgraded to WebSocket here, by a GET request without a body.',
  )
}

/**
 * Decides on a request based on its head. OAuth clients send any method to any path before they have a token, so a request without a valid
 * proof is challenged, instead of being told that there is nothing.
 *
 * @throws AAuthError as {@link checkRequest}, or with a challenge
 */
async function checkOrChallenge(
  head: RequestHead,
  received: ReceivedMessage,
  { rules, resource }: GatewaySetup,
): Promise<Verdict> {
  try {
    return checkRequest(head, rules)
  } catch (error) {
    const isMissing = error instanceof AAuthError && (error.status === 404 || error.status === 405)
    if (isMissing && rules.acceptsOAuth && head.method !== 'OPTIONS' && !isSignedMessage(head))
      await resource.verify({ ...received, upload: noUpload }, { require: 'identity', accept: ['aauth', 'oauth'] })
    throw error
  }
}

/** The content of a request that is refused in any case. */
const noUpload: Upload = { isAnnounced: false, take: async () => undefined }

async function admit(
  received: ReceivedMessage,
  judged: Verdict,
  upload: BufferedUpload,
  { resource, assertion }: Pick<GatewaySetup, 'resource' | 'assertion'>,
): Promise<Admitted> {
  const { remoteAddress } = received
  if (!judged.verify) {
    await upload.take(undefined)
    return {
      identity: await identityHeaders(undefined, received, assertion),
      remoteAddress,
      verified: undefined,
      upload,
    }
  }
  const verified = await resource.verify({ upload, ...received }, requirementOf(judged.need))
  requireCoveredCoding(received, verified.covered)
  const identity = await identityHeaders(identityOf(verified, judged.need.level), received, assertion)
  return { identity, remoteAddress, verified, upload }
}

function forward(
  { incoming, upgrade }: Exchange,
  { identity, remoteAddress, upload }: Admitted,
  tracked: TrackedRequest,
  { upstream, upstreamHost: host, origin, limits, rules }: GatewaySetup,
  { connections }: GatewayShared,
): Promise<UpstreamResponse> {
  const { acceptsOAuth, withheld } = rules
  const { method, url: rawTarget, rawHeaders } = incoming
  if (acceptsOAuth) requireNoTokenInQuery(rawTarget)
  const isUpgrade = upgrade !== undefined
  const isLast = isUpgrade || endsConnection(method, upload.isAnnounced)
  const headers = forwardedHeaders({
    method,
    rawHeaders,
    identity,
    host,
    origin,
    remoteAddress,
    length: upload.isAnnounced ? upload.length : undefined,
    isUpgrade,
    isLast,
    withheld,
  })
  // Frees the space as soon as the content has been sent, because the response may take hours.
  const content = upload.isAnnounced ? () => upload.read().once('end', () => discardInBackground(upload)) : undefined
  return requestUpstream(
    { method, rawTarget, headers, content, isUpgrade, isLast, acceptsOAuth },
    { upstream, connections, waits: limits, disconnect: tracked.disconnect },
    tracked,
  )
}

/**
 * Serves a request that no route handles: a preflight, a document or endpoint of the resource, or a request to an MCP server. Returns false
 * for any other request.
 */
function serveOwnPath(
  exchange: Exchange,
  setup: GatewaySetup,
  shared: GatewayShared,
  { head, pageHeaders, tracked }: { head: RequestHead; pageHeaders: PageHeaders | undefined; tracked: TrackedRequest },
): boolean {
  const { incoming, outgoing, upgrade } = exchange
  const { resource, cors, rules } = setup
  const { connections, streams } = shared
  const [path] = head.rawTarget.split('?', 1) as [string]
  const mcp = setup.mcp.get(path)
  const isPublished = setup.publishedPaths.has(path)
  if (cors && isPreflight(head) && !setup.oauthDocuments.has(path)) {
    tracked.route = 'preflight'
    const segments = requirePath(head.rawTarget)
    const own = mcp ? mcpMethods : isPublished ? publishedMethods : undefined
    const routed = rules.table.at(segments)
    const allows = (method: string) => (own ? own.has(method) : routed.need(method) !== undefined)
    const headers = preflightHeaders(head, allows, cors)
    outgoing.writeHead(204, [['Vary', preflightVary], ...headers].flat())
    outgoing.end()
    return true
  }
  if (upgrade || !(isPublished || mcp)) return false
  tracked.route = path
  if (mcp) {
    requirePlainFields(head, mcp.withheld)
    const query = pathsInHead(head, { frontController: rules.frontController })
    rules.table.requireNoStricterQuery(query, head.method, undefined)
  }
  const publish: Handler = (request, received) => resource.handler(request, received)
  const handler = mcp ? serveMcp(incoming, mcp, { setup, connections, streams, tracked }) : publish
  const withAllow: Handler = async (request, received) => {
    const response = await handler(request, received)
    const isRefused = mcp && errorOf(response)?.code === 'method_not_allowed'
    if (isRefused) response.headers.set('allow', [...mcpMethods].join(', '))
    return response
  }
  // Pages from any origin may read the metadata of OAuth resources.
  const isForAll = setup.oauthDocuments.has(path)
  listen(exchange, withAllow, setup, { pageHeaders: isForAll ? undefined : pageHeaders, spool: shared.spool })
  return true
}

/** Some CDNs cache preflight responses. */
const preflightVary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

const publishedMethods: ReadonlySet<string> = new Set(['GET', 'POST'])

/** Serves a request through a Web handler, with CORS headers. Content is read only after all other checks have passed. */
function listen(
  { incoming, outgoing, waits }: Exchange,
  handler: Handler,
  { origin, clientAddress, limits }: GatewaySetup,
  { pageHeaders, spool }: { pageHeaders: PageHeaders | undefined; spool: Spool },
): void {
  const messageLimits = { ...limits, maxBody: longestMessage, isMessage: true }
  const upload = (): Upload => {
    requireFitting(incoming, longestMessage)
    const kept = new BufferedUpload(incoming, messageLimits, spool, () => waits && outgoing.writeContinue())
    outgoing.once('close', () => discardInBackground(kept))
    return kept.asMessage()
  }
  // Responses that do not come from a handler have no other CORS headers.
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
