import type { SharedAgentOptions } from '../agent/index.js'
import { createSigner, generatePrivateJwk, systemClock } from '../index.js'
import { january, parseChallenge } from '../low-level-exports/editions.js'
import { decodeToken, parseJsonObject } from '../low-level-exports/tokens.js'
import type { ResourceOptions } from '../resource/index.js'
import { issueTestAccessToken, type TestAccessTokenOptions } from './test-access-tokens.js'
import { createTestAgent, type TestAgent, type TestAgentOptions } from './test-agent.js'
import { createTestAuthServer } from './test-auth-server.js'
import { createTestClock } from './test-clock.js'
import { serveTestServer, type TestEdition } from './test-edition.js'
import type { FaultForm } from './test-faults.js'
import { createTestGrants } from './test-grants.js'
import { createTestFetch, requireTestName, type TestOrigins } from './test-origins.js'
import { type Account, createTestBrowser, type TestPersonOptions, type TestUser } from './test-person.js'

export interface TestWorldOptions {
  /** The auth server's identifier, which ends in `.test`. @default 'https://auth.test' */
  authServer?: string | undefined
  /** The edition of AAuth, such as `draft11TestEdition` from `countersign/testing/draft-11`. @default January 2026 */
  edition?: TestEdition | undefined
  /** The initial time, in Unix seconds. @default the time at which the world is created */
  now?: number | undefined
}

/** An auth server, users and agents in memory, without network or ports. */
export interface TestWorld {
  /** The handler of each origin. Add your API or agent here. To simulate a failure, replace a handler. */
  readonly origins: TestOrigins
  /** A `fetch` that reaches only these origins. */
  readonly fetch: typeof globalThis.fetch
  /** The current time, in Unix seconds. It advances only on request. */
  readonly now: () => number
  /** Advances the clock. System timers are not affected. */
  advance(seconds: number): void
  /** The identifier of the auth server. */
  readonly authServer: string
  /** The options other than `id` that `createResource` requires, with a key created for this world. */
  readonly forResource: Pick<ResourceOptions, 'edition' | 'signer' | 'authServer'> & {
    fetch: typeof globalThis.fetch
    now: () => number
  }
  /** The options other than `id` that `createAgent` and `createWebAgent` require, with a key created for this world. */
  readonly forAgent: Pick<SharedAgentOptions, 'edition' | 'signer' | 'authServers'> & {
    fetch: typeof globalThis.fetch
    now: () => number
  }
  /** Creates a user with an account and a browser. */
  person(name: string, options?: TestPersonOptions): TestUser
  /** Creates an agent that is served at its own origin. */
  agent(options?: TestAgentOptions): Promise<TestAgent>
  /**
   * Issues an OAuth access token, as a client has it after a user has allowed its scopes, or a token with one fault.
   *
   * @param resource the URL of the MCP server, such as `https://api.test/mcp`, or the `id` of an API
   * @throws TypeError for a resource that is not at a host ending in `.test`, and for an unknown fault
   */
  accessToken(resource: string, options: TestAccessTokenOptions): Promise<string>
}

/**
 * A world for testing an API or an agent. Its auth server speaks the real protocol, and every role makes all of its checks. Keys are
 * generated for each world, and its host names end in `.test`: a role that does not use the world’s `fetch` never finds them.
 *
 * @throws TypeError for an auth server whose name does not end in `.test`
 * @example
 * ```ts
 * const world = await createTestWorld()
 * const resource = createResource({ id: 'https://api.test', ...world.forResource })
 * world.origins.set(resource.id, createApp(resource).fetch)
 * const agent = await world.agent()
 * const response = await agent.fetch('https://api.test/events')
 * ```
 */
export async function createTestWorld(options: TestWorldOptions = {}): Promise<TestWorld> {
  const { authServer = 'https://auth.test', now = systemClock(), edition = januaryTestEdition } = options
  requireTestName('authServer', authServer)
  const origins: TestOrigins = new Map()
  const clock = createTestClock(now)
  const fetch = createTestFetch(origins)
  const newSigner = async () => createSigner(await generatePrivateJwk())
  const signers = { signer: await newSigner(), oauthSigner: await newSigner() }
  const grants = createTestGrants(authServer, signers, clock.now)
  const accounts = new Map<string, Account>()
  const accountOf = (cookies: string) => accounts.get(cookies.replace(/^session=/, ''))
  const server = edition.createServer({ grants, clock, fetch, accountOf })
  origins.set(authServer, serveTestServer(server, grants))
  let agents = 0

  function person(name: string, { allows = 'all', takes = 0 }: TestPersonOptions = {}): TestUser {
    const sub = crypto.randomUUID()
    const session = crypto.randomUUID()
    const asked: Account['asked'] = []
    const open = createTestBrowser(fetch, new Map([[authServer, ['session', session]]]))
    const revoke = async (agent?: string) => {
      grants.revoke(sub, agent)
      await server.tellRevoked?.()
    }
    const created: TestUser = { name, sub, allows, takes, asked, open, revoke }
    accounts.set(session, { person: created, asked })
    return created
  }

  return {
    origins,
    fetch,
    now: clock.now,
    advance: (seconds) => clock.advance(seconds),
    authServer,
    forResource: { edition: edition.resource, signer: await newSigner(), authServer, fetch, now: clock.now },
    forAgent: { edition: edition.agent, signer: await newSigner(), authServers: [authServer], fetch, now: clock.now },
    person,
    agent: ({ id, person: decides, about } = {}) => {
      agents++
      const name = id ?? (agents === 1 ? 'https://agent.test' : `https://agent-${agents}.test`)
      return createTestAgent(
        { origins, fetch, clock, grants, edition },
        { id: name, person: decides ?? person(`user of ${name}`), about },
      )
    },
    accessToken: (resource, given) => issueTestAccessToken(resource, given, { grants, clock, newPerson: person }),
  }
}

/** The faulty requests of January 2026. */
const januaryFaults: FaultForm = {
  profile: january.signing,
  keyReference({ jwk }) {
    const { kid: _kid, alg: _alg, use: _use, ...members } = jwk
    return { scheme: 'hwk', jwk: members }
  },
  agentReference: async ({ id, signer }) => ({
    scheme: 'jwks',
    id,
    kid: signer.kid,
    wellKnown: january.documents.agent.name,
  }),
  issue: ({ grants, signer }, grant, changes) => grants.issue(grant, signer.jwk, changes),
  async accessIn({ status, headers }, text) {
    const header = headers.get(january.headers.challenge)
    const { error } = parseJsonObject(text) ?? {}
    if (status !== 401 || header === null || error !== 'expired_auth_token') return undefined
    const { resourceToken } = parseChallenge(header)
    const scope = resourceToken && decodeToken(resourceToken)?.payload.scope
    return { scope: typeof scope === 'string' ? scope : undefined }
  },
  narrow: async (scope) => scope.split(' ').slice(0, -1).join(' '),
  // An API with `denyList` has read the revocation by then.
  async revoke({ clock }, grant) {
    grant.isRevoked = true
    clock.advance(5)
  },
}

const januaryTestEdition: TestEdition = { createServer: createTestAuthServer, faults: januaryFaults }
