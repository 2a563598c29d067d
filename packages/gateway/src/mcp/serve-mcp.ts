import type { IncomingMessage } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import type { Handler } from 'countersign/node'
import { AAuthError } from 'countersign/resource'
import type { McpFetch } from 'countersign/resource/mcp'
import { errorOf, reportRefusal } from '../events/refusals.js'
import { callerOf, mcpCallOf, type TrackedRequest } from '../events/request-events.js'
import type { GatewaySetup, ProtectedPath } from '../gateway-setup.js'
import { tellIdentity } from '../identity/assertion.js'
import type { Identity } from '../identity/identity-headers.js'
import { isEventStream } from '../responses/pass-response.js'
import type { Connections } from '../upstream/connections.js'
import { endsConnection, forwardedHeaders, responseHeaders } from '../upstream/forwarded-headers.js'
import { requestUpstream } from '../upstream/send-request.js'

/** Largest message of MCP: it is read whole, since its table says what it needs. */
export const longestMessage = 1_048_576

/** Methods by which MCP is spoken. */
export const mcpMethods: ReadonlySet<string> = new Set(['GET', 'POST', 'DELETE'])
/** What serving a path works with. */
export interface McpTools {
  setup: GatewaySetup
  connections: Connections
  /** What ends event streams, since the gateway stops. */
  streams: Set<() => void>
  tracked: TrackedRequest
}

/**
 * Serves a path behind which an MCP server is: each tool, resource and prompt needs the scope of the table, lists show what may be
 * used, and sessions are of who got them, as `protectMcp` does it.
 */
export function serveMcp(incoming: IncomingMessage, { mcp }: ProtectedPath, tools: McpTools): Handler {
  const { resource } = tools.setup
  const answer = mcp.around((request, given) => ask(incoming, { ...tools, request, given }))
  return async (request, received) => {
    const response = await answer(request, received).catch((error: unknown) => resource.toResponse(error))
    const error = errorOf(response)
    if (error) reportRefusal(tools.tracked, error)
    return response
  }
}

interface Admitted extends McpTools {
  request: Request
  given: Parameters<McpFetch>[1]
}

async function ask(
  incoming: IncomingMessage,
  { request, given, setup, connections, streams, tracked }: Admitted,
): Promise<Response> {
  const { upstream, origin, clientAddress, waits, assertion } = setup
  const { method } = request
  const rawTarget = incoming.url ?? '/'
  const identity = identityOf(given.authInfo)
  tracked.caller = callerOf(identity)
  tracked.mcpCall = mcpCallOf(given.parsedBody)
  // What was judged, which is not always what was sent: the state of a call is opened.
  const content = Buffer.from(await request.arrayBuffer())
  const isLast = endsConnection(method, content.length > 0)
  const headers = forwardedHeaders({
    method,
    rawHeaders: askedAs(incoming.rawHeaders, request),
    identity: await tellIdentity(identity, { method, rawTarget }, assertion),
    authority: upstream.authority,
    origin,
    remoteAddress: clientAddress(incoming.socket.remoteAddress, incoming.rawHeaders),
    length: content.length > 0 ? content.length : undefined,
    isUpgrade: false,
    isLast,
  })
  const { answer } = await requestUpstream(
    {
      method,
      rawTarget,
      headers,
      content: content.length > 0 ? () => Readable.from([content]) : undefined,
      isUpgrade: false,
      isLast,
    },
    { upstream, connections, waits, disconnect: tracked.disconnect, onInformation: () => undefined },
    tracked,
  )
  tracked.outcome = 'ok'
  const status = answer.statusCode ?? 502
  const lines = responseHeaders(answer.rawHeaders)
  const shown = new Headers()
  for (let at = 0; at < lines.length; at += 2) shown.append(lines[at] as string, lines[at + 1] as string)
  const isEmpty = [204, 205, 304].includes(status) || method === 'HEAD'
  if (isEmpty) {
    answer.resume()
    return new Response(null, { status, headers: shown })
  }
  if (!isEventStream(answer)) answer.setTimeout(setup.limits.silence * 1000, () => answer.destroy())
  return new Response(await bodyOf(answer, streams), { status, headers: shown })
}

/** The lines for the API: an event by its own id, and an answer that is not packed, since it may have to be changed. */
function askedAs(rawHeaders: readonly string[], { headers }: Request): string[] {
  return rawHeaders.map((value, at) => {
    const name = at % 2 === 1 ? rawHeaders[at - 1]?.toLowerCase() : undefined
    if (name === 'accept-encoding') return 'identity'
    return name === 'last-event-id' ? (headers.get(name) ?? value) : value
  })
}

/** An event stream that ends as one does, when the gateway stops. */
function endedBy(streams: Set<() => void>, answer: IncomingMessage): Readable {
  const passed = answer.pipe(new PassThrough())
  const end = () => {
    answer.unpipe(passed)
    answer.destroy()
    passed.end()
  }
  streams.add(end)
  answer.once('close', () => {
    if (!answer.complete && !passed.writableEnded) passed.destroy()
  })
  passed.once('close', () => {
    streams.delete(end)
    answer.destroy()
  })
  return passed
}

/**
 * The content of an answer, once some of it is there: events may be far off, and are not waited for.
 *
 * @throws AAuthError `upstream_failed` where it breaks off, also to who reads it
 */
async function bodyOf(answer: IncomingMessage, streams: Set<() => void>): Promise<ReadableStream<Uint8Array>> {
  const isEvents = isEventStream(answer)
  const content = isEvents ? endedBy(streams, answer) : answer
  const reader = (Readable.toWeb(content) as ReadableStream<Uint8Array>).getReader()
  async function read() {
    try {
      return await reader.read()
    } catch (cause) {
      throw new AAuthError('upstream_failed', 'The answer of the API behind this gateway broke off.', { cause })
    }
  }
  let first = isEvents ? undefined : await read()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = first ?? (await read())
      first = undefined
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

function identityOf({ token, scopes, extra }: Admitted['given']['authInfo']): Identity {
  const { agent, delegate, iss, sub } = extra
  const level = iss === undefined ? 'identity' : 'authorization'
  return { level, agent, delegate, thumbprint: token, iss, sub, scope: scopes }
}
