import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  type Algorithm,
  algorithmNames,
  createDiscovery,
  createKeyResolver,
  type FetchDocument,
  type IssuerMetadata,
  metadataUrl,
  type ReceivedMessage,
  receiveRequest,
  requireIdentifier,
} from 'countersign'
import { createCookies } from './browser/cookies.js'
import { htmlResponse } from './browser/html-response.js'
import { PageError, problemStatus } from './browser/page-error.js'
import { pageFrame, showRequest } from './browser/show-request.js'
import { submitForm } from './browser/submit-form.js'
import type { Interop, Lifetimes, ServerContext } from './context.js'
import { createMintedSecrets } from './minted-secrets.js'
import { renderProblem } from './pages/problem-page.js'
import { hashPassword } from './passwords.js'
import { askAlways, type Policy } from './policy.js'
import { defaultRisks, type RiskPatterns } from './risk.js'
import type { ServerKeys } from './server-keys.js'
import type { Storage, User } from './storage/storage.js'
import { asRefusal, requestTypes, tokenEndpoint } from './token/token-endpoint.js'

export interface AuthServerOptions {
  /** The server's identifier: its `https` URL (W10). */
  issuer: string
  /** Signs auth tokens, and derives codes and form values: `fixedKeys({ signer, secret })`, or keys from the storage. */
  keys: ServerKeys
  storage: Storage
  /** The server's name on its pages. @default the issuer's host */
  name?: string
  /** Decides what a person is asked at all. @default every request is shown to a person */
  policy?: Policy
  /** Which permissions read, change, delete or spend. @default `*.read`, `*.write`, `*.delete`, `pay*` */
  risks?: RiskPatterns
  /** Seconds that an auth token lives; pages show it. @default 600 */
  authTokenLifetime?: number
  /** Seconds that a request waits for a person. @default 600 */
  requestTokenLifetime?: number
  /** Seconds that an authorization code lives. @default 60 */
  codeLifetime?: number
  /** Seconds that a permission lives. @default 86400 */
  grantLifetime?: number
  /** How many requests of one agent, delegate and resource may be open at once. @default 20 */
  maxOpenRequests?: number
  /** @default all that the library knows */
  algorithms?: readonly Algorithm[]
  /** `required`: token requests must carry a nonce (S§10.5). @default 'optional' */
  nonce?: 'optional' | 'required'
  /** Accepts less from named agents; each member is weaker than the default. @default from nobody */
  interop?: Partial<Interop>
  /** Fetches documents. @default a guarded fetch */
  fetch?: FetchDocument
  /** Unix seconds. @default the system clock */
  now?: () => number
  /** Accepts `http` on literal loopback hosts with a port, for development; refused for an `https` issuer. @default false */
  allowInsecureLoopback?: boolean
  /** Told of failures that are not the caller's, with the id the caller was shown. @default a process warning */
  onError?: (error: unknown, requestId: string) => void
}

export interface AuthServer {
  readonly issuer: string
  /** The published document. */
  readonly metadata: IssuerMetadata
  /** Answers a request; `received` is the message as it was on the wire, where the platform shows it. */
  handler(request: Request, received?: ReceivedMessage): Promise<Response>
  /** The handler as platforms call it. */
  readonly fetch: (request: Request) => Promise<Response>
  /** Adds a person who can sign in. Rejects with `StorageError` `username_taken`. */
  addUser(user: { username: string; password: string; displayName?: string; email?: string }): Promise<User>
}

