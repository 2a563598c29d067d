import type { IncomingMessage } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import type { Handler } from 'countersign/node'
import { AAuthError } from 'countersign/resource'
import type { McpFetch } from 'countersign/resource/mcp'
import { callerOf, errorOf, mcpCallOf, reportRefusal, type ServerRequest, type TrackedRequest } from '../events.js'
import type { GatewaySetup, McpServer } from '../gateway-setup.js'
import { endsConnection, forwardedHeaders, responseHeaders } from '../headers.js'
import { type Identity, identityHeaders } from '../identity.js'
import { isEventStream } from '../responses/pass-response.js'
import { requireNoTokenInQuery } from '../routes/require-plain-fields.js'
import { type Connections, requestUpstream } from '../upstream.js'

/** Maximum size of an MCP message, in bytes. Messages are buffered because their content determines the required scope. */
export const longestMessage = 1_048_576

/** The HTTP methods that MCP uses. */
export const mcpMethods: ReadonlySet<string> = new Set(['GET', 'POST', 'DELETE'])

/** The state needed to serve an MCP path. */
export interface McpTools {
  setup: GatewaySetup
  connections: Connections
  /** Functions that end each event stream when the gateway stops. */
  streams: Set<() => void>
  tracked: TrackedRequest
}

/**
 * Serves the path of an MCP server through `protectMcp`: each tool, resource and prompt requires its own scope, lists include only items
 * that the caller may use, and a session belongs to the caller that opened it.
 */
export function serveMcp(incoming: ServerRequest, mcp: McpServer, tools: McpTools): Handler {
  const { resource } = tools.setup
  const answer = mcp.protected.around((request, given) => ask(incoming, { ...tools, request, given, mcp }))
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
  mcp: McpServer
}

async function ask(
  incoming: ServerRequest,
  { request, given, setup, connections, streams, tracked, mcp }: Admitted,
): Promise<Response> {
  const { upstream, origin, clientAddress, limits, assertion } = setup
  const { acceptsOAuth, withheld } = mcp
  const { method } = request
  const rawTarget = incoming.url
  if (acceptsOAuth) requireNoTokenInQuery(rawTarget)
  const identity = identityOf(given.authInfo)
  tracked.caller = callerOf(identity)
  tracked.mcpCall = mcpCallOf(given.parsedBody)
  // The body that was checked. It may differ from the body that was sent, because sealed state is opened.
  const content = Buffer.from(await request.arrayBuffer())
  const isLast = endsConnection(method, content.length > 0)
  const headers = forwardedHeaders({
    method,
    rawHeaders: askedAs(incoming.rawHeaders, request),
    identity: await identityHeaders(identity, { method, rawTarget }, assertion),
    host: setup.upstreamHost,
    origin,
    remoteAddress: clientAddress(incoming.socket.remoteAddress, incoming.rawHeaders),
    length: content.length > 0 ? content.length : undefined,
    isUpgrade: false,
    isLast,
    withheld,
  })
  const { answer } = await requestUpstream(
    {
      method,
      rawTarget,
      headers,
      content: content.length > 0 ? () => Readable.from([content]) : undefined,
      isUpgrade: false,
      isLast,
      acceptsOAuth,
      mayRedirect: !acceptsOAuth,
    },
    { upstream, connections, waits: limits, disconnect: tracked.disconnect },
    tracked,
  )
  tracked.outcome = 'ok'
  const status = answer.statusCode as number
  const lines = setup.rewriteRedirects(responseHeaders(answer.rawHeaders, acceptsOAuth))
  const shown = new Headers()
  for (let at = 0; at < lines.length; at += 2) shown.append(lines[at] as string, lines[at + 1] as string)
  const isEmpty = [204, 205, 304].includes(status) || method === 'HEAD'
  if (isEmpty) {
    answer.resume()
    return new Response(null, { status, headers: shown })
  }
  if (!isEventStream(answer)) answer.setTimeout(limits.silence * 1000, () => answer.destroy())
  return new Response(await bodyOf(answer, streams), { status, headers: shown })
}

/**
 * The header lines for the API. They contain the server's own event id, and do not accept compression, because the response may be
 * modified.
 */
function askedAs(rawHeaders: readonly string[], { headers }: Request): string[] {
  return rawHeaders.map((value, at) => {
    const name = at % 2 === 1 ? (rawHeaders[at - 1] as string).toLowerCase() : undefined
    if (name === 'accept-encoding') return 'identity'
    return name === 'last-event-id' ? (headers.get(name) ?? value) : value
  })
}

/** An event stream that ends cleanly when the gateway stops. */
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
 * The content of a response, once its first chunk has arrived. An event stream may pause, so its content is returned at once.
 *
 * @throws AAuthError `upstream_failed` if the response is cut off; the reader also sees this error
 */
async function bodyOf(answer: IncomingMessage, streams: Set<() => void>): Promise<ReadableStream<Uint8Array>> {
  const isEvents = isEventStream(answer)
  const content = isEvents ? endedBy(streams, answer) : answer
  const reader = (Readable.toWeb(content) as ReadableStream<Uint8Array>).getReader()
  async function read() {
    try {
      return await reader.read()
    } catch (cause) {
      throw new AAuthError('upstream_failed', 'The response of the API behind this gateway was incomplete.', { cause })
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
  const { agent, delegate, iss, sub, proof } = extra
  const level = iss === undefined ? 'identity' : 'authorization'
  return { level, proof, agent, delegate, thumbprint: proof === 'bearer' ? undefined : token, iss, sub, scope: scopes }
}
