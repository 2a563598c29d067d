import { type ReceivedMessage, receiveRequest } from '../../httpsig/received-message.js'
import { systemClock } from '../../lib/clock.js'
import { LruCache } from '../../lib/lru-cache.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { requireKnownOptions } from '../../lib/options.js'
import { setPrivate } from '../../node/keep-private.js'
import type { Resource } from '../create-resource.js'
import { requireResource } from '../mount-path.js'
import { requireVerifyOptions } from '../request-verifier.js'
import { type AcceptedProof, requireAccept } from '../resource-options.js'
import { admitMessage } from './admit-message.js'
import type { McpAuthInfo } from './mcp-auth-info.js'
import type { AdmittedMessage, McpContext } from './mcp-context.js'
import { createMcpSessions, type McpSession, type McpSessions } from './mcp-sessions.js'
import { bearerTableOf, type McpTable, requireMcpTable, scopesOf } from './mcp-table.js'
import { createMcpMiddleware, type McpMiddleware } from './node-middleware.js'
import { onAccessEnd } from './on-access-end.js'
import { recordSession } from './request-session.js'
import { rewriterFor } from './response-changes.js'
import { isEventStream, type ResponseRewriter } from './rewrite-response.js'
import { createStateSeal } from './sealed-state.js'

export interface McpOptions extends McpTable {
  /**
   * The scopes, space-separated, that every request needs, including list requests. @default none: an identified agent may read the lists,
   * which contain the items that it may use or request
   */
  connect?: string | undefined
  /**
   * Seals the `requestState` that clients keep for the server: only the client that received it can return it, with the same call, within
   * ten minutes. The server sees its original state. All instances need the same 32-byte key. @default false
   */
  sealState?: boolean | { key: Uint8Array } | undefined
  /** Stores the owners of the server's sessions; all instances must share the store. @default {@link createMcpSessions}: in this process */
  sessions?: McpSessions | undefined
  /**
   * How requests may prove what a user allowed: see {@link ResourceOptions.accept}. With `oauth`, MCP clients that speak only OAuth can
   * connect, and use what needs none but scopes that access tokens may have. @default ['aauth']
   */
  accept?: readonly AcceptedProof[] | undefined
  /** The path of the server, such as `/mcp`. Required with `oauth`: its URL is what users type into their clients. */
  path?: string | undefined
  /** A name of the server for the user who decides, if a client uses OAuth. @default none */
  name?: string | undefined
  /**
   * The scopes, space-separated, that OAuth clients request first, including `connect`. Some clients cannot request more later. @default
   * `connect`, and all scopes in the table that access tokens may have
   */
  initialScope?: string | undefined
  /**
   * The origins of web pages that may call the server, such as `https://app.example`, besides its own; requests with any other `Origin` get
   * 403. @default `*`; on loopback, only pages on loopback, because any website can direct its own hostname to loopback (DNS rebinding)
   */
  origins?: '*' | readonly string[] | undefined
  /** Maximum body size, in bytes. @default 1 MiB */
  maxBody?: number | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
}

/** An MCP server as a function, such as `createMcpHandler(…).fetch` in SDK 2, or a function that wraps a Web transport of SDK 1. */
export type McpFetch = (
  request: Request,
  options: { authInfo: McpAuthInfo; parsedBody?: unknown },
) => MaybePromise<Response>

export interface ProtectedMcp {
  /** The protected server as a Web handler, for `createNodeListener`, hono, and platforms with `fetch`. */
  around(server: McpFetch): (request: Request, received?: ReceivedMessage) => Promise<Response>
  /**
   * Middleware for Express and `node:http`, to use before the SDK's own Node transport. It sets `request.auth`, and sets `request.body` to
   * the parsed message. Register it before all body parsers.
   */
  readonly middleware: McpMiddleware
}

/**
 * Protects a streamable-HTTP MCP server of either era: callers are identified, each tool, resource and prompt needs its scope in the
 * table, and anything unlisted is refused. A missing scope is a 403, with which the agent requests just that scope from its user.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const mcp = protectMcp(resource, { tools: { list_notes: 'notes.read', add_note: 'notes.write' } })
 * const handler = mcp.around(createMcpHandler(() => newServer()).fetch)
 * ```
 */
export function protectMcp(resource: Resource, options: McpOptions): ProtectedMcp {
  requireResource(resource)
  requireKnownOptions('protectMcp', options, mcpOptions)
  requireMcpTable(options)
  const { connect = '', sealState = false, maxBody = 1_048_576, now = systemClock } = options
  const { sessions = createMcpSessions(now), origins } = options
  if (origins !== undefined && origins !== '*' && !Array.isArray(origins))
    throw new TypeError('protectMcp: origins must be a list of origins, or "*"')
  for (const scope of [...scopesOf(options), connect])
    if (scope !== '') requireVerifyOptions({ require: 'authorization', scope }, resource)
  const key = typeof sealState === 'object' ? sealState.key : undefined
  const accepting = acceptingResource(resource, options)
  const metadataPath = accepting.protectedResource && new URL(accepting.protectedResource.metadataUrl).pathname
  const context: McpContext = {
    resource: accepting,
    table: options,
    bearerTable: bearerTableOf(options, accepting.protectedResource?.scopes ?? new Set()),
    connect,
    origins,
    maxBody,
    sessions,
    parameters: new LruCache(10_000),
    now,
    seal: sealState === false ? undefined : createStateSeal(key, now),
  }

  function around(server: McpFetch): (request: Request, received?: ReceivedMessage) => Promise<Response> {
    if (typeof server !== 'function')
      throw new TypeError('the server must be a function, such as createMcpHandler(…).fetch')
    return async function protectedMcp(request, received = receiveRequest(request)) {
      // OAuth clients read the metadata before they connect.
      if (metadataPath !== undefined && new URL(request.url).pathname === metadataPath)
        return accepting.handler(request, received)
      const admitted = await admitMessage(context, received, request.method)
      if (admitted instanceof Response) return admitted
      const { message, authInfo } = admitted
      const parsed = message ? { parsedBody: message.value } : {}
      return finish(context, admitted, await server(requestForServer(request, admitted), { authInfo, ...parsed }))
    }
  }

  return { around, middleware: createMcpMiddleware(context) }
}

