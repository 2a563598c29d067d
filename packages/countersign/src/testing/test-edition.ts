import { AAuthError } from '../index.js'
import { documentResponse } from '../low-level-exports/discovery.js'
import type { AgentEdition, ResourceEdition, WrittenRefusal } from '../low-level-exports/editions.js'
import type { TestClock } from './test-clock.js'
import type { FaultForm } from './test-faults.js'
import type { TestGrants } from './test-grants.js'
import type { OriginHandler } from './test-origins.js'
import type { Account } from './test-person.js'

/** The parts of a test world that its auth server uses. */
export interface TestServerTools {
  grants: TestGrants
  clock: TestClock
  fetch: typeof globalThis.fetch
  /** The account that is signed in with a cookie. */
  accountOf: (cookies: string) => Account | undefined
}

/** The auth server of a test world, in one edition. */
export interface TestServer {
  /** Its handlers, by method and URL, such as `GET https://auth.test/jwks.json`. A URL that ends in `/` stands for all URLs below it. */
  readonly routes: ReadonlyMap<string, OriginHandler>
  writeRefusal(error: AAuthError): WrittenRefusal
  /** Tells resources about revoked grants, in editions in which the auth server does. */
  readonly tellRevoked?: () => Promise<void>
}

/** An edition of the protocol as a test world needs it. */
export interface TestEdition {
  /** The agent's part. @default January 2026 */
  readonly agent?: AgentEdition | undefined
  /** The resource's part. @default January 2026 */
  readonly resource?: ResourceEdition | undefined
  createServer(tools: TestServerTools): TestServer
  readonly faults: FaultForm
}

/** The handler of an auth server's origin, which also publishes the keys of its OAuth access tokens. */
export function serveTestServer(server: TestServer, grants: TestGrants): OriginHandler {
  const { issuer, oauthSigner } = grants
  const oauthKeys = `${issuer}/oauth/jwks.json`
  const all = new Map<string, OriginHandler>([
    ...server.routes,
    [`GET ${issuer}/.well-known/oauth-authorization-server`, () => documentResponse({ issuer, jwks_uri: oauthKeys })],
    [`GET ${oauthKeys}`, () => documentResponse({ keys: [oauthSigner.jwk] })],
  ])
  return async (request) => {
    const { origin, pathname } = new URL(request.url)
    const name = `${request.method} ${origin}${pathname}`
    const route = all.get(name) ?? all.get(name.replace(/[^/]*$/, ''))
    if (!route) return new Response('', { status: 404 })
    try {
      return await route(request)
    } catch (error) {
      if (!(error instanceof AAuthError)) throw error
      const { status, headers, body } = server.writeRefusal(error)
      return new Response(body, { status, headers })
    }
  }
}
