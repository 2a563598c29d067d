import { createSigner, generatePrivateJwk } from 'countersign'
import { AgentError, type ConsentRequest, createAgent } from 'countersign/agent'
import { createGuardedFetch } from 'countersign/node'
import { createTrace } from '../trace/create-trace.js'
import type { Party, TraceEvent } from '../trace/trace-event.js'
import { createClosers } from './closers.js'
import { type Decision, decide } from './decide.js'
import { createDemoAuthServer } from './demo-auth-server.js'
import { createDemoResource } from './demo-resource.js'
import { type DemoParty, demoIds } from './demo-world.js'
import { listen } from './listen.js'
import { openDatabase } from './open-database.js'
import { createScriptedBrowser } from './scripted-browser.js'

export interface DemoOptions {
  /** What the scripted person decides, or how a real person is asked to. */
  person: Decision | ((consent: ConsentRequest) => void | Promise<void>)
  /** SQLite file. @default one in a temporary directory, removed at the end */
  database?: string
  /** Seconds that a person has to decide. @default 600 */
  requestTokenLifetime?: number
  onEvent: (event: TraceEvent) => void
  /** Aborting it ends the demo. */
  signal: AbortSignal
}

/** How the flow ended: the resource's last answer, or that the person refused. */
export type DemoResult = { status: number; body: unknown } | { error: 'access_denied' }

/**
 * Starts agent, resource and auth server on their ports, lets the agent ask for what needs a person, and closes
 * everything again, however it ends.
 *
 * @throws CommandError AgentError in words for a person
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const closers = createClosers()
  try {
    return await startAndAsk(options, closers)
  } finally {
    await closers.close()
  }
}

async function startAndAsk(options: DemoOptions, closers: ReturnType<typeof createClosers>): Promise<DemoResult> {
  const { signal } = options
  const parties = new Map<string, Party>(Object.entries(demoIds).map(([party, id]) => [id, party as DemoParty]))
  const trace = createTrace({ parties, onEvent: options.onEvent })
  const guardedFetch = createGuardedFetch({ allowInsecureLoopback: true })
  const discoverAs = (party: DemoParty) =>
    trace.sender(party, (request) => guardedFetch(request.url, { signal: request.signal, redirect: 'manual' }))

  const browsing: Promise<void>[] = []
  const agent = createAgent({
    id: demoIds.agent,
    signer: await createSigner(await generatePrivateJwk({ kid: 'key-1' })),
    authServers: [demoIds['auth-server']],
    about: { name: 'Demo agent' },
    onConsent: (consent) => {
      trace.consentRequired(consent.url)
      const browsed = askPerson(consent)
      browsing.push(browsed)
      return browsed
    },
    fetch: trace.sender('agent', globalThis.fetch),
    allowInsecureLoopback: true,
  })
  const serveAgent = trace.receiver('agent', (request) => agent.handler(request))
  closers.add(await listen('agent', serveAgent))

  const resource = await createDemoResource({ fetch: discoverAs('resource') })
  closers.add(await listen('resource', trace.receiver('resource', resource)))

  const server = await createDemoAuthServer({
    storage: await openDatabase(options.database, closers),
    fetch: discoverAs('auth-server'),
    ...(options.requestTokenLifetime === undefined ? {} : { requestTokenLifetime: options.requestTokenLifetime }),
  })
  const serveAuthServer = trace.receiver('auth-server', (request, received) => server.handler(request, received))
  closers.add(await listen('auth-server', serveAuthServer))

  async function askPerson(consent: ConsentRequest): Promise<void> {
    if (typeof options.person === 'function') return options.person(consent)
    const browser = createScriptedBrowser(trace.sender('browser', globalThis.fetch), signal)
    return decide(browser, consent.url, options.person)
  }

  signal.throwIfAborted()
  try {
    const response = await agent.fetch(`${demoIds.resource}/data-auth`, { signal })
    return { status: response.status, body: await readBody(response) }
  } catch (error) {
    if (error instanceof AgentError && error.code === 'access_denied') return { error: 'access_denied' }
    throw error
  } finally {
    // The callback page is still on its way when the agent knows the answer.
    await Promise.allSettled(browsing)
  }
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text()
  return response.headers.get('content-type')?.startsWith('application/json') ? (JSON.parse(text) as unknown) : text
}
