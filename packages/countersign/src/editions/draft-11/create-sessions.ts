import { serializeBase64 } from '#crypto'
import { fieldValues, type ReceivedMessage, receiveRequest } from '../../httpsig/received-message.js'
import { pause, preciseClock, systemClock } from '../../lib/clock.js'
import { parseBase64 } from '../../lib/encodings.js'
import { AAuthError } from '../../lib/errors.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { requireKnownOptions } from '../../lib/options.js'
import { isFetchableUrl } from '../../protocol/documents.js'
import type { ResourceTools } from '../resource-protocol.js'
import { createSessionStore, refusingStore, type SessionStore } from '../session-store.js'
import type { IdentifiedRequest } from '../verified-request.js'
import { callbackAddress, failedCallback } from './callback-address.js'
import { draft11Documents } from './documents.js'
import { type Allowed, type Caller, createKeptRequests, type KeptCall, type Polled } from './kept-requests.js'
import { pendingResponse, preferredWait } from './pending-response.js'
import { accessHeader } from './requirement.js'
import { createSessionTokens, type Session } from './session-tokens.js'
import { draft11Tokens } from './tokens.js'

export interface SessionsOptions {
  /** The page of the API on which its users decide: an `https` URL without a query. */
  page: string
  /**
   * Stores requests and sessions; all instances must share one store: `fileSessions` of `countersign/node`, or `redisSessions` of
   * `countersign/resource/redis`. @default {@link createSessionStore}: in this process
   */
  store?: SessionStore | undefined
  /** Lifetime of a session, in seconds. @default 30 days */
  lifetime?: number | undefined
  /** Unix seconds. @default the system clock */
  now?: (() => number) | undefined
}

/** An agent that asks a user of the API to let it in. */
export interface AccessRequest {
  /** The party that vouches for the agent, and the agent's own name. Neither is chosen by the API or known to be trustworthy. */
  agent: string
  delegate: string
  /** The code to show in large type, so that the user can compare it with the agent's. */
  code: string
}

/** A resource that verifies requests, created by `createResource`. */
export interface SessionResource {
  readonly id: string
  verify(source: ReceivedMessage, options: { require: 'identity' }): Promise<IdentifiedRequest>
  toResponse(error: unknown): Promise<Response>
}

/** Handles a call of an agent that has a session. */
export type SessionHandler = (request: Request, session: Session) => MaybePromise<Response>

/** Sessions of agents that the users of an API let in on the API's own page, created by {@link createSessions}. */
export interface Sessions {
  /** Connects the sessions to their resource: pass them to `draft11ResourceWith`. */
  attach(tools: ResourceTools): void
  /**
   * The handler of the routes that need a session, and of every path under `/aauth/pending/`. A call without a session is kept until a user
   * has decided, and executed when its agent polls it.
   */
  around(
    resource: SessionResource,
    handler: SessionHandler,
  ): (request: Request, received?: ReceivedMessage) => Promise<Response>
  /**
   * Opens the request that a code names, for a user who has signed in. From then on, the request is only for this user. Undefined if the
   * code is wrong, or was used by another user, or if the request has ended.
   */
  open(code: string, user: string): Promise<AccessRequest | undefined>
  /**
   * Records a user's decision about a request that the same user opened. Undefined if the request has ended.
   *
   * @param callback the `callback` in the link to the page
   * @returns the session that was allowed, and where to redirect the browser; without `returnTo`, show that the page can be closed
   */
  decide(
    code: string,
    user: string,
    decision: 'allow' | 'deny',
    callback?: string | null,
  ): Promise<{ session: string | undefined; returnTo: string | undefined } | undefined>
  /** Ends a session at once. */
  end(session: string): Promise<void>
}

const pendingPath = '/aauth/pending/'
const month = 30 * 86_400

/** Bytes of a call that is kept, and polls that are held at the same time. */
const limits = { call: 32_768, held: 200 } as const

/** How long a poll is held, and how often it looks for a decision, in seconds. */
const hold = { most: 20, interval: 0.5 } as const

/** Fields that belong to the signature or the connection, and not to the call. */
const outer =
  /^(?:signature|signature-input|signature-key|authorization|aauth-capabilities|host|content-length|connection|keep-alive|te|transfer-encoding|upgrade|prefer)$/i

/**
 * Creates the sessions of an API that lets agents in itself, without person servers (draft -11 §6.3): a user of the API decides on its own
 * page, and the agent then sends the session's token beside its agent token. The token is useless to anyone but that agent.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const sessions = createSessions({ page: 'https://api.example/connect' })
 * const resource = createResource({ edition: draft11ResourceWith({ sessions }), id, signer, authServers: ['https://auth.example'] })
 * const notes = sessions.around(resource, (request, { user }) => Response.json(notesOf(user)))
 * ```
 */
