import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createConnectionQueue, createMountedListener } from 'countersign/node'
import { AAuthError } from 'countersign/resource'
import { callerOf, reportRefusal, type TrackedRequest, trackRequest } from '../events.js'
import type { GatewayLimits, GatewayOptions } from '../gateway-options.js'
import { type GatewaySetup, requirementOf, requireNames, setUpGateway } from '../gateway-setup.js'
import { type AssertionOptions, assertionField, identityHeaders, identityOf } from '../identity.js'
import { limitGatewayConnections } from '../limit-gateway-connections.js'
import { sendRefusal } from '../responses/pass-response.js'
import { allowHeader, judgeRequest } from '../routes/judge-request.js'
import { routeName } from '../routes/path-rows.js'
import type { Route } from '../routes/route.js'
import type { UpstreamOptions } from '../upstream/connections.js'
import {
  type Dialect,
  dialects,
  type ProxyName,
  requireAsked,
  requireNothingUnseen,
  UnseenBody,
  unseenUpload,
} from './asked-request.js'

export interface SubrequestGateway {
  /** Ready to listen. */
  readonly server: Server
  /** Takes other options, without a dropped connection. */
  readonly use: (options: SubrequestOptions) => void
}

/** The options of one moment. */
interface SubrequestSetup {
  setup: GatewaySetup
  dialect: Dialect
}

/**
 * Answers the subrequests of a proxy that people already run: `GET /verify` says 200 with the `X-AAuth-…` headers, or refuses with
 * the challenge. It also serves the documents of the resource. Only the proxies in `trustProxy` are answered.
 *
 * @throws TypeError for options that cannot be meant
 */
export function createSubrequestGateway(options: SubrequestOptions): SubrequestGateway {
  let current = setUp(options)
  const server = createServer({
    maxHeaderSize: 65_536,
    headersTimeout: 15_000,
    keepAliveTimeout: 75_000,
    // Node.js would respond to them itself, past the queue.
    requireHostHeader: false,
  })
  const queue = createConnectionQueue()
  function serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    answer(incoming, outgoing, current).catch((error: unknown) => {
      process.emitWarning(error instanceof Error ? error : new Error(String(error)))
      outgoing.destroy()
    })
  }
  const enqueue: RequestListener = (incoming, outgoing) =>
    queue.run(incoming, outgoing, () => serve(incoming, outgoing))
  server.on('request', enqueue).on('checkExpectation', enqueue)
  limitGatewayConnections(server, () => current.setup)
  return {
    server,
    use: (next) => {
      current = setUp(next)
    },
  }
}

function setUp({ proxy, ...options }: SubrequestOptions): SubrequestSetup {
  requireNames('createSubrequestGateway', options, subrequestOptions)
  requireNames('limits of createSubrequestGateway', options.limits ?? {}, {
    connections: true,
    connectionsPerAddress: true,
  })
  if (!Object.hasOwn(dialects, proxy ?? ''))
    throw new TypeError(`proxy must be one of ${Object.keys(dialects).join(', ')}`)
  const { trustProxy } = options
  if (!Array.isArray(trustProxy) || trustProxy.length === 0)
    throw new TypeError('trustProxy must name the proxy: nobody else is believed')
  if (options.assertion && typeof options.assertion.audience !== 'string')
    throw new TypeError('assertion.audience must say which API the assertion is for')
  // Nothing is sent there.
  const setup = setUpGateway({ ...options, upstream: { ...options.upstream, url: 'http://127.0.0.1:1' } })
  return { setup, dialect: dialects[proxy] }
}

