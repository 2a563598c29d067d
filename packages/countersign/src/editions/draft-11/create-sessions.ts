import { type ReceivedMessage, receiveRequest } from '../../httpsig/received-message.js'
import { systemClock } from '../../lib/clock.js'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { requireKnownOptions } from '../../lib/options.js'
import { isFetchableUrl } from '../../protocol/documents.js'
import type { ResourceTools } from '../resource-protocol.js'
import type { AdmittedCall, Session, SessionGate, SessionResource } from '../session-gate.js'
import { createSessionStore, refusingStore, type SessionStore } from '../session-store.js'
import { createGates } from './admit-call.js'
import { callbackAddress, failedCallback } from './callback-address.js'
import { draft11Documents } from './documents.js'
import { createKeptRequests } from './kept-requests.js'
import { createSessionTokens } from './session-tokens.js'

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
   * What decides on the requests to a resource, for code that executes calls in another way than {@link Sessions.around}, such as
   * `createSessionListener` of `countersign/node`.
   */
  gate(resource: SessionResource): SessionGate
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

const month = 30 * 86_400

const sessionsOptions = { page: true, store: true, lifetime: true, now: true } as const satisfies Record<
  keyof SessionsOptions,
  true
>

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
  requireKnownOptions('createSessions', options, sessionsOptions)
  const { page, lifetime = month, now = systemClock, store: given = createSessionStore(now) } = options
  if (!isFetchableUrl(page, { allowInsecureLoopback: true }) || /[?#]/.test(page))
    throw new TypeError('page must be an https URL without a query, such as https://api.example/connect')
  if (!Number.isInteger(lifetime) || lifetime < 1) throw new TypeError('lifetime must be whole seconds, at least 1')
  const store = refusingStore(page, given)
  const kept = createKeptRequests(store, now)
  const tokens = createSessionTokens(store, { lifetime, now })
  const gateOf = createGates({ kept, tokens, page })
  let tools: ResourceTools | undefined

  function requireTools(): ResourceTools {
    if (tools) return tools
    throw new TypeError(
      'sessions belong to no resource: pass edition: draft11ResourceWith({ sessions }) to createResource',
    )
  }

  function gate(resource: SessionResource): SessionGate {
    if (resource.id !== requireTools().id) throw new TypeError(`sessions belong to ${tools?.id}, not to ${resource.id}`)
    return gateOf(resource)
  }

  return {
    attach(given) {
      if (tools) throw new TypeError('sessions: each resource needs its own')
      tools = given
    },
    gate,
    around(resource, handler) {
      const own = gate(resource)
      const run = async (call: AdmittedCall) => handler(requestOf(resource.id, call), call.session)
      return async (request, received = receiveRequest(request)) => {
        const admitted = await own.admit(received, request.signal)
        const isCall = 'session' in admitted
        const response = isCall ? await run(admitted).catch((error) => resource.toResponse(error)) : admitted
        const headers = new Headers(response.headers)
        headers.set('cache-control', 'private, no-store')
        if (isCall) for (const [name, value] of Object.entries(admitted.responseHeaders)) headers.set(name, value)
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

/** The call as it was signed. */
function requestOf(id: string, { method, target, headers, body }: AdmittedCall): Request {
  const content = body.length > 0 && method !== 'GET' && method !== 'HEAD' ? new Uint8Array(body) : null
  return new Request(id + target, { method, headers: headers.map(([name, value]) => [name, value]), body: content })
}
