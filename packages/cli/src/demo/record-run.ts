import { setTimeout as pause } from 'node:timers/promises'
import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { type Agent, AgentError, type ConsentRequest } from 'countersign/agent'
import { signRequest } from 'countersign/signatures'
import { CommandError } from '../command/errors.js'
import type { Trace } from '../message-trace/create-trace.js'
import { createExchangeLog, type ExchangeLog, type SeenExchange } from '../message-trace/exchange-log.js'
import { findTokens } from '../message-trace/find-tokens.js'
import { refusalReason } from '../message-trace/render-frame.js'
import { isDiscovery, type Party, type TraceEvent } from '../message-trace/trace-event.js'
import { type AttemptName, attemptTexts } from '../trace-page/attempts.js'
import { type Decision, decideWith, removeAccess } from './decide.js'
import { createDemoResource } from './demo-parties.js'
import { type Closers, createClosers, type DemoWorld, demoUser } from './demo-world.js'
import { flowFailure } from './notice-refusals.js'
import { createScriptedBrowser, type ScriptedBrowser } from './scripted-browser.js'
import { type PartyOptions, responseTimeout, sendWithin, startParties } from './start-parties.js'

export interface RecordOptions extends Omit<PartyOptions, 'onEvent' | 'captured' | 'only' | 'agentSigner'> {
  /** Aborts the run. */
  signal: AbortSignal
}

/** A run of the demo, and what happened when something was wrong. */
export interface RecordedRun {
  exchanges: readonly SeenExchange[]
  /** One exchange for each attempt. The software refused every one of them. */
  attempts: Readonly<Record<AttemptName, SeenExchange>>
}

/**
 * Starts the agent, the API and the auth server, lets the scripted user allow the agent's request, and then makes every attempt that must be
 * refused. Everything is closed at the end.
 *
 * @throws CommandError if a step does not end as it must
 */
export async function recordRun(options: RecordOptions): Promise<RecordedRun> {
  const closers = createClosers()
  try {
    return await record(options, closers)
  } finally {
    await closers.close()
  }
}

async function record(options: RecordOptions, closers: Closers): Promise<RecordedRun> {
  const { signal, users = [demoUser] } = options
  const [user] = users
  let log = createExchangeLog()
  const onEvent = (event: TraceEvent) => log.onEvent(event)
  const startLog = () => {
    log = createExchangeLog()
    return log
  }
  const agentSigner = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
  let decision: Decision = 'grant'
  let browser: ScriptedBrowser | undefined
  const browsing: Promise<unknown>[] = []
  const onConsent = async (consent: ConsentRequest, trace: Trace) => {
    browser ??= createScriptedBrowser(trace.sender('browser', sendWithin(responseTimeout)), signal)
    const code = world.edition.showsCodes ? consent.code : undefined
    const browsed = decideWith(browser, consent.url, { user, decision, code })
    browsing.push(browsed)
    await browsed
  }
  const parties = { ...options, onEvent, captured: false, agentSigner }
  const { agent, world, trace } = await startParties(parties, closers, onConsent)
  if (!agent) throw new TypeError('a recorded run needs all parties')
  signal.throwIfAborted()
  const browsed = () => Promise.all(browsing)
  const run: Run = { agent, agentSigner, world, trace, signal, startLog, browsed }
  await requireGranted(run)
  await browsed()
  const exchanges = log.exchanges()
  const thefts = await attemptThefts(run, exchanges)
  if (!browser) throw new CommandError('The user was not prompted: use --db with a new file.')
  await removeAccess(browser, world.ids['auth-server'], { user })
  decision = 'deny'
  return { exchanges, attempts: { ...thefts, ...(await attemptAfterRemoval(run)) } }
}

interface Run {
  agent: Agent
  agentSigner: Signer
  world: DemoWorld
  trace: Trace
  signal: AbortSignal
  /** Starts a new log, which replaces the one before it. */
  startLog: () => ExchangeLog
  /** Resolves when the user's browser shows the last page: the agent may know the decision before that. */
  browsed: () => Promise<unknown>
}

async function requireGranted({ agent, world, signal }: Run): Promise<void> {
  try {
    const response = await agent.fetch(world.resourceUrl, { signal })
    if (response.status !== 200) throw new CommandError(`The API refused the agent with ${response.status}.`)
  } catch (error) {
    throw flowFailure(error, false)
  }
}

/** How far the clock is ahead at which the token has expired, in seconds: longer than any token of the demo is valid. */
const later = 2 * 3600

