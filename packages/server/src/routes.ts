import type { ReceivedMessage } from 'countersign'
import { type IssuerMetadata, metadataUrl } from 'countersign/wire'
import {
  passkeyOptions,
  showAccountPage,
  showConfirmation,
  showEntrance,
  showSignedOut,
  submitAccountForm,
  submitEntranceForm,
} from './account/account-endpoints.js'
import { type AccountPage, accountPages } from './account/account-pages.js'
import { showRequest } from './consent/show.js'
import { submitForm } from './consent/submit.js'
import type { ServerContext } from './context.js'
import { revokeToken } from './editions/january/revoke.js'
import { answerTokenRequest } from './editions/january/token-endpoint.js'
import type { Cookies } from './http/cookies.js'
import { decodeSegment } from './http/decode-segment.js'
import { seeOther } from './http/html-response.js'
import { showAsset } from './http/show-asset.js'
import { logoPath, showLogo } from './http/show-logo.js'
import { accountPaths } from './pages/account-paths.js'
import { finishProviderSignIn, startProviderSignIn } from './sign-in/provider-sign-in.js'
import { createRevocationListEndpoint, revocationListPath } from './token/revocation-list.js'
import { type RequestType, signedFormEndpoint } from './token/signed-form.js'

/** What an endpoint gets of a request: itself, as it was on the wire, its id, and what `*` in the route's path stood for. */
export interface Incoming {
  request: Request
  received: ReceivedMessage
  requestId: string
  id: string
}

export type Endpoint = (incoming: Incoming) => Promise<Response>
export type Route = Readonly<Record<string, Endpoint>>

/** Whether programs call a path, and not people: what is wrong is then said in JSON. */
export function isForPrograms(pathname: string): boolean {
  return /^\/(?:agent\/(?:token|revoke)|jwks\.json|\.well-known\/[^/]*)$/.test(pathname)
}

/** Everything the server answers, by path and method; `*` stands for one segment. */
export function createRoutes(
  context: ServerContext,
  cookies: Cookies,
  metadata: IssuerMetadata,
): ReadonlyMap<string, Route> {
  const signedForm =
    (answer: RequestType): Endpoint =>
    ({ request, received, requestId }) =>
      signedFormEndpoint(context, request, received, requestId, answer)
  const entrance: Endpoint = ({ request, received }) => submitEntranceForm(context, cookies, request, received)
  const accountPage =
    (page: AccountPage): Endpoint =>
    ({ request, id }) =>
      showAccountPage(context, cookies, request, page, id)
  const accountForms: Endpoint = ({ request, received }) => submitAccountForm(context, cookies, request, received)

  const routes = new Map<string, Route>([
    [new URL(metadataUrl(context.issuer, 'aauth-issuer')).pathname, { GET: async () => json(metadata) }],
    ['/jwks.json', { GET: async () => json({ keys: await context.keys.publicKeys() }) }],
    [revocationListPath, { GET: createRevocationListEndpoint(context) }],
    ['/agent/token', { POST: signedForm(answerTokenRequest) }],
    ['/agent/revoke', { POST: signedForm(revokeToken) }],
    [
      '/agent/auth',
      {
        GET: ({ request }) => showRequest(context, cookies, request),
        POST: ({ request, received }) => submitForm(context, cookies, request, received),
      },
    ],
    [accountPaths.signIn, { GET: ({ request }) => showEntrance(context, cookies, request, 'sign-in'), POST: entrance }],
    [accountPaths.signUp, { GET: ({ request }) => showEntrance(context, cookies, request, 'sign-up'), POST: entrance }],
    [accountPaths.signedOut, { GET: ({ request }) => showSignedOut(context, cookies, request) }],
    [accountPaths.confirm, { GET: ({ request }) => showConfirmation(context, cookies, request), POST: accountForms }],
    ['/account/language', { POST: entrance }],
    ['/account/with/*', { GET: (incoming) => startProviderSignIn(context, cookies, incoming) }],
    ['/account/with/*/callback', { GET: (incoming) => finishProviderSignIn(context, cookies, incoming) }],
    [
      '/account/passkeys/challenge',
      { POST: ({ request, received }) => passkeyOptions(context, cookies, request, received, 'sign-in') },
    ],
    [
      accountPaths.passkeyOptions,
      { POST: ({ request, received }) => passkeyOptions(context, cookies, request, received, 'registration') },
    ],
    ['/', { GET: async () => seeOther(accountPaths.agents) }],
    [logoPath('*'), { GET: ({ id }) => showLogo(context, id) }],
    ['/assets/*', { GET: ({ request, id }) => showAsset(request, id) }],
    // Where browsers look by themselves.
    ['/favicon.ico', { GET: ({ request }) => showAsset(request, 'favicon.ico') }],
    ['/apple-touch-icon.png', { GET: ({ request }) => showAsset(request, 'apple-touch-icon.png') }],
  ])
  for (const [path, page] of accountPages) {
    const forms = path === accountPaths.actions ? { POST: accountForms } : {}
    routes.set(decodeURIComponent(path), { GET: accountPage(page), ...forms })
  }
  return routes
}

/** The route of a path, and what `*` in it stands for. */
export function findRoute(
  routes: ReadonlyMap<string, Route>,
  pathname: string,
): { route: Route; id: string } | undefined {
  const exact = routes.get(pathname)
  if (exact) return { route: exact, id: '' }
  const segments = pathname.split('/')
  for (const [index, segment] of segments.entries()) {
    if (segment === '' || segment === '*') continue
    const route = routes.get(segments.with(index, '*').join('/'))
    const id = route && decodeSegment(segment)
    if (route && id !== undefined) return { route, id }
  }
  return undefined
}

function json(body: object): Response {
  return new Response(JSON.stringify(body), {
    headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' },
  })
}
