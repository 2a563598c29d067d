import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ReceivedMessage, SocketEvent, Upload } from 'countersign'
import { createMountedListener, type Handler, receiveIncoming } from 'countersign/node'
import { AAuthError, type Resource, type VerifiedRequest, whenEnded } from 'countersign/resource'
import { tellRefused } from './events/refusals.js'
import { askerOf, type Followed, followExchange } from './events/request-events.js'
import { type GatewaySetup, requirementOf } from './gateway-setup.js'
import { tellIdentity } from './identity/assertion.js'
import { identityOf } from './identity/identity-headers.js'
import { longestMessage, mcpMethods, serveMcp } from './mcp/serve-mcp.js'
import {
  corsHeaders,
  isPreflight,
  type PageHeaders,
  preflightHeaders,
  showToPages,
  withPageHeaders,
} from './responses/cors.js'
import { passAnswer, passInformation, sendRefusal } from './responses/pass-response.js'
import { openTunnel } from './responses/tunnel.js'
import { allowHeader, type Judgement, judgeRequest, type RequestHead } from './routes/judge-request.js'
import { requirePath } from './routes/path-grammar.js'
import { routeName } from './routes/path-rows.js'
import { pathsInQuery } from './routes/query-paths.js'
import { requirePlainFields } from './routes/require-plain-fields.js'
import { KeptUpload, requireFitting } from './uploads/kept-upload.js'
import type { Spool } from './uploads/spool.js'
import type { Connections } from './upstream/connections.js'
import { answerHeaders, endsConnection, forwardedHeaders } from './upstream/forwarded-headers.js'
import { askUpstream, type UpstreamReply } from './upstream/send-request.js'

/** What all requests of a gateway share, whatever its options are at the time. */
export interface GatewayShared {
  connections: Connections
  spool: Spool
  /** Ends what is upgraded, by its socket, since the gateway stops. */
  tunnels: Map<Duplex, () => void>
  /** Each ends an event stream, since the gateway stops. */
  streams: Set<() => void>
}

/** A request for the gateway, and how its answer goes out. */
export interface Exchange {
  incoming: IncomingMessage
  outgoing: ServerResponse
  /** Whether the client waits until it is told to send its body. */
  waits: boolean
  /** For a request to change to a WebSocket: what it was sent by, and what came after it. */
  upgrade?: { socket: Duplex; head: Buffer }
}

/** Who asks, and the content, verified. */
interface Admitted {
  /** As headers. */
  identity: Readonly<Record<string, string>>
  /** Of the client. */
  remoteAddress: string | undefined
  verified: VerifiedRequest | undefined
  upload: KeptUpload
}

/** Serves one request: judged, verified, passed on and answered, or refused. */
export async function serveRequest(exchange: Exchange, setup: GatewaySetup, shared: GatewayShared): Promise<void> {
  const { incoming, outgoing } = exchange
  const { resource, cors, heard, tell } = setup
  const followed = followExchange(tell, incoming, outgoing, exchange.upgrade?.socket)
  const began = performance.now()
  const pageHeaders = cors && corsHeaders(incoming.rawHeaders, cors)
  let upload: KeptUpload | undefined
  let verified: VerifiedRequest | undefined
  try {
    requirePlainHead(incoming)
    const head = headOf(incoming, setup)
    if (answerDirectly(exchange, setup, shared, { head, pageHeaders, followed })) return
    const judged = judgeRequest(head, setup.rules)
    if (judged.need) followed.route = routeName(judged.need)
    if (exchange.upgrade) requireWebSocket(incoming)
    const { need } = judged
    const isJudged = judged.verify || need?.level === 'none'
    const inspected = need && isJudged ? { head, need, rules: setup.rules } : undefined
    const limits = { ...setup.limits, maxBody: need?.maxBody ?? setup.limits.maxBody, judged: inspected }
    requireFitting(incoming, limits.maxBody)
    upload = new KeptUpload(incoming, limits, shared.spool, () => exchange.waits && outgoing.writeContinue())
    const remoteAddress = setup.clientAddress(incoming.socket.remoteAddress, incoming.rawHeaders)
    const admitted = await admit(receiveIncoming(incoming, remoteAddress), judged, upload, setup)
    verified = admitted.verified
    if (verified) followed.asker = askerOf(verified)
    const reply = await forward(exchange, admitted, followed, setup, shared)
    if (reply.socket) return openUpgraded(exchange, reply, verified, { setup, shared, followed })
    const passed = answerHeaders(reply.answer.rawHeaders)
    const headers = pageHeaders ? withPageHeaders(passed, pageHeaders) : passed
    await passAnswer(reply.answer, outgoing, {
      headers,
      resource,
      verified,
      silence: setup.limits.silence,
      followed,
      streams: shared.streams,
    })
  } catch (error) {
    if (followed.departure.isGone) return void outgoing.destroy()
    tellRefused(followed, error, heard, verified)
    await sendRefusal(await resource.toResponse(error), incoming, outgoing, [
      ...(pageHeaders ?? []),
      ...allowHeader(error),
    ])
  } finally {
    const bytes = upload?.spooled ?? 0
    await upload?.discard()
    if (bytes > 0)
      tell?.({ kind: 'upload', route: followed.route, bytes, duration: (performance.now() - began) / 1000 })
  }
}

