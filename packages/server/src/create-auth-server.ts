import type { ReceivedMessage } from 'countersign'
import { documentUrl, type OwnDocument } from 'countersign/discovery'
import {
  newPasskeyOptions,
  showAccountPage,
  showConfirmation,
  showSignedOut,
  submitAccountForm,
} from './account/account-endpoints.js'
import { accountPages } from './account/account-pages.js'
import { showConfirmEmail, submitConfirmEmail } from './account/confirm-email.js'
import { startEmails } from './account/emails.js'
import { openLink, setNewPassword, showNewPassword } from './account/new-password.js'
import { showForgot, showLinkSent, submitForgot } from './account/recovery.js'
import type { AuthServerOptions } from './config/options.js'
import { createJudgeName } from './consent/name-caution.js'
import { showRequest } from './consent/show.js'
import {
  enterWithProvider,
  passkeyChallenge,
  returnFromProvider,
  showSignIn,
  showSignUp,
  submitEntranceForm,
} from './consent/sign-in-and-continue.js'
import { submitForm } from './consent/submit.js'
import { deviceTokenLifetime } from './editions/devices.js'
import { type ServerEdition, type SignedContext, type SignedEdition, signedContext } from './editions/edition.js'
import { januaryServer } from './editions/january/january.js'
import { logoPath, showAsset, showLogo } from './http/assets.js'
import { createContext, type ServerContext } from './http/context.js'
import { seeOther } from './http/html-response.js'
import { createReadiness } from './http/readiness.js'
import { type Arrival, documentRoute, type Endpoint, type Route } from './http/route.js'
import { createRequestHandler } from './http/serve-request.js'
import { openFormVisit, openVisit, type Visit } from './http/visit.js'
import { passwordMinimum, passwordProblem, usernameProblem } from './lib/credential-rules.js'
import { accountPaths } from './pages/models/account-paths.js'
import type { User } from './storage/api/storage.js'

export { deviceTokenLifetime, januaryServer }

export interface AuthServer {
  readonly issuer: string
  /** The document that the first edition publishes. */
  readonly metadata: OwnDocument
  /**
   * Responds to a request. `received` is the message as it was on the wire, if the platform exposes it. Pages and `onError` identify the
   * request by `requestId`, a random id by default.
   */
  handler(request: Request, received?: ReceivedMessage, requestId?: string): Promise<Response>
  /** The handler in the form that platforms call. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Resolves if the server can sign and can write to its database, which must belong to this issuer and agree with its clock. It actually
   * signs and writes, at most once a second. Call it before listening, and from health checks. Rejects with `StorageError` or `KeyError`,
   * whose message tells the operator what to do.
   */
  ready(): Promise<void>
  /**
   * Adds a user who can sign in. Rejects with `StorageError` `username_taken` or `username_looks_alike`, and with a `TypeError` for a
   * username or password that sign-up would refuse.
   */
  addUser(user: { username: string; password: string; displayName?: string; email?: string }): Promise<User>
  /**
   * Stops starting background work, such as fetching logos, and resolves when none of it needs the storage anymore. Call it after the last
   * response, before `storage.close()`.
   */
  close(): Promise<void>
}

/**
 * An auth server: accepts resource tokens from agents that are registered nowhere, asks the user for consent, and issues auth tokens bound
 * to the agent’s key.
 *
 * @param edition the first edition, in which agents sign their requests with the server's `keys`
 * @param others more editions to offer, with or without signed requests. Each has its own keys
 * @throws TypeError for invalid options, naming them
 * @example
 * ```ts
 * const server = createAuthServer({ issuer: 'https://auth.example', keys, storage: sqliteStorage('auth.db') })
 * ```
 */
export function createAuthServer(
  options: AuthServerOptions,
  edition: SignedEdition = januaryServer,
  ...others: readonly (ServerEdition | SignedEdition)[]
): AuthServer {
  const context = createContext(options, [edition, ...others], createJudgeName)
  const { issuer } = context
  startEmails(context)
  const handler = createRequestHandler(context, createRoutes(context, [edition, ...others]), edition.edition)

  return {
    issuer,
    metadata: edition.describe(signedContext(context, edition)),
    handler,
    fetch: (request) => handler(request),
    ready: createReadiness(context),
    async addUser({ password, ...user }) {
      const unusable = usernameProblem(user.username)
      if (unusable === 'username_invalid')
        throw new TypeError(
          'addUser: username must be 1 to 128 visible characters on one line, with only single spaces between them',
        )
      if (unusable === 'username_mixed')
        throw new TypeError(
          'addUser: each word of the username must use a single alphabet, because letters from different alphabets can look alike',
        )
      const weak = passwordProblem(password, user.username)
      if (weak)
        throw new TypeError(
          `addUser: ${weak.replaceAll('_', ' ')}; use ${passwordMinimum} to 1024 characters that are hard to guess`,
        )
      return context.storage.createUser({ ...user, passwordHash: await context.passwords.hash(password, ['operator']) })
    },
    close: () => context.background.end(),
  }
}

