import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { createNodeListener, receiveIncoming } from 'countersign/node'
import { AAuthError, type VerifiedRequest, whenEnded } from 'countersign/resource'
import { corsHeaders, isPreflight, preflightHeaders } from './answers/cors.js'
import { openTunnel } from './answers/open-tunnel.js'
import { passAnswer } from './answers/pass-answer.js'
import { sendRefusal } from './answers/send-refusal.js'
import { answerHeaders, forwardedHeaders } from './forward/forwarded-headers.js'
import { sendUpstream, type UpstreamReply } from './forward/send-upstream.js'
import type { Connections } from './forward/upstream.js'
import { type GatewaySetup, requirementOf } from './gateway-setup.js'
import { tellIdentity } from './identity/assertion.js'
import { identityOf } from './identity/identity-fields.js'
import { serveMcp } from './mcp/serve-mcp.js'
import { type Judgement, judgeRequest } from './routes/judge-request.js'
import { requirePlainPath } from './routes/plain-path.js'
import { requirePlainFields } from './routes/require-plain-fields.js'
import { type KeptUpload, keepUpload, requireFitting } from './uploads/kept-upload.js'
import type { Spool } from './uploads/spool.js'

/** What all requests of a gateway share, whatever its options are at the time. */
export interface GatewayShared {
  connections: Connections
  spool: Spool
  /** Ends what is upgraded, by its socket. */
  tunnels: Map<Duplex, () => void>
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
  verified: VerifiedRequest | undefined
  upload: KeptUpload
}

/** Serves one request: judged, verified, passed on and answered, or refused. */
export async function serveRequest(exchange: Exchange, setup: GatewaySetup, shared: GatewayShared): Promise<void> {
  const { incoming, outgoing } = exchange
  const { resource, cors } = setup
  const pageHeaders = cors ? corsHeaders(incoming.rawHeaders, cors) : []
  let upload: KeptUpload | undefined
  const gone = new AbortController()
  outgoing.once('close', () => outgoing.writableFinished || gone.abort())
  exchange.upgrade?.socket.once('close', () => gone.abort())
  try {
    if (answerDirectly(exchange, setup, shared)) return
    const judged = judgeRequest(headOf(incoming), setup.rules)
    if (exchange.upgrade) requireWebSocket(incoming)
    const limits = { ...setup.limits, maxBody: judged.need?.maxBody ?? setup.limits.maxBody }
    requireFitting(incoming, limits.maxBody)
    upload = keepUpload(incoming, limits, shared.spool, () => exchange.waits && outgoing.writeContinue())
    const admitted = await admit(incoming, judged, upload, setup)
    const reply = await forward(exchange, admitted, gone.signal, setup, shared)
    if (reply.socket) return openUpgraded(exchange, reply, admitted, setup, shared)
    const headers = [...withoutPageHeaders(answerHeaders(reply.answer.rawHeaders), pageHeaders), ...pageHeaders.flat()]
    const { verified } = admitted
    await passAnswer(reply.answer, outgoing, { headers, resource, verified, silence: setup.limits.silence })
  } catch (error) {
    if (gone.signal.aborted) return void outgoing.destroy()
    await sendRefusal(await resource.toResponse(error), incoming, outgoing, pageHeaders)
  } finally {
    await upload?.discard()
  }
}

function headOf({ method = 'GET', url = '/', rawHeaders }: IncomingMessage) {
  return { method, rawTarget: url, rawHeaders }
}

/** The documents of the resource, and preflights. */
function answerDirectly(
  { incoming, outgoing, upgrade, waits }: Exchange,
  setup: GatewaySetup,
  { connections }: GatewayShared,
): boolean {
  const { resource, origin, clientAddress, cors, rules, limits } = setup
  const head = headOf(incoming)
  const path = head.rawTarget.split('?', 1)[0] ?? ''
  const mcp = setup.mcp.get(path)
  const isPublished = resource.publishedPaths.has(path)
  if (!upgrade && (isPublished || mcp) && !(cors && isPreflight(head))) {
    const late = setTimeout(() => incoming.complete || outgoing.destroy(), limits.bodyTime * 1000)
    outgoing.once('close', () => clearTimeout(late))
    if (waits) outgoing.writeContinue()
    if (mcp) {
      requirePlainFields(head)
      serveMcp(incoming, outgoing, mcp, setup, connections)
      return true
    }
    createNodeListener((request, received) => resource.handler(request, received), {
      origin: origin.origin,
      clientAddress,
      replaceGlobals: false,
    })(incoming, outgoing)
    return true
  }
  if (!cors || !isPreflight(head)) return false
  const headers = preflightHeaders(head, requirePlainPath(head.rawTarget), rules.table, cors)
  outgoing.writeHead(204, [['Vary', 'Access-Control-Request-Method'], ...headers].flat())
  outgoing.end()
  return true
}

