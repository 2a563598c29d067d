import { AAuthError } from '../index.js'
import { createDiscovery, documentResponse, documentUrl } from '../low-level-exports/discovery.js'
import { type IssuerMetadata, january, readParameters, requireParameter } from '../low-level-exports/editions.js'
import { createMemoryNonces } from '../resource/index.js'
import type { TestServer, TestServerTools } from './test-edition.js'
import type { TestGrants } from './test-grants.js'
import type { OriginHandler } from './test-origins.js'
import { decide } from './test-person.js'
import { handleTokenRequest, randomText, requestTypes, type TokenContext } from './test-token-endpoint.js'

/** Lifetime of a code, in seconds. */
const codeLifetime = 60

/** An auth server that implements the edition's protocol (S§8.2, 9.3–9.7), with users who decide without a page. */
export function createTestAuthServer(options: TestServerTools): TestServer {
  const { grants, fetch } = options
  const { now } = options.clock
  const { issuer, signer } = grants
  const discovery = createDiscovery({ fetch, now })
  const context: TokenContext = {
    grants,
    discovery,
    keys: january.createKeyResolver({ discovery, role: 'authServer', audience: issuer, authTokenIssuers: [], now }),
    claimNonce: createMemoryNonces({ now }),
    requests: new Map(),
    codes: new Map(),
    refreshTokens: new Map(),
    now,
  }
  const metadata = describe(issuer)
  const routes = new Map<string, OriginHandler>([
    [`GET ${documentUrl(january.documents.authServer, issuer)}`, () => documentResponse(metadata)],
    [`GET ${metadata.jwks_uri}`, () => documentResponse({ keys: [signer.jwk] })],
    [`GET ${metadata.revocation_list_uri}`, () => serveRevocationList(grants)],
    [`POST ${metadata.agent_token_endpoint}`, (request) => handleTokenRequest(context, request)],
    [`GET ${metadata.agent_auth_endpoint}`, (request) => handleConsent(context, options, request)],
  ])

  return { routes, writeRefusal: (error) => january.writeRefusal(error) }
}

function describe(issuer: string) {
  return {
    issuer,
    jwks_uri: `${issuer}/jwks.json`,
    agent_token_endpoint: `${issuer}/agent/token`,
    agent_auth_endpoint: `${issuer}/agent/auth`,
    revocation_list_uri: `${issuer}/.well-known/aauth-revocations`,
    request_types_supported: [...requestTypes.keys()],
    authorization_response_iss_parameter_supported: true,
  } satisfies IssuerMetadata
}

async function serveRevocationList(grants: TestGrants): Promise<Response> {
  return new Response(await grants.list(), { headers: { 'content-type': 'application/jwt' } })
}

/** The browser's user decides at once, and is redirected back (S§9.5). */
function handleConsent(context: TokenContext, { clock, accountOf }: TestServerTools, request: Request): Response {
  const { grants, requests, codes, now } = context
  const account = accountOf(request.headers.get('cookie') ?? '')
  if (!account)
    return new Response('No one is signed in: open this page as a person from the test world.\n', { status: 401 })
  const parameters = readParameters(new URL(request.url).searchParams)
  const requestToken = requireParameter(parameters, 'request_token')
  const open = requests.get(requestToken)
  if (!open) throw new AAuthError('consent_ended', 'There is no pending request.')
  const { agent, resource, scope, redirectUri, expiresAt } = open
  if (parameters.get('redirect_uri') !== redirectUri)
    throw new AAuthError('request_malformed', 'The redirect URI does not match the request.')
  requests.delete(requestToken)
  const allowed = decide(account, { agent, resource, scope }, clock)
  if (expiresAt <= now()) throw new AAuthError('consent_expired', 'The user decided too late.')
  const back = new URL(redirectUri)
  const state = parameters.get('state')
  if (state !== undefined) back.searchParams.set('state', state)
  back.searchParams.set('iss', grants.issuer)
  if (allowed === undefined) back.searchParams.set('error', 'access_denied')
  else {
    const code = randomText()
    const grant = grants.add({ agent, resource, scope: allowed, sub: account.person.sub })
    codes.set(code, { grant, requestToken, redirectUri, expiresAt: now() + codeLifetime })
    back.searchParams.set('code', code)
  }
  return new Response(null, { status: 303, headers: { location: back.href } })
}