/** The resource with which requests are verified. @throws TypeError for options that cannot work */
function acceptingResource(resource: Resource, options: McpOptions): Resource {
  requireAccept(options)
  const { accept = [], path, name, connect = '', initialScope } = options
  if (!accept.includes('oauth')) {
    if (resource.protectedResource)
      throw new TypeError(
        'protectMcp: set accept and path here, and not accept of createResource, so that the server has its own URL',
      )
    for (const [option, value] of Object.entries({ path, name, initialScope }))
      if (value !== undefined) throw new TypeError(`protectMcp: ${option} is only used with accept: ['aauth', 'oauth']`)
    return resource
  }
  if (path === undefined)
    throw new TypeError('protectMcp: accept with oauth needs the path of the server, such as "/mcp"')
  const scopes = [...scopesOf(options), connect].flatMap((scope) => scope.split(' ')).filter((scope) => scope !== '')
  return resource.oauthEndpoint({ path, name, scopes, initialScopes: initialScope?.split(' '), connect })
}

const mcpOptions = {
  tools: true,
  resources: true,
  prompts: true,
  methods: true,
  connect: true,
  sealState: true,
  sessions: true,
  accept: true,
  path: true,
  name: true,
  initialScope: true,
  origins: true,
  maxBody: true,
  now: true,
} as const satisfies Record<keyof McpOptions, true>

/** The request for the server, with the body that was checked, and without `Accept-Encoding`, because the response may be rewritten. */
function requestForServer(request: Request, { body, session, verified }: AdmittedMessage): Request {
  const { method, url, signal } = request
  const headers = new Headers(request.headers)
  headers.delete('content-length')
  headers.delete('accept-encoding')
  // The server must not use the token of its caller for anything.
  if (verified.scheme === 'bearer') headers.delete('authorization')
  if (session?.lastEventId !== undefined) headers.set('last-event-id', session.lastEventId)
  return new Request(url, { method, headers, signal, body: body ? new Uint8Array(body) : null })
}

/** The server's response as sent to the caller. */
async function finish(context: McpContext, admitted: AdmittedMessage, response: Response): Promise<Response> {
  let session: McpSession | undefined
  try {
    // Recorded before the client sees the session, because its next request may go to another instance.
    const sessionId = response.headers.get('mcp-session-id')
    session = await recordSession(context, admitted, { sessionId, ok: response.ok })
  } catch (error) {
    response.body?.cancel().catch(() => undefined)
    return context.resource.toResponse(error, admitted.verified)
  }
  const headers = new Headers(response.headers)
  setPrivate(headers)
  const { status, statusText, body } = response
  if (!body) return new Response(null, { status, statusText, headers })
  const contentType = headers.get('content-type') ?? ''
  const contentEncoding = headers.get('content-encoding') ?? ''
  const rewriter = rewriterFor(admitted, context, { contentType, contentEncoding }, session)
  // These headers describe the original content.
  if (rewriter) for (const name of ['content-length', 'content-encoding', 'etag']) headers.delete(name)
  const isStream = isEventStream(contentType)
  const passed = isStream || rewriter ? passOn(body, rewriter, isStream ? { context, admitted } : undefined) : body
  return new Response(passed, { status, statusText, headers })
}

/** Streams a body, rewritten as needed, until the body or its authorization ends. */
function passOn(
  body: ReadableStream<Uint8Array>,
  rewriter: ResponseRewriter | undefined,
  watched: { context: McpContext; admitted: AdmittedMessage } | undefined,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  const encoder = new TextEncoder()
  let stop = () => undefined as unknown
  let isOver = false
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (!watched) return
      stop = onAccessEnd(watched.context, watched.admitted, () => {
        isOver = true
        controller.close()
        reader.cancel().catch(() => undefined)
      })
    },
    async pull(controller) {
      try {
        for (let isDone = false; !isDone; ) {
          const { done, value } = await reader.read()
          isDone = done
          const out = rewriter ? encoder.encode(done ? await rewriter.end() : await rewriter.push(value)) : value
          if (isOver) return
          if (!out?.length) continue
          controller.enqueue(out)
          if (!done) return
        }
        stop()
        controller.close()
      } catch (error) {
        stop()
        reader.cancel().catch(() => undefined)
        throw error
      }
    },
    cancel(reason) {
      stop()
      return reader.cancel(reason)
    },
  })
}
