import { type Agent, type AgentDescription, createAgent } from '../agent/index.js'
import { createSigner, generatePrivateJwk, type Signer } from '../index.js'
import type { TestClock } from './test-clock.js'
import { sendFault, type TestFault } from './test-faults.js'
import type { TestGrants } from './test-grants.js'
import { requireTestName, type TestOrigins } from './test-origins.js'
import type { TestPerson } from './test-person.js'

export interface TestAgentOptions {
  /** Ends in `.test`. @default 'https://agent.test', then 'https://agent-2.test' and so on */
  id?: string | undefined
  /** Who decides for it. @default a person who allows all */
  person?: TestPerson | undefined
  /** What it says about itself. */
  about?: AgentDescription | undefined
}

/** An agent whose person decides without a page. */
export interface TestAgent extends Agent {
  readonly signer: Signer
  readonly person: TestPerson
  /**
   * Sends one request with one thing wrong, and all else as the route asks for, and resolves to the answer: no challenge is
   * followed. What the route asks for it learns from one more request, which no route lets pass.
   *
   * @throws TypeError where the route does not check what is wrong here: one that verifies nothing, or needs no token
   */
  send(fault: TestFault, url: string, init?: RequestInit): Promise<Response>
}

/** The parts of a test world that its agents use. */
export interface TestAgentTools {
  origins: TestOrigins
  fetch: typeof globalThis.fetch
  clock: TestClock
  grants: TestGrants
}

/** Creates an agent with its own key, whose documents are served at its origin and whose consents `person` decides. */
export async function createTestAgent(
  { origins, fetch, clock, grants }: TestAgentTools,
  { id, person, about }: { id: string; person: TestPerson; about: AgentDescription | undefined },
): Promise<TestAgent> {
  requireTestName('agent', id)
  const signer = await createSigner(await generatePrivateJwk())
  const agent = createAgent({
    id,
    signer,
    authServers: [grants.issuer],
    onePerson: true,
    about,
    fetch,
    now: clock.now,
    async onConsent({ url }) {
      const page = await person.open(url)
      // A denial is told by the agent itself.
      if (page.status === 408 || page.status === 410)
        throw new Error(`The person could not decide: ${await page.text()}`)
    },
  })
  origins.set(id, (request) => agent.handler(request))
  return {
    ...agent,
    signer,
    person,
    send: (fault, url, init) =>
      sendFault(fault, new Request(url, init), { id, signer, sub: person.sub, fetch, clock, grants }),
  }
}