/** Another protocol would hide what is asked for, and content in front of one is in nobody's hands. */
function requireWebSocket({ method, headers }: IncomingMessage): void {
  const isPlain = method === 'GET' && headers['transfer-encoding'] === undefined
  if (isPlain && Number(headers['content-length'] ?? 0) === 0 && headers.upgrade?.toLowerCase() === 'websocket') return
  throw new AAuthError('request_malformed', 'A connection can only be changed to a WebSocket here, with GET.')
}

async function admit(
  incoming: IncomingMessage,
  judged: Judgement,
  upload: KeptUpload,
  { resource, clientAddress, assertion }: GatewaySetup,
): Promise<Admitted> {
  if (!judged.verify) {
    await upload.take(undefined)
    return { identity: await tellIdentity(undefined, headOf(incoming), assertion), verified: undefined, upload }
  }
  const received = receiveIncoming(incoming, clientAddress(incoming.socket.remoteAddress, incoming.rawHeaders))
  const verified = await resource.verify({ ...received, upload }, requirementOf(judged.need))
  const identity = await tellIdentity(identityOf(verified, judged.need.level), received, assertion)
  return { identity, verified, upload }
}

function forward(
  { incoming, outgoing, upgrade }: Exchange,
  { identity, upload }: Admitted,
  signal: AbortSignal,
  { upstream, origin, clientAddress, limits }: GatewaySetup,
  { connections }: GatewayShared,
): Promise<UpstreamReply> {
  const { method, rawTarget, rawHeaders } = headOf(incoming)
  const isUpgrade = upgrade !== undefined
  const headers = forwardedHeaders({
    method,
    rawHeaders,
    identity,
    authority: upstream.authority,
    origin,
    remoteAddress: clientAddress(incoming.socket.remoteAddress, rawHeaders),
    length: upload.isAnnounced ? upload.length : undefined,
    isUpgrade,
  })
  const content = upload.isAnnounced ? () => upload.read() : undefined
  const onInformation = (status: number, lines: readonly string[]) => passInformation(outgoing, status, lines)
  return sendUpstream(
    { method, rawTarget, headers, content, isUpgrade },
    { ...limits, upstream, connections, signal, onInformation },
  )
}

/** Early hints go on; other news of the kind is for the gateway. */
function passInformation(outgoing: ServerResponse, status: number, rawHeaders: readonly string[]): void {
  if (status === 102 && !outgoing.headersSent) outgoing.writeProcessing()
  if (status !== 103 || outgoing.headersSent) return
  const link = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'link')
  if (link.length > 0 && link.every((value) => /^<[^>\r\n]*>(?:; *[\w-]+(?:="?[^"\r\n]*"?)?)*$/.test(value)))
    outgoing.writeEarlyHints({ link })
}

/** Headers of the upstream that say the same as ours, which would be two answers. */
function withoutPageHeaders(headers: readonly string[], ours: readonly [string, string][]): string[] {
  const names = new Set(ours.map(([name]) => name.toLowerCase()).filter((name) => name !== 'vary'))
  return headers.flatMap((name, at) =>
    at % 2 === 1 || names.has(name.toLowerCase()) ? [] : [name, headers[at + 1] ?? ''],
  )
}

function openUpgraded(
  { outgoing, upgrade }: Exchange,
  { answer, socket, head = Buffer.alloc(0) }: UpstreamReply,
  { verified }: Admitted,
  { resource }: GatewaySetup,
  { tunnels }: GatewayShared,
): void {
  if (!upgrade || !socket) return
  const client = upgrade.socket
  outgoing.detachSocket(client as Parameters<ServerResponse['detachSocket']>[0])
  const end = openTunnel(answer, { client, clientHead: upgrade.head, upstream: socket, upstreamHead: head })
  const stop = verified ? whenEnded(resource, verified, end) : () => undefined
  tunnels.set(client, end)
  client.once('close', () => {
    stop()
    tunnels.delete(client)
  })
}
