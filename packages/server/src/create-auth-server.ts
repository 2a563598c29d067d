import { randomUUID } from 'node:crypto'
import { AAuthError, type ReceivedMessage } from 'countersign'
import { documentResponse, documentUrl, type OwnDocument } from 'countersign/discovery'
import { receiveRequest } from 'countersign/signatures'
import { type Context, Hono } from 'hono'
import {
  newPasskeyOptions,
  showAccountPage,
  showConfirmation,
  showSignedOut,
  submitAccountForm,
} from './account/account-endpoints.js'

import { accountPages } from './account/account-pages.js'
import type { AuthServerOptions } from './config/options.js'
import { showRequest } from './consent/show.js'
import {
  enterWithProvider,
  passkeyChallenge,
  returnFromProvider,
  showSignIn,
  showSignUp,
  submitEntranceForm,
} from './consent/sign-in-endpoints.js'
import { submitForm } from './consent/submit.js'
import type { ProgramEndpoint, ServerEdition } from './editions/edition.js'
import { januaryServer } from './editions/january/january.js'
import { createAdmission, tellAnswer } from './http/admission.js'
import { compressed, logoPath, showAsset, showLogo } from './http/assets.js'
import { createContext, type ServerContext } from './http/context.js'
import { seeOther } from './http/html-response.js'
import { createOwnership, type Ownership } from './http/ownership.js'
import { PageError, problemStatus } from './http/page-error.js'
import { problemResponse } from './http/problem-response.js'
import { createReadiness } from './http/readiness.js'
import { refusalResponse } from './http/refusal-response.js'
import { type Arrival, openFormVisit, openVisit, type Visit } from './http/visit.js'
import { accountPaths } from './pages/models/account-paths.js'
import { passwordMinimum, passwordProblem, usernameProblem } from './policy/account-policy.js'
import type { User } from './storage/api/storage.js'

export interface AuthServer {
  readonly issuer: string
  /** The published document. */
  readonly metadata: OwnDocument
  /**
   * Answers a request; `received` is the message as it was on the wire, where the platform shows it. Pages and `onError`
   * name the request by `requestId`, a random one by default.
   */
  handler(request: Request, received?: ReceivedMessage, requestId?: string): Promise<Response>
  /** The handler as platforms call it. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Resolves when the server can write to its database, which must be this issuer's and of the same time, and sign; really
   * tries, at most once a second. Call it before you listen, and where a load balancer asks. Rejects with `StorageError` or `KeyError`, whose
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
 * the agent's key.
 *
 * @param edition the edition of AAuth that is spoken
 * @throws TypeError for options that cannot work, naming the option
 * @example
 * ```ts
 * const server = createAuthServer({ issuer: 'https://auth.example', keys, storage: sqliteStorage('auth.db') })
 * ```
 */
export function createAuthServer(options: AuthServerOptions, edition: ServerEdition = januaryServer): AuthServer {
  const context = createContext(options, edition)
  const { issuer } = context
  const metadata = edition.describe(context)
  const ownership = createOwnership(context)
  const routes = createRoutes(context, edition, metadata)
  const app = createApp(context, ownership, routes)
  const lightPaths = lightPathsOf(routes)
  const admit = createAdmission(context, {
    programs: routes.programs.keys(),
    people: routes.people.keys(),
    isLight: (path) => lightPaths.has(path),
    startsNew: (path, body) => edition.startsNew?.(path, body) ?? false,
  })
  /** What programs ask for by its very path needs nothing of what is around the routes; undefined: these answer. */
  async function answerProgram(request: Request, arrival: Arrival['Bindings']): Promise<Response | undefined> {
    const { method, rawTarget } = arrival.received
    const methods = ownership.isKnown ? routes.programs.get(rawTarget) : undefined
    const endpoint = methods && Object.hasOwn(methods, method) ? methods[method] : undefined
    if (!endpoint) return undefined
    let response: Response
    try {
      response = await endpoint({ request, ...arrival })
    } catch (error) {
      response = refusalResponse(context, error, arrival.requestId)
    }
    await tellAnswer(context, arrival, response, rawTarget)
    return response
  }
  const handler = async (
    request: Request,
    received: ReceivedMessage = receiveRequest(request),
    requestId: string = randomUUID(),
  ) => {
    const arrival = { received, requestId, began: performance.now() }
    const answer = async () => (await answerProgram(request, arrival)) ?? app.fetch(request, arrival)
    return compressed(request, await admit(request, arrival, answer))
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
      return context.storage.createUser({ ...user, passwordHash: await context.passwords.hash(password, ['operator']) })
    },
    close: () => context.background.end(),
  }
}

type Endpoint = (c: Context<Arrival>) => Response | Promise<Response>
type Route = Readonly<Record<string, Endpoint>>

type Routes = ReadonlyMap<string, Route>
type ProgramRoutes = ReadonlyMap<string, Readonly<Record<string, ProgramEndpoint>>>

/** Everything the server answers, by path and method. */
export function createRoutes(
  context: ServerContext,
  edition: ServerEdition = januaryServer,
  metadata: OwnDocument = edition.describe(context),
): { programs: ProgramRoutes; people: Routes } {
  return { programs: programRoutes(context, edition, metadata), people: pageRoutes(context) }
}

function programRoutes(context: ServerContext, edition: ServerEdition, metadata: OwnDocument): ProgramRoutes {
  const { issuer, keys } = context
  const document = (write: () => Promise<Response>) => ({ GET: write })
  return new Map([
    [
      new URL(documentUrl(edition.edition.documents.authServer, issuer)).pathname,
      document(async () => documentResponse(metadata)),
    ],
    [new URL(metadata.jwks_uri).pathname, document(async () => documentResponse({ keys: await keys.publicKeys() }))],
    ...edition.endpoints(context),
  ])
}