/** The attempts of a thief who has everything that the agent sent, and those with a message that is too old or was changed. */
async function attemptThefts(
  run: Run,
  exchanges: readonly SeenExchange[],
): Promise<Record<Exclude<AttemptName, 'removed' | 'denied'>, SeenExchange>> {
  const { agentSigner, world, trace, startLog } = run
  const last = exchanges.findLast(
    ({ from, to, response }) => from === 'agent' && to === 'resource' && response?.status === 200,
  )
  const { tokenType } = world.edition.story
  const jwt = last && findTokens(last.request).find(({ kind }) => kind === tokenType)?.compact
  if (jwt === undefined) throw new CommandError('The agent’s last request to the API contains no token.')
  const profile = world.edition.command.protocol.signing
  const sign = (signer: Signer, init: RequestInit = {}, created?: number) =>
    signRequest(new Request(world.resourceUrl, init), {
      profile,
      signer,
      signatureKey: { scheme: 'jwt', jwt },
      created,
    })
  const order = (amount: number) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ amount }),
  })
  const send: Send = async (request, from = 'peer', deliver = sendWithin(responseTimeout)) => {
    const log = startLog()
    const response = await trace.sender(from, deliver)(request)
    await response.arrayBuffer()
    return attemptIn(log, from)
  }
  const thief = await createSigner(await generatePrivateJwk({ kid: 'thief' }))
  const genuine = await sign(agentSigner, order(10))
  const changed = new Request(genuine.url, { method: 'POST', headers: genuine.headers, body: order(90).body })
  const accepted = await send(genuine.clone(), 'agent')
  if (accepted.response?.status !== 200) throw new CommandError('The API refused a genuine order.')
  const alone = new Request(world.resourceUrl, { headers: { authorization: `Bearer ${jwt}` } })
  return {
    alone: requireRefused('alone', await send(alone)),
    wrongKey: requireRefused('wrongKey', await send(await sign(thief))),
    changed: requireRefused('changed', await send(changed)),
    replayed: requireRefused('replayed', await send(genuine)),
    expired: requireRefused('expired', await attemptLater(run, send, (at) => sign(agentSigner, {}, at))),
  }
}

/** Sends a request, and returns its exchange. `peer` is a thief. */
type Send = (request: Request, from?: Party, deliver?: (request: Request) => Promise<Response>) => Promise<SeenExchange>

/** The same API with its clock ahead, so that the token has expired there. The signature is new by that clock. */
async function attemptLater(
  { world, trace }: Run,
  send: Send,
  sign: (created: number) => Promise<Request>,
): Promise<SeenExchange> {
  const now = () => Date.now() / 1000 + later
  const api = await createDemoResource(
    { ...world, checksRevocation: false },
    { now, fetch: (...args) => fetch(...args) },
  )
  const received = trace.receiver('resource', api)
  return send(await sign(now()), 'agent', async (request) => received(request))
}

/** Calls the API until it has noticed that the user removed the agent's access. The agent then prompts the user again, who denies. */
async function attemptAfterRemoval({
  agent,
  world,
  signal,
  startLog,
  browsed,
}: Run): Promise<Record<'removed' | 'denied', SeenExchange>> {
  const { trace: form } = world.edition.command
  const every = 250
  for (let tries = (world.edition.story.removalTime * 1000) / every; tries > 0; tries--) {
    const log = startLog()
    try {
      const response = await agent.fetch(world.resourceUrl, { signal })
      await response.body?.cancel()
    } catch (error) {
      if (!(error instanceof AgentError) || error.code !== 'access_denied') throw error
      await browsed()
      const refusals = log
        .exchanges()
        .filter(({ request, response }) => response && !isDiscovery(request.url) && refusalReason(response, form))
      const removed = refusals.find(({ from, to }) => from === 'agent' && to === 'resource')
      const denied = refusals.findLast(({ from, to }) => from === 'browser' && to === 'auth-server')
      if (removed && denied) return { removed, denied }
      throw new CommandError('The agent was denied access, but not by the API and the user.')
    }
    await pause(every, undefined, { signal })
  }
  throw new CommandError('The API still accepts the token after the agent’s access was removed.')
}

/**
 * The exchange of an attempt. The log may contain others: those with which the API verifies it, and a poll of the revocation list that had
 * started before.
 *
 * @throws CommandError if the attempt is not in the log
 */
export function attemptIn(log: Pick<ExchangeLog, 'exchanges'>, sender: Party): SeenExchange {
  const attempt = log.exchanges().find(({ from, to }) => from === sender && to === 'resource')
  if (!attempt) throw new CommandError('The attempt was not recorded.')
  return attempt
}

function requireRefused(name: AttemptName, exchange: SeenExchange): SeenExchange {
  const status = exchange.response?.status ?? 0
  if (status >= 400 && status < 500) return exchange
  throw new CommandError(
    `The API responded with ${status} to the attempt “${attemptTexts[name].title}”, which it must refuse.`,
  )
}
