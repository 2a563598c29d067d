import { type Agent, type AgentDescription, createAgent } from '../agent/index.js'
import { createSigner, generatePrivateJwk, type Signer } from '../index.js'
import type { TestClock } from './test-clock.js'
import type { TestEdition } from './test-edition.js'
import { sendFault, type TestFault } from './test-faults.js'
import type { TestGrants } from './test-grants.js'
import { requireTestName, type TestOrigins } from './test-origins.js'
import type { TestUser } from './test-person.js'

export interface TestAgentOptions {
  /** The agent's identifier, which ends in `.test`. @default 'https://agent.test', then 'https://agent-2.test' and so on */
  id?: string | undefined
  /** The user who decides the agent's consents. @default a user who allows everything */
  person?: TestUser | undefined
  /** The agent's description in its document. */
  about?: AgentDescription | undefined
}

/** An agent whose user decides without a page. */
export interface TestAgent extends Agent {
  readonly signer: Signer
  readonly person: TestUser
  /**
   * Sends a request that has one fault but otherwise meets the route's requirement, and resolves to the response without following a
   * challenge. The route's requirement is determined by an additional request, which every route refuses.
   *
   * @throws TypeError if the request cannot have this fault, or if the route does not check for it because it verifies nothing or needs no
   * token
   */
  send(fault: TestFault, url: string, init?: RequestInit): Promise<Response>
}

/** The parts of a test world that its agents use. */
export interface TestAgentTools {
  origins: TestOrigins
  fetch: typeof globalThis.fetch
  clock: TestClock
  grants: TestGrants
  edition: TestEdition
}

/** Creates an agent with its own key. The agent's documents are served at its origin, and `person` decides its consents. */
export async function createTestAgent(
  { origins, fetch, clock, grants, edition }: TestAgentTools,
  { id, person, about }: { id: string; person: TestUser; about: AgentDescription | undefined },
): Promise<TestAgent> {
  requireTestName('agent', id)
  const signer = await createSigner(await generatePrivateJwk())
  const agent = createAgent({
    edition: edition.agent,
    id,
    signer,
    authServers: [grants.issuer],
    onePerson: true,
    about,
    fetch,
    now: clock.now,
    async onConsent({ url }) {
      const page = await person.open(url)
      // The agent itself reports a denial.
      if (page.status === 408 || page.status === 410) throw new Error(`The user could not decide: ${await page.text()}`)
    },
  })
  origins.set(id, (request) => agent.handler(request))
  return {
    ...agent,
    signer,
    person,
    send: (fault, url, init) =>
      sendFault(fault, new Request(url, init), {
        form: edition.faults,
        id,
        signer,
        sub: person.sub,
        fetch,
        clock,
        grants,
      }),
  }
}