export function createSessions(options: SessionsOptions): Sessions {
  requireKnownOptions('createSessions', options, { page: true, store: true, lifetime: true, now: true })
  const { page, lifetime = month, now = systemClock, store: given = createSessionStore(now) } = options
  if (!isFetchableUrl(page, { allowInsecureLoopback: true }) || /[?#]/.test(page))
    throw new TypeError('page must be an https URL without a query, such as https://api.example/connect')
  if (!Number.isInteger(lifetime) || lifetime < 1) throw new TypeError('lifetime must be whole seconds, at least 1')
  const store = refusingStore(page, given)
  const kept = createKeptRequests(store, now)
  const tokens = createSessionTokens(store, { lifetime, now })
  let tools: ResourceTools | undefined
  let held = 0

  function requireTools(): ResourceTools {
    if (tools) return tools
    throw new TypeError(
      'sessions belong to no resource: pass edition: draft11ResourceWith({ sessions }) to createResource',
    )
  }

  const pendingAt = ({ id }: SessionResource, { secret, ...polled }: Polled, retryAfter: 0 | 5) =>
    pendingResponse({ ...polled, location: id + pendingPath + secret, page, retryAfter })

  async function poll(
    resource: SessionResource,
    handler: SessionHandler,
    message: ReceivedMessage,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Response> {
    const secret = message.rawTarget.slice(pendingPath.length)
    if (message.method === 'DELETE') {
      await kept.abandon(secret, caller)
      return new Response(null, { status: 204 })
    }
    if (message.method !== 'GET') throw new AAuthError('method_not_allowed', 'Use GET or DELETE.')
    const wait = preferredWait(fieldValues(message, 'prefer').join(), hold.most)
    const until = held < limits.held ? preciseClock() + wait : 0
    held++
    try {
      for (;;) {
        const polled = await kept.poll(secret, caller)
        if ('call' in polled) return await execute(resource, handler, polled)
        if (preciseClock() >= until || signal.aborted) return pendingAt(resource, polled, wait > 0 ? 0 : 5)
        await pause(hold.interval * 1000, signal).catch(() => undefined)
      }
    } finally {
      held--
    }
  }

  /** Executes the call that was kept, once, and hands out the session. */
  async function execute(
    { id }: SessionResource,
    handler: SessionHandler,
    { session, user, agent, delegate, call }: Allowed,
  ): Promise<Response> {
    const own = { id: session, user, agent, delegate }
    const token = await tokens.issue(own)
    const response = await handler(requestOf(id, call, parseBase64(call.body)), own)
    const headers = new Headers(response.headers)
    headers.set(accessHeader, token)
    return new Response(response.body, { status: response.status, headers })
  }

  async function answer(
    resource: SessionResource,
    handler: SessionHandler,
    message: ReceivedMessage,
    signal: AbortSignal,
  ): Promise<Response> {
    const verified = await resource.verify(message, { require: 'identity' })
    const caller = callerOf(verified)
    if (message.rawTarget.startsWith(pendingPath)) return poll(resource, handler, message, caller, signal)
    const session = await tokens.find(message, verified)
    const { method, rawTarget: target } = message
    const call = { method, target, headers: fieldsOf(message) }
    if (session) return handler(requestOf(resource.id, call, verified.body), session)
    const capabilities = fieldValues(message, 'aauth-capabilities')
    if (capabilities.length > 0 && !/(?:^|,)\s*interaction\s*(?:[,;]|$)/.test(capabilities.join()))
      throw new AAuthError('consent_denied', 'A user must decide, and the agent cannot take a user to a page.', {
        error: 'user_unreachable',
      })
    if (verified.body.length + JSON.stringify(call.headers).length > limits.call)
      throw new AAuthError('body_too_large', `Start with a call of at most ${limits.call} bytes: it waits for a user.`)
    const body = serializeBase64(verified.body)
    return pendingAt(resource, await kept.keep(caller, { ...call, body }), 0)
  }

  return {
    attach(given) {
      if (tools) throw new TypeError('sessions: each resource needs its own')
      tools = given
    },
    around(resource, handler) {
      if (resource.id !== requireTools().id)
        throw new TypeError(`sessions belong to ${tools?.id}, not to ${resource.id}`)
      return async (request, received = receiveRequest(request)) => {
        const response = await answer(resource, handler, received, request.signal).catch((error: unknown) =>
          resource.toResponse(error),
        )
        const headers = new Headers(response.headers)
        headers.set('cache-control', 'private, no-store')
        return new Response(response.body, { status: response.status, headers })
      }
    },
    async open(code, user) {
      const opened = await kept.open(code, user)
      return opened && { agent: opened.agent, delegate: opened.delegate, code: opened.code }
    },
    async decide(code, user, decision, callback) {
      const decided = await kept.decide(code, user, decision === 'allow')
      if (!decided) return undefined
      const provider = await requireTools().discovery.findMetadata(draft11Documents.agent, decided.agent)
      const returnTo = callbackAddress(callback, 'found' in provider ? provider.found : {})
      const isDenied = returnTo !== undefined && decision === 'deny'
      return { session: decided.session, returnTo: isDenied ? failedCallback(returnTo, 'access_denied') : returnTo }
    },
    end: (session) => tokens.end(session),
  }
}

/** @throws AAuthError for a token that names no agent of draft -11 */
function callerOf({ agent, delegate, thumbprint, tokenType }: IdentifiedRequest): Caller {
  if (tokenType === draft11Tokens.agent.typ && delegate !== undefined && thumbprint !== undefined)
    return { agent, delegate, thumbprint }
  throw new AAuthError('policy_denied', 'Sessions are only for agents of draft -11.')
}

function fieldsOf({ rawHeaders }: ReceivedMessage): [name: string, value: string][] {
  const names = rawHeaders.filter((_, at) => at % 2 === 0)
  const fields = names.map((name, at): [string, string] => [name, rawHeaders[2 * at + 1] ?? ''])
  return fields.filter(([name]) => !outer.test(name))
}

/** The call as it was signed. */
function requestOf(id: string, { method, target, headers }: Omit<KeptCall, 'body'>, body: Uint8Array | undefined) {
  const content = body && body.length > 0 && method !== 'GET' && method !== 'HEAD' ? body : null
  return new Request(id + target, { method, headers: headers.map(([name, value]) => [name, value]), body: content })
}