function pageRoutes(context: ServerContext): Routes {
  const page =
    (show: (context: ServerContext, visit: Visit) => Promise<Response>): Endpoint =>
    async (c) =>
      show(context, await openVisit(context, c))
  const form =
    (submit: (context: ServerContext, visit: Visit) => Promise<Response>): Endpoint =>
    async (c) =>
      submit(context, await openFormVisit(context, c))

  return new Map<string, Route>([
    [context.transport.path, { GET: (c) => showRequest(context, c), POST: (c) => submitForm(context, c) }],
    [accountPaths.signIn, { GET: page(showSignIn), POST: form(submitEntranceForm) }],
    [accountPaths.signUp, { GET: page(showSignUp), POST: form(submitEntranceForm) }],
    ['/account/language', { POST: form(submitEntranceForm) }],
    ['/account/with/:id', { GET: page(enterWithProvider) }],
    ['/account/with/:id/callback', { GET: page(returnFromProvider) }],
    ['/account/passkeys/challenge', { POST: form(passkeyChallenge) }],
    [accountPaths.passkeyOptions, { POST: form(newPasskeyOptions) }],
    [accountPaths.signedOut, { GET: page(showSignedOut) }],
    [accountPaths.confirm, { GET: page(showConfirmation), POST: form(submitAccountForm) }],
    ...[...accountPages].map(([path, show]): [string, Route] => {
      const shown = { GET: page((_, visit) => showAccountPage(context, visit, show)) }
      return [
        decodeURIComponent(path),
        path === accountPaths.actions ? { ...shown, POST: form(submitAccountForm) } : shown,
      ]
    }),
    ['/', { GET: () => seeOther(accountPaths.agents) }],
    // What pages are made of, where they name it or browsers look by themselves.
    [logoPath(':id'), { GET: (c) => showLogo(context, c.req.param('id') ?? '') }],
    ['/assets/:id', { GET: (c) => showAsset(c.req.raw, c.req.param('id') ?? '') }],
    ['/favicon.ico', { GET: (c) => showAsset(c.req.raw, 'favicon.ico') }],
    ['/apple-touch-icon.png', { GET: (c) => showAsset(c.req.raw, 'apple-touch-icon.png') }],
  ])
}

/** The routes, with what holds for all of them: whose database it is, what is refused, and who is told. */
function createApp(
  context: ServerContext,
  ownership: Ownership,
  { programs, people }: { programs: ProgramRoutes; people: Routes },
): Hono<Arrival> {
  // A path is compared as it was sent: encoded letters are others.
  const app = new Hono<Arrival>({ getPath: (request) => new URL(request.url).pathname })

  function refuse(error: unknown, c: Context<Arrival>): Response {
    const refused = c.get('forPrograms')
      ? refusalResponse(context, error, c.env.requestId)
      : problemResponse(context, { request: c.req.raw, requestId: c.env.requestId }, error)
    if (refused.status === problemStatus.method_not_allowed) refused.headers.set('allow', c.get('allow'))
    return refused
  }

  for (const path of [...programs.keys(), '/.well-known/*']) {
    app.use(path, async function answerPrograms(c, next) {
      c.set('forPrograms', true)
      await next()
    })
  }
  app.onError(refuse)
  app.notFound((c) => refuse(new PageError('not_found'), c))
  app.use(async function tellOutcome(c, next) {
    await next().catch((thrown: unknown) => {
      // The router's own handler is given nothing but errors.
      c.res = refuse(thrown, c)
    })
    // The router runs this twice for the path `/*`.
    if (c.get('told')) return
    c.set('told', true)
    await tellAnswer(context, c.env, c.res, c.get('route') ?? 'none')
  })
  app.use(async function requireServed(c, next) {
    await ownership.require()
    requirePlainPath(c.env.received, c.req.path)
    if (!isDecodable(c.req.path)) throw new PageError('not_found')
    await next()
  })
  const ofPrograms = [...programs].map(([path, methods]): [string, Route] => [
    path,
    Object.fromEntries(
      Object.entries(methods).map(([method, endpoint]) => [method, (c) => endpoint({ request: c.req.raw, ...c.env })]),
    ),
  ])
  for (const [path, route] of [...ofPrograms, ...people]) {
    app.use(path, async function allow(c, next) {
      c.set('allow', Object.keys(route).join(', '))
      c.set('route', path)
      await next()
    })
    for (const [method, endpoint] of Object.entries(route)) app.on(method, path, endpoint)
    app.all(path, () => {
      throw new PageError('method_not_allowed')
    })
  }
  return app
}

/** Paths of what is made once and kept in memory: documents, keys, assets, redirects. */
function lightPathsOf({ programs, people }: { programs: ReadonlyMap<string, object>; people: Routes }): Set<string> {
  const isLight = (path: string) => staticPaths.has(path) || /^\/(?:\.well-known|assets)\//.test(path)
  return new Set(
    [...programs, ...people].flatMap(([path, route]) => (isLight(path) && !('POST' in route) ? [path] : [])),
  )
}

const staticPaths: ReadonlySet<string> = new Set(['/', '/jwks.json', '/favicon.ico', '/apple-touch-icon.png'])

// A proxy in front that keeps some paths for itself must see the path that is answered here (attacks S28).
function requirePlainPath({ rawTarget }: ReceivedMessage, pathname: string): void {
  if (rawTarget.split('?', 1)[0] === pathname) return
  throw new AAuthError('target_ambiguous', 'Send the path as a URL parser would, without dot segments.')
}

function isDecodable(pathname: string): boolean {
  try {
    return decodeURIComponent(pathname) !== ''
  } catch (error) {
    if (error instanceof URIError) return false
    throw error
  }
}