/** What Node.js would refuse by itself, were it left to it. */
function requirePlainHead({ httpVersion, headers }: IncomingMessage): void {
  if (httpVersion !== '1.0' && headers.host === undefined)
    throw new AAuthError('request_malformed', 'The request names no host: send Host.')
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue')
    throw new AAuthError('request_malformed', 'Expect can only be 100-continue here.')
}

function headOf(
  { method = 'GET', url = '/', rawHeaders, socket }: IncomingMessage,
  { isProxy }: GatewaySetup,
): RequestHead {
  return { method, rawTarget: url, rawHeaders, isFromProxy: isProxy(socket.remoteAddress ?? '') }
}

/** What is not passed on by a route: preflights, the documents of the resource, and MCP servers by their tables. */
function answerDirectly(
  exchange: Exchange,
  setup: GatewaySetup,
  shared: GatewayShared,
  { head, pageHeaders, followed }: { head: RequestHead; pageHeaders: PageHeaders | undefined; followed: Followed },
): boolean {
  const { incoming, outgoing, upgrade } = exchange
  const { resource, cors, rules, heard } = setup
  const { connections, streams } = shared
  const path = head.rawTarget.split('?', 1)[0] ?? ''
  const mcp = setup.mcp.get(path)
  const isPublished = resource.publishedPaths.has(path)
  if (cors && isPreflight(head)) {
    followed.route = 'preflight'
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
  followed.route = path
  if (mcp) {
    requirePlainFields(head)
    const query = pathsInQuery(head.rawTarget, rules.frontController ?? false)
    rules.table.requireNoStricterQuery(query, head.method, undefined)
  }
  const publish: Handler = (request, received) => resource.handler(request, received)
  const handler = mcp ? serveMcp(incoming, mcp, { setup, connections, streams, followed }) : publish
  const withAllow: Handler = async (request, received) => {
    const response = await handler(request, received)
    const isRefused = mcp ? heard.errorOf(response)?.code === 'method_not_allowed' : response.status === 405
    if (isRefused)
      response.headers.set('allow', [...(mcp ? mcpMethods : publishedMethodsAt(resource, path))].join(', '))
    return response
  }
  listen(exchange, withAllow, setup, { pageHeaders, spool: shared.spool })
  return true
}

const publishedMethods: ReadonlySet<string> = new Set(['GET', 'POST'])

/** The methods of one of the resource's own paths: documents are read, endpoints are asked. */
function publishedMethodsAt({ metadata }: Resource, path: string): string[] {
  const isEndpoint = Object.entries(metadata).some(
    ([name, url]: [string, unknown]) => name.endsWith('_endpoint') && new URL(String(url)).pathname === path,
  )
  return isEndpoint ? ['POST'] : ['GET', 'HEAD']
}

/** Has a Web handler answer, for pages too. Content is read when nothing else can refuse the request, and not before. */
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
    outgoing.once('close', () => discard(kept))
    return kept.asMessage()
  }
  // What no handler is given has no others.
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

