import { randomUUID } from 'node:crypto'
import { AAuthError, type ReceivedMessage } from 'countersign'
import { type IssuerMetadata, receiveRequest } from 'countersign/wire'
import { refusalOf } from './audit/refusal.js'
import { createContext } from './context.js'
import { requestTypes } from './editions/january/token-endpoint.js'
import { createCookies } from './http/cookies.js'
import { PageError, problemStatus } from './http/page-error.js'
import { messagesFor } from './http/page-frame.js'
import { problemResponse } from './http/problem-response.js'
import { createReadiness } from './http/readiness.js'
import { refusalResponse } from './http/refusal-response.js'
import type { AuthServerOptions } from './options.js'
import { passwordMinimum, passwordProblem, usernameProblem } from './policy/account-policy.js'
import { createRoutes, findRoute, isForPrograms } from './routes.js'
import { hashPassword } from './sign-in/passwords.js'
import { requireOwnDatabase } from './storage/deployment/require-own-database.js'
import { StorageError, type User } from './storage/storage.js'
import { revocationListPath } from './token/revocation-list.js'

export interface AuthServer {
  readonly issuer: string
  /** The published document. */
  readonly metadata: IssuerMetadata
  /**
   * Answers a request; `received` is the message as it was on the wire, where the platform shows it. Pages and `onError`
   * name the request by `requestId`, a random one by default.
   */
  handler(request: Request, received?: ReceivedMessage, requestId?: string): Promise<Response>
  /** The handler as platforms call it. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Resolves when the server can write to its database, which must be this issuer's, and sign; really tries, at most once a
   * second. Call it before you listen, and where a load balancer asks. Rejects with `StorageError` or `KeyError`, whose
   * message tells an operator what to do.
   */
  ready(): Promise<void>
  /** Adds a person who can sign in. Rejects with `StorageError` `username_taken` or `username_looks_alike`, and with a `TypeError` for a name or password that sign-up would refuse. */
  addUser(user: { username: string; password: string; displayName?: string; email?: string }): Promise<User>
  /**
   * Begins nothing more that no answer waits for, such as fetching logos, and resolves when nothing of it needs the
   * storage any more: call it after the last answer, before `storage.close()`.
   */
  close(): Promise<void>
}

/**
 * An auth server: takes resource tokens from agents nobody registered, asks a person, and issues auth tokens bound to
 * the agent's key (S§8.2, 9.3–9.6).
 *
 * @throws TypeError for options that cannot work, naming the option
 * @example
 * ```ts
 * const server = createAuthServer({ issuer: 'https://auth.example', keys, storage: sqliteStorage('auth.db') })
 * ```
 */
export function createAuthServer(options: AuthServerOptions): AuthServer {
  const context = createContext(options)
  const { issuer } = context
  const cookies = createCookies(issuer)
  const metadata: IssuerMetadata = {
    issuer,
    jwks_uri: `${issuer}/jwks.json`,
    agent_token_endpoint: `${issuer}/agent/token`,
    agent_auth_endpoint: `${issuer}/agent/auth`,
    agent_revocation_endpoint: `${issuer}/agent/revoke`,
    revocation_list_uri: issuer + revocationListPath,
    agent_signing_algs_supported: [...context.algorithms],
    request_types_supported: [...requestTypes.keys()],
    authorization_response_iss_parameter_supported: true,
  }
  const routes = createRoutes(context, cookies, metadata)

  let isOwn = false

  /** Also where nobody called {@link AuthServer.ready}: not a request is answered from the database of another issuer. */
  async function requireOwn(): Promise<void> {
    if (isOwn) return
    try {
      await requireOwnDatabase(context.storage, issuer)
      isOwn = true
    } catch (error) {
      // Documents and keys are served without it; what needs it says so.
      if (!(error instanceof StorageError) || error.code !== 'unavailable') throw error
    }
  }

  async function answer(request: Request, received: ReceivedMessage, requestId: string): Promise<Response> {
    const { pathname } = new URL(request.url)
    const found = findRoute(routes, pathname)
    try {
      await requireOwn()
      requirePlainPath(received, pathname)
      if (!found) throw new PageError('not_found')
      const method = request.method === 'HEAD' && pathname !== '/agent/auth' ? 'GET' : request.method
      const endpoint = Object.hasOwn(found.route, method) ? found.route[method] : undefined
      if (!endpoint) throw new PageError('method_not_allowed')
      return await endpoint({ request, received, requestId, id: found.id })
    } catch (error) {
      const refused = isForPrograms(pathname)
        ? refusalResponse(context, error, requestId)
        : problemResponse(context, error, requestId, request, messagesFor(cookies, request))
      if (found && refused.status === problemStatus.method_not_allowed) {
        refused.headers.set('allow', Object.keys(found.route).join(', '))
      }
      return refused
    }
  }

  async function tellRefusal(response: Response, requestId: string, remoteAddress?: string): Promise<Response> {
    const refusal = refusalOf(response)
    if (!refusal) return response
    context.onRefusal(refusal, requestId)
    await context.recordRefusal(refusal, remoteAddress).catch((error: unknown) => context.onError(error, requestId))
    return response
  }

  async function handler(
    request: Request,
    received: ReceivedMessage = receiveRequest(request),
    requestId: string = randomUUID(),
  ): Promise<Response> {
    return tellRefusal(await answer(request, received, requestId), requestId, received.remoteAddress)
  }

  return {
    issuer,
    metadata,
    handler,
    fetch: (request) => handler(request),
    ready: createReadiness(context),
    async addUser({ password, ...user }) {
      const unusable = usernameProblem(user.username)
      if (unusable === 'username_invalid')
        throw new TypeError('addUser: a user name is 1 to 128 visible characters in one line')
      if (unusable === 'username_mixed')
        throw new TypeError(
          'addUser: a word of a user name is written in one alphabet, since letters of two look alike',
        )
      const weak = passwordProblem(password, user.username)
      if (weak) throw new TypeError(`addUser: ${weak.replaceAll('_', ' ')}; use at least ${passwordMinimum} characters`)
      return context.storage.createUser({ ...user, passwordHash: await hashPassword(password) })
    },
    close: () => context.background.end(),
  }
}

// Whatever stands in front, and keeps some paths for itself, must see the path that is answered (attacks S28).
function requirePlainPath({ rawTarget }: ReceivedMessage, pathname: string): void {
  if (rawTarget.split('?', 1)[0] === pathname) return
  throw new AAuthError('target_ambiguous', 'Send the path as a URL parser would, without dot segments.')
}
