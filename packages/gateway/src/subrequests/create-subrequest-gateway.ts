import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMountedListener } from 'countersign/node'
import { AAuthError } from 'countersign/resource'
import { callerOf, reportRefusal, type ServerRequest, type TrackedRequest, trackRequest } from '../events.js'
import { type Gateway, type GatewayLimits, type GatewayOptions, gatewayOptions } from '../gateway-options.js'
import { createGatewayServer } from '../gateway-server.js'
import { type GatewaySetup, requireNames, setUpGateway } from '../gateway-setup.js'
import { type AssertionOptions, assertionField, identityHeaders, identityOf } from '../identity.js'
import { sendRefusal } from '../responses/pass-response.js'
import { allowHeader, checkRequest, requireCoveredCoding } from '../routes/check-request.js'
import { type Route, requirementOf, routeName } from '../routes/route.js'
import type { UpstreamOptions } from '../upstream.js'
import {
  type Dialect,
  dialects,
  type ProxyName,
  parseOriginalRequest,
  requireNoTrailers,
  requireNothingUnseen,
  UnseenBody,
  unseenUpload,
} from './original-request.js'

/** The options of a gateway that responds to the subrequests of a proxy. */
export interface SubrequestOptions
  extends Pick<GatewayOptions, 'resource' | 'otherwise' | 'frontController' | 'onEvent'> {
  routes: readonly Route[]
  /** The kind of proxy, which determines the headers to read. */
  proxy: ProxyName
  /** Addresses or networks of the proxies. All other callers get 404. */
  trustProxy: readonly string[]
  /** How the API matches paths. @default the API may decode paths first */
  upstream?: Pick<UpstreamOptions, 'matches'> | undefined
  limits?: Pick<GatewayLimits, 'connections' | 'connectionsPerAddress'> | undefined
  /**
   * Adds `X-AAuth-Assertion`, as described in {@link GatewayOptions}. `audience` is the name by which the API identifies itself. @default
   * none
   */
  assertion?: (AssertionOptions & { audience: string }) | undefined
}

/** The names of the options that it shares with a gateway. */
const subrequestOptions = Object.keys(gatewayOptions).filter(
  (name) => !['accept', 'cors', 'mcp', 'mcpSessions'].includes(name),
)

/** The options that are in effect. */
interface SubrequestSetup {
  setup: GatewaySetup
  dialect: Dialect
}

/**
 * Creates a gateway that responds to a proxy's subrequests: `GET /verify` returns 200 with the `X-AAuth-…` headers, or refuses with the
 * challenge. It also serves the resource's documents. Only proxies in `trustProxy` get a verdict.
 *
 * @throws TypeError for invalid or contradictory options
 */
export function createSubrequestGateway(options: SubrequestOptions): Gateway<SubrequestOptions> {
  let current = setUp(options)
  const { server } = createGatewayServer(
    { maxHeaderSize: 65_536 },
    () => current.setup,
    async ({ incoming, outgoing, waits }) => {
      if (waits) outgoing.writeContinue()
      await respond(incoming, outgoing, current)
    },
  )
  return {
    server,
    use(next) {
      current = setUp(next)
    },
    endStreams: () => undefined,
    close: () => undefined,
  }
}

function setUp({ proxy, ...options }: SubrequestOptions): SubrequestSetup {
  if (Object.hasOwn(options, 'accept') || options.resource?.protectedResource)
    throw new TypeError(
      'accept: subrequests cannot accept OAuth access tokens, because the proxy forwards them to the API, and the API’s own challenges to clients. Use createGateway',
    )
  requireNames('createSubrequestGateway', options, subrequestOptions)
  requireNames('limits of createSubrequestGateway', options.limits ?? {}, ['connections', 'connectionsPerAddress'])
  if (!Object.hasOwn(dialects, proxy as string))
    throw new TypeError(`proxy must be one of ${Object.keys(dialects).join(', ')}`)
  const { trustProxy, upstream, assertion } = options
  if (!Array.isArray(trustProxy) || trustProxy.length === 0)
    throw new TypeError('trustProxy must contain the proxy’s address: all other callers are refused')
  if (assertion && typeof assertion.audience !== 'string')
    throw new TypeError('assertion.audience must identify the API for which assertions are issued')
  // A placeholder: no request is sent to this URL.
  const setup = setUpGateway({ ...options, upstream: { matches: upstream?.matches, url: 'http://127.0.0.1:1' } })
  return { setup, dialect: dialects[proxy] }
}

/** Proxies copy this header even if no assertion is issued (W30). */
const unasserted = { [assertionField]: '' }

async function respond(incoming: ServerRequest, outgoing: ServerResponse, current: SubrequestSetup): Promise<void> {
  const { setup, dialect } = current
  const { resource, origin, clientAddress, tell } = setup
  const tracked = trackRequest(tell, incoming, outgoing)
  const [path] = incoming.url.split('?', 1) as [string]
  if (setup.publishedPaths.has(path)) {
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
      throw new AAuthError('not_found', 'Not found.')
    const identity = await verify(incoming, current, tracked)
    outgoing.writeHead(200, { ...unasserted, ...identity, 'Cache-Control': 'no-store', 'Content-Length': '0' })
    outgoing.end()
  } catch (error) {
    reportRefusal(tracked, error)
    const refusal = await resource.toResponse(error)
    if (path !== '/verify') return sendRefusal(refusal, incoming, outgoing)
    tracked.realStatus = refusal.status
    const unknown = await identityHeaders(undefined, { method: '', rawTarget: '' }, setup.assertion)
    // nginx drops the body of a refusal, so without this hint the agent's developer would suspect the signature.
    const named = error instanceof UnseenBody ? { 'X-AAuth-Error': 'body_unseen' } : {}
    const headers = [...Object.entries({ ...unasserted, ...unknown, ...named }), ...allowHeader(error)]
    await sendRefusal(readable(refusal, dialect), incoming, outgoing, headers)
  }
}

/** Verifies the request that a proxy describes, and returns the headers that identify the caller. */
async function verify(
  incoming: IncomingMessage,
  { setup, dialect }: SubrequestSetup,
  tracked: TrackedRequest,
): Promise<Readonly<Record<string, string>>> {
  const { resource, rules, clientAddress, assertion } = setup
  const asked = parseOriginalRequest(incoming.rawHeaders, dialect)
  tracked.request = asked
  const judged = checkRequest(asked, rules)
  if (judged.need) tracked.route = routeName(judged.need)
  if (judged.need?.level === 'none') requireNothingUnseen(asked, judged.need)
  if (!judged.verify) {
    requireNoTrailers(asked)
    return identityHeaders(undefined, asked, assertion)
  }
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
  requireCoveredCoding(asked, verified.covered)
  tracked.caller = callerOf(verified)
  return identityHeaders(identityOf(verified, judged.need.level), asked, assertion)
}

/** A refusal with a status that the proxy understands, and the actual status in a header: for other statuses, some proxies return 500. */
function readable(refusal: Response, { acceptsAnyStatus }: Dialect): Response {
  const { status, body } = refusal
  const headers = new Headers(refusal.headers)
  headers.set('x-aauth-status', String(status))
  headers.set('cache-control', 'no-store')
  return new Response(body, { status: acceptsAnyStatus || status === 401 ? status : 403, headers })
}