/** All routes of the server, in one table. */
export function createRoutes(
  context: ServerContext,
  editions: readonly (ServerEdition | SignedEdition)[] = [januaryServer],
): readonly Route[] {
  return [
    ...editions.flatMap((each) => ('edition' in each ? signedRoutes(context, each) : each.endpoints(context))),
    ...pageRoutes(context).map((route): Route => ({ ...route, caller: 'browser' })),
  ]
}

type Row = Omit<Route, 'caller'>

/** The routes of an edition in which agents sign their requests: its documents, and its endpoints. */
function signedRoutes(shared: ServerContext, edition: SignedEdition): readonly Route[] {
  const context = signedContext(shared, edition)
  const routes = [...documentRoutes(context, edition.describe(context)), ...edition.endpoints(context)]
  return routes.map((route) => ({ edition: edition.edition, ...route }))
}

function documentRoutes({ issuer, edition, keys }: SignedContext, metadata: OwnDocument): readonly Route[] {
  return [
    documentRoute(documentUrl(edition.documents.authServer, issuer), metadata),
    documentRoute(metadata.jwks_uri, async () => ({ keys: await keys.publicKeys() })),
  ]
}

function pageRoutes(context: ServerContext): readonly Row[] {
  type Serve = (context: ServerContext, visit: Visit) => Promise<Response>
  const page =
    (show: Serve): Endpoint =>
    async (arrival) =>
      show(context, await openVisit(context, arrival))
  const form =
    (submit: Serve): Endpoint =>
    async (arrival) =>
      submit(context, await openFormVisit(context, arrival))
  const asset = (path: string, name?: string): Row => ({
    path,
    isLight: true,
    methods: { GET: ({ request, id }) => showAsset(context, request, name ?? id) },
  })
  const submitEntrance = { POST: form(submitEntranceForm) }

  return [
    ...context.transports.paths.map((path) => ({
      path,
      methods: {
        GET: (arrival: Arrival) => showRequest(context, arrival, path),
        POST: (arrival: Arrival) => submitForm(context, arrival, path),
      },
    })),
    { path: accountPaths.signIn, methods: { GET: page(showSignIn), ...submitEntrance } },
    { path: accountPaths.signUp, methods: { GET: page(showSignUp), ...submitEntrance } },
    { path: '/account/language', methods: submitEntrance },
    { path: accountPaths.forgot, methods: { GET: page(showForgot), POST: form(submitForgot) } },
    { path: accountPaths.linkSent, methods: { GET: page(showLinkSent) } },
    { path: accountPaths.confirmEmail, methods: { GET: page(showConfirmEmail), POST: form(submitConfirmEmail) } },
    { path: accountPaths.link, methods: { GET: page(openLink) } },
    { path: accountPaths.newPassword, methods: { GET: page(showNewPassword), POST: form(setNewPassword) } },
    { path: '/account/with/:id', methods: { GET: page(enterWithProvider) } },
    { path: '/account/with/:id/callback', methods: { GET: page(returnFromProvider) } },
    { path: '/account/passkeys/challenge', methods: { POST: form(passkeyChallenge) } },
    { path: accountPaths.passkeyOptions, methods: { POST: form(newPasskeyOptions) } },
    { path: accountPaths.signedOut, methods: { GET: page(showSignedOut) } },
    { path: accountPaths.confirm, methods: { GET: page(showConfirmation), POST: form(submitAccountForm) } },
    ...[...accountPages].map(([path, show]): Row => {
      const shown = { GET: page((_, visit) => showAccountPage(context, visit, show)) }
      const methods = path === accountPaths.actions ? { ...shown, POST: form(submitAccountForm) } : shown
      return { path: decodeURIComponent(path), methods }
    }),
    { path: '/', isLight: true, methods: { GET: () => seeOther(accountPaths.agents) } },
    // Static files, under the names that the pages use and those that browsers request by default.
    { path: logoPath(':id'), methods: { GET: ({ id }) => showLogo(context, id) } },
    asset('/assets/:id'),
    asset('/favicon.ico', 'favicon.ico'),
    asset('/apple-touch-icon.png', 'apple-touch-icon.png'),
  ]
}