type Endpoint = (request: Request, received: ReceivedMessage, requestId: string) => Promise<Response>

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
    agent_signing_algs_supported: [...context.algorithms],
    request_types_supported: [...requestTypes.keys()],
    authorization_response_iss_parameter_supported: true,
  }
  const stylesheet = readFileSync(new URL('../assets/pages.css', import.meta.url), 'utf8')

  const routes: Readonly<Record<string, Readonly<Record<string, Endpoint>>>> = {
    [new URL(metadataUrl(issuer, 'aauth-issuer')).pathname]: { GET: async () => document(metadata) },
    '/jwks.json': { GET: async () => document({ keys: await context.keys.publicKeys() }) },
    '/agent/token': {
      POST: (request, received, requestId) => tokenEndpoint(context, request, received, requestId),
    },
    '/agent/auth': {
      GET: (request) => showRequest(context, cookies, request),
      POST: (request, received) => submitForm(context, cookies, request, received),
    },
    '/assets/pages.css': {
      GET: async () =>
        new Response(stylesheet, {
          headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'public, max-age=3600' },
        }),
    },
  }

  async function handler(request: Request, received: ReceivedMessage = receiveRequest(request)): Promise<Response> {
    const requestId = randomUUID()
    const { pathname } = new URL(request.url)
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined
    try {
      if (!route) throw new PageError('not_found')
      const method = request.method === 'HEAD' && pathname !== '/agent/auth' ? 'GET' : request.method
      const endpoint = Object.hasOwn(route, method) ? route[method] : undefined
      if (!endpoint) throw new PageError('method_not_allowed')
      return await endpoint(request, received, requestId)
    } catch (error) {
      const refused = problemPage(context, error, requestId)
      if (route && refused.status === problemStatus.method_not_allowed) {
        refused.headers.set('allow', Object.keys(route).join(', '))
      }
      return refused
    }
  }

  return {
    issuer,
    metadata,
    handler,
    fetch: (request) => handler(request),
    async addUser({ password, ...user }) {
      return context.storage.createUser({ ...user, passwordHash: await hashPassword(password) })
    },
  }
}

function createContext(options: AuthServerOptions): ServerContext {
  const { issuer, keys, storage, now = () => Math.floor(Date.now() / 1000) } = options
  const identifiers = { allowInsecureLoopback: options.allowInsecureLoopback ?? false, allowPath: true }
  requireIdentifier('issuer', issuer, { ...identifiers, allowPath: false })
  if (options.allowInsecureLoopback && issuer.startsWith('https:')) {
    throw new TypeError('allowInsecureLoopback is for development on loopback: an https issuer must not set it')
  }
  const lifetimes: Lifetimes = {
    requestToken: options.requestTokenLifetime ?? 600,
    code: options.codeLifetime ?? 60,
    authToken: options.authTokenLifetime ?? 600,
    grant: options.grantLifetime ?? 86_400,
    sessionIdle: 86_400,
    session: 14 * 86_400,
  }
  for (const [name, seconds] of Object.entries(lifetimes)) {
    if (!Number.isInteger(seconds) || seconds <= 0)
      throw new TypeError(`the lifetime ${name} must be a whole number of seconds above 0`)
  }
  const local = new Map([[metadataUrl(issuer, 'aauth-issuer'), () => keys.publicKeys()]])
  const discovery = createDiscovery({ ...identifiers, now, local, ...(options.fetch ? { fetch: options.fetch } : {}) })
  return {
    issuer,
    name: options.name ?? new URL(issuer).host,
    keys,
    secrets: createMintedSecrets(keys.secret),
    storage,
    discovery,
    resolveKey: createKeyResolver({
      ...identifiers,
      discovery,
      audience: issuer,
      now,
      authTokenIssuers: [issuer],
      absentWellKnown: 'aauth-agent',
    }),
    policy: options.policy ?? askAlways,
    risks: options.risks ?? defaultRisks,
    interop: { redirectUrisOptional: [], unsignedBodies: [], ...options.interop },
    identifiers,
    algorithms: options.algorithms ?? algorithmNames,
    lifetimes,
    maxOpenRequests: options.maxOpenRequests ?? 20,
    nonce: options.nonce ?? 'optional',
    now,
    onError:
      options.onError ?? ((error, requestId) => process.emitWarning(`request ${requestId} failed: ${String(error)}`)),
  }
}

function problemPage(context: ServerContext, error: unknown, requestId: string): Response {
  const problem = error instanceof PageError ? error : asPageError(error)
  if (problemStatus[problem.code] >= 500) context.onError(error, requestId)
  const html = renderProblem({
    ...pageFrame(context),
    code: problem.code,
    requestId,
    ...(problem.agentHost === undefined ? {} : { agentHost: problem.agentHost }),
    ...(problem.retry === undefined ? {} : { retry: problem.retry }),
  })
  return htmlResponse(html, { status: problemStatus[problem.code] })
}

function asPageError(error: unknown): PageError {
  const { code, status } = asRefusal(error)
  if (code === 'unavailable') return new PageError('temporarily_unavailable', { cause: error })
  return new PageError(status < 500 ? 'bad_form' : 'server_error', { cause: error })
}

function document(body: object): Response {
  return new Response(JSON.stringify(body), {
    headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' },
  })
}