/** Another protocol would hide what is asked for, and content in front of one is in nobody's hands. */
function requireWebSocket({ method, headers }: IncomingMessage): void {
  const isPlain = method === 'GET' && headers['transfer-encoding'] === undefined
  if (isPlain && Number(headers['content-length'] ?? 0) === 0 && headers.upgrade?.toLowerCase() === 'websocket') return
  throw new AAuthError('request_malformed', 'A connection can only be changed to a WebSocket here, with GET.')
}

async function admit(
  received: ReceivedMessage,
  judged: Judgement,
  upload: KeptUpload,
  { resource, assertion }: GatewaySetup,
): Promise<Admitted> {
  const { remoteAddress } = received
  if (!judged.verify) {
    await upload.take(undefined)
    return { identity: await tellIdentity(undefined, received, assertion), remoteAddress, verified: undefined, upload }
  }
  const verified = await resource.verify({ upload, ...received }, requirementOf(judged.need))
  const identity = await tellIdentity(identityOf(verified, judged.need.level), received, assertion)
  return { identity, remoteAddress, verified, upload }
}

function forward(
  { incoming, outgoing, upgrade }: Exchange,
  { identity, remoteAddress, upload }: Admitted,
  followed: Followed,
  { upstream, origin, waits }: GatewaySetup,
  { connections }: GatewayShared,
): Promise<UpstreamReply> {
  const { method = 'GET', url: rawTarget = '/', rawHeaders } = incoming
  const isUpgrade = upgrade !== undefined
  const isLast = isUpgrade || endsConnection(method, upload.isAnnounced)
  const headers = forwardedHeaders({
    method,
    rawHeaders,
    identity,
    authority: upstream.authority,
    origin,
    remoteAddress,
    length: upload.isAnnounced ? upload.length : undefined,
    isUpgrade,
    isLast,
  })
  // What was sent needs no room any more: the answer may go on for hours.
  const content = upload.isAnnounced ? () => upload.read().once('end', () => discard(upload)) : undefined
  const onInformation = passInformation(outgoing)
  return askUpstream(
    { method, rawTarget, headers, content, isUpgrade, isLast },
    { upstream, connections, waits, departure: followed.departure, onInformation },
    followed,
  )
}

function discard(upload: KeptUpload): void {
  upload.discard().catch((error: unknown) => process.emitWarning(error instanceof Error ? error : String(error)))
}

function openUpgraded(
  { outgoing, upgrade }: Exchange,
  { answer, socket, head = Buffer.alloc(0) }: UpstreamReply,
  verified: VerifiedRequest | undefined,
  { setup, shared, followed }: { setup: GatewaySetup; shared: GatewayShared; followed: Followed },
): void {
  if (!upgrade || !socket) return
  const { tell, route } = followed
  const client = upgrade.socket
  outgoing.detachSocket(client as Parameters<ServerResponse['detachSocket']>[0])
  const end = openTunnel(answer, { client, clientHead: upgrade.head, upstream: socket, upstreamHead: head })
  const began = performance.now()
  followed.end(answer.statusCode)
  tell?.({ kind: 'socket', route, outcome: 'opened', duration: 0 })
  let outcome: SocketEvent['outcome'] = 'ended'
  const endAs = (why: typeof outcome) => () => {
    outcome = why
    end()
  }
  const stop = verified ? whenEnded(setup.resource, verified, endAs('revoked')) : () => undefined
  shared.tunnels.set(client, endAs('stopped'))
  client.once('close', () => {
    stop()
    shared.tunnels.delete(client)
    tell?.({ kind: 'socket', route, outcome, duration: (performance.now() - began) / 1000 })
  })
}
