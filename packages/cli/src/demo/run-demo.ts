import { AgentError, type ConsentRequest } from 'countersign/agent'
import type { Trace } from '../message-trace/create-trace.js'
import { type Decision, decideWith } from './decide.js'
import { type Closers, createClosers, type DemoParty } from './demo-world.js'
import { flowFailure } from './notice-refusals.js'
import { createScriptedBrowser, type ScriptedBrowser } from './scripted-browser.js'
import { type PartyOptions, responseTimeout, sendWithin, startParties } from './start-parties.js'

interface DemoOptions extends PartyOptions {
  /** The scripted user's decision, or the function that prompts a real user. */
  person: Decision | ((consent: ConsentRequest) => void | Promise<void>)
  /** Aborts the demo. */
  signal: AbortSignal
}

/** Outcome of the flow: the resource's last response, or the user's denial. */
export type DemoResult = { status: number; body: unknown } | { error: 'access_denied' }

/**
 * Starts the agent, resource and auth server on their ports, or the agent alone. The agent then makes a request that requires consent.
 * Everything is closed at the end, even after a failure.
 *
 * @throws CommandError with a message for the user
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const closers = createClosers()
  try {
    return await startAndAsk(options, closers)
  } finally {
    await closers.close()
  }
}

async function startAndAsk(options: DemoOptions, closers: Closers): Promise<DemoResult> {
  const { signal, person } = options
  const browsing: Promise<unknown>[] = []
  let browser: ScriptedBrowser | undefined
  const { agent, world } = await startParties(options, closers, async (consent, trace) => {
    trace.consentRequired(consent)
    const browsed = promptUser(consent, trace)
    browsing.push(browsed)
    await browsed
  })
  if (!agent) throw new TypeError('the flow requires the agent: parties other than the agent can only be served')

  async function promptUser(consent: ConsentRequest, trace: Trace): Promise<void> {
    if (typeof person === 'function') return person(consent)
    browser ??= createScriptedBrowser(trace.sender('browser', sendWithin(responseTimeout)), signal)
    await decideWith(browser, consent.url, { user: world.users[0], decision: person })
  }

  signal.throwIfAborted()
  try {
    const response = await agent.fetch(world.resourceUrl, { signal })
    return { status: response.status, body: await readBody(response) }
  } catch (error) {
    if (error instanceof AgentError && error.code === 'access_denied') return { error: 'access_denied' }
    throw flowFailure(error, world.edition.hasOlderForm && !options.interop)
  } finally {
    // The callback page may still be loading when the agent already has its token.
    await Promise.allSettled(browsing)
  }
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text()
  if (!response.headers.get('content-type')?.startsWith('application/json')) return text
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}

interface ServeOptions extends PartyOptions {
  /** Called when all started parties are reachable at their identifiers. */
  onReady: (started: Readonly<Partial<Record<DemoParty, string>>>) => void
  /** Stops the parties. */
  signal: AbortSignal
}

/** Starts the parties, keeps them running until the signal aborts, and then closes everything. */
export async function serveDemo(options: ServeOptions): Promise<void> {
  const closers = createClosers()
  try {
    const { started, world } = await startParties(options, closers, async (consent, trace) =>
      trace.consentRequired(consent),
    )
    options.onReady(Object.fromEntries(started.map((party) => [party, world.ids[party]])))
    const { signal } = options
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  } finally {
    await closers.close()
  }
}