/** What proxies copy is always answered (W30). */
const unasserted = { [assertionField]: '' }

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, current: SubrequestSetup): Promise<void> {
  const { setup, dialect } = current
  const { resource, origin, clientAddress, tell } = setup
  const tracked = trackRequest(tell, incoming, outgoing)
  const [path = ''] = (incoming.url ?? '').split('?', 1)
  if (resource.publishedPaths.has(path)) {
    tracked.route = path
    const handler = createMountedListener((request, received) => resource.handler(request, received), {
      origin: origin.origin,
      clientAddress,
      replaceGlobals: false,
    })
    return handler(incoming, outgoing)
  }
  try {
    if (path !== '/verify' || !setup.isProxy(incoming.socket.remoteAddress ?? ''))
      throw new AAuthError('not_found', 'There is nothing here.')
    const identity = await verify(incoming, current, tracked)
    outgoing.writeHead(200, { ...unasserted, ...identity, 'Cache-Control': 'no-store', 'Content-Length': '0' })
    outgoing.end()
  } catch (error) {
    reportRefusal(tracked, error)
    const refusal = await resource.toResponse(error)
    if (path !== '/verify') return sendRefusal(refusal, incoming, outgoing)
    tracked.realStatus = refusal.status
    const nobody = await identityHeaders(undefined, { method: '', rawTarget: '' }, setup.assertion)
    // The agent would look for a mistake in its signature: nginx passes on no words of a refusal.
    const named = error instanceof UnseenBody ? { 'X-AAuth-Error': 'body_unseen' } : {}
    const headers = [...Object.entries({ ...unasserted, ...nobody, ...named }), ...allowHeader(error)]
    await sendRefusal(readable(refusal, dialect), incoming, outgoing, headers)
  }
}

/** Who asks, as headers. */
async function verify(
  incoming: IncomingMessage,
  { setup, dialect }: SubrequestSetup,
  tracked: TrackedRequest,
): Promise<Readonly<Record<string, string>>> {
  const { resource, rules, clientAddress, assertion } = setup
  const asked = requireAsked(incoming.rawHeaders, dialect)
  tracked.request = asked
  const judged = judgeRequest(asked, rules)
  if (judged.need) tracked.route = routeName(judged.need)
  if (judged.need?.level === 'none') requireNothingUnseen(asked, judged.need)
  if (!judged.verify) return identityHeaders(undefined, asked, assertion)
  const { method, rawTarget, rawHeaders } = asked
  const verified = await resource.verify(
    {
      method,
      rawTarget,
      rawHeaders,
      remoteAddress: clientAddress(incoming.socket.remoteAddress, incoming.rawHeaders),
      body: () => new Uint8Array(0),
      upload: unseenUpload(asked, judged.need),
    },
    requirementOf(judged.need),
  )
  tracked.caller = callerOf(verified)
  return identityHeaders(identityOf(verified, judged.need.level), asked, assertion)
}

/** A refusal that the proxy understands: with another status, some answer 500. The real one is beside it. */
function readable(refusal: Response, { takesAnyStatus }: Dialect): Response {
  const { status, body } = refusal
  const headers = new Headers(refusal.headers)
  headers.set('x-aauth-status', String(status))
  headers.set('cache-control', 'no-store')
  return new Response(body, { status: takesAnyStatus || status === 401 ? status : 403, headers })
}

export interface SubrequestOptions
  extends Pick<GatewayOptions, 'resource' | 'otherwise' | 'frontController' | 'onEvent'> {
  routes: readonly Route[]
  /** Which proxy asks: whose headers are read, and no others. */
  proxy: ProxyName
  /** The addresses or networks of the proxies: nobody else is answered. */
  trustProxy: readonly string[]
  /** How the API matches paths; the proxy knows where it listens. @default it may decode them first */
  upstream?: Pick<UpstreamOptions, 'matches'> | undefined
  /** Of the gateway's, those that hold for subrequests. */
  limits?: Pick<GatewayLimits, 'connections' | 'connectionsPerAddress'> | undefined
  /** As of the gateway: who asks, also as `X-AAuth-Assertion`. `audience` is the API's own name for itself. @default none */
  assertion?: (AssertionOptions & { audience: string }) | undefined
}

const subrequestOptions = {
  resource: true,
  routes: true,
  otherwise: true,
  frontController: true,
  upstream: true,
  trustProxy: true,
  assertion: true,
  limits: true,
  onEvent: true,
} as const satisfies Record<Exclude<keyof SubrequestOptions, 'proxy'>, true>
