import { setTimeout as pause } from 'node:timers/promises'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, AgentError, type ConsentRequest } from 'countersign/agent'
import { signRequest } from 'countersign/signatures'
import { parseJsonObject } from 'countersign/tokens'
import { CommandError } from '../command/errors.js'
import { type DemoStory, demoScope, type StoryPage } from '../editions/demo-edition.js'
import { findTokens } from '../message-trace/find-tokens.js'
import { isDiscovery, type TraceEvent } from '../message-trace/trace-event.js'
import { type Decision, decideWith, removeAccess } from './decide.js'
import { type Closers, createClosers, type DemoWorld, demoScopes, demoUser } from './demo-world.js'
import { flowFailure } from './notice-refusals.js'
import { createScriptedBrowser } from './scripted-browser.js'
import { type PartyOptions, responseTimeout, sendWithin, startParties } from './start-parties.js'
import type { Teller } from './story-teller.js'

export interface StoryOptions extends Omit<PartyOptions, 'onEvent' | 'captured' | 'only'> {
  /** The scripted user's decision, or the function that opens the consent page for a real user. */
  person: Decision | ((url: string) => Promise<void>)
  tell: Teller
  /** Aborts the story. */
  signal: AbortSignal
}

/** A request from the agent to the API, with its response. */
type Call = Extract<TraceEvent, { kind: 'response-received' }>

const rememberedCalls = 10

/**
 * Starts the agent, the API and the auth server on their ports, and narrates step by step what the agent, a thief and the user do. Each
 * step is carried out as it is narrated. With a real user, everything keeps running until the signal aborts.
 *
 * @throws CommandError if a step does not end as narrated
 */
export async function runStory(options: StoryOptions): Promise<void> {
  const closers = createClosers()
  try {
    await tellStory(options, closers)
  } finally {
    await closers.close()
  }
}

async function tellStory(options: StoryOptions, closers: Closers): Promise<void> {
  const { person, tell, signal } = options
  const [user] = options.users ?? [demoUser]
  const calls: Call[] = []
  let onConsent = async (_consent: ConsentRequest): Promise<void> => undefined
  const onEvent = (event: TraceEvent) => {
    if (isCall(event)) calls.push(event)
    if (calls.length > rememberedCalls) calls.shift()
  }
  const parties = { ...options, onEvent, captured: false }
  const { agent, world, trace } = await startParties(parties, closers, (consent) => onConsent(consent))
  if (!agent) throw new TypeError('the story needs all parties')
  signal.throwIfAborted()
  const { story, showsCodes, command } = world.edition
  const browser = createScriptedBrowser(trace.sender('browser', sendWithin(responseTimeout)), signal)
  const onPage: Scene['onPage'] = (next) => {
    onConsent = next
  }
  const scene: Scene = { agent, world, story, tell, signal, calls, onPage }

  tell.start(world.ids, command.trace.serverName)
  const outcome = await requestAccess(scene, async (consent, page) => {
    if (typeof person === 'function') {
      tell.step(page.prompts)
      tell.page(consent, options.users ?? [demoUser])
      return person(consent.url)
    }
    tell.step(page.decides(user.username))
    const code = showsCodes ? consent.code : undefined
    await decideWith(browser, consent.url, { user, decision: person, code })
  })
  if (outcome === 'allowed') {
    await callAgain(scene)
    await steal(scene)
    if (typeof person === 'string') {
      tell.step(`${user.username} removes the agent’s access. ${story.removal}`)
      await removeAccess(browser, world.ids['auth-server'], { user })
      await untilRevoked(scene, { every: 250, tries: story.removalTime * 4 })
    } else {
      tell.step('Now remove the agent’s access yourself. It calls the API until you do.')
      tell.line(`My agents: ${world.ids['auth-server']}/account`)
      await untilRevoked(scene, { every: 2000, tries: Number.POSITIVE_INFINITY })
    }
  }
  tell.end(world.ids['auth-server'], typeof person === 'function')
  if (typeof person === 'function' && !signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}

interface Scene {
  agent: Agent
  world: DemoWorld
  story: DemoStory
  tell: Teller
  signal: AbortSignal
  /** The agent's calls to the API so far. */
  calls: readonly Call[]
  /** Replaces the default behavior for requests that need a user's decision. */
  onPage: (next: (consent: ConsentRequest) => Promise<void>) => void
}

function isCall(event: TraceEvent): event is Call {
  const isResponse = event.kind === 'response-received' && event.from === 'agent' && event.to === 'resource'
  return isResponse && !isDiscovery(event.request.url)
}

/** The first steps: the API refuses the agent, the user decides on each page, and the agent gets the data. */
async function requestAccess(
  { agent, world, story, tell, signal, calls, onPage }: Scene,
  prompt: (consent: ConsentRequest, page: StoryPage) => Promise<void>,
): Promise<'allowed' | 'refused'> {
  const prompts: Promise<void>[] = []
  const shown: StoryPage[] = []
  tell.step(story.pages[0].call)
  onPage(async (consent) => {
    const refused = calls.at(-1)?.response
    // A database from an earlier demo may contain a grant, so that the first page is not shown.
    const page = story.pages.find(({ error }) => error === errorIn(refused)) ?? story.pages[0]
    const allowed = shown.at(-1)?.allowed
    if (shown.includes(page)) tell.line(`This API requires both: ${demoScope}.`)
    else {
      if (allowed !== undefined) tell.line(`Allowed: ${allowed}`)
      if (page !== story.pages[0]) tell.step(page.call)
    }
    shown.push(page)
    tell.response(world.resourceUrl, requireRefused(refused, page.error), page.meaning)
    const prompted = prompt(consent, page)
    prompts.push(prompted)
    await prompted
  })
  try {
    const response = await agent.fetch(world.resourceUrl, { signal })
    await Promise.all(prompts)
    const token = (await agent.tokens()).find(({ scope }) => scope.length > 0)
    const names = (token?.scope ?? []).map((scope) => demoScopes[scope as keyof typeof demoScopes] ?? scope)
    tell.line(`Allowed: ${names.join('; ')}`)
    tell.step(story.lastCall)
    const body = parseJsonObject(await response.text())
    tell.response(world.resourceUrl, response.status, String(body?.data ?? body?.error))
    if (response.status === 200) return 'allowed'
    tell.line(`This API requires both: ${demoScope}.`)
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'access_denied') throw flowFailure(error, true)
    await Promise.all(prompts)
    tell.line('Denied')
    tell.step('The agent gets no token, and so no data.')
  }
  return 'refused'
}

/** The next step: the user has already decided. */
async function callAgain({ agent, world, tell, signal, onPage }: Scene): Promise<void> {
  tell.step('The agent needs the data again. No page: the user has already decided.')
  onPage(() => Promise.reject(new CommandError('The user was asked a second time.')))
  const response = await agent.fetch(world.resourceUrl, { signal })
  const body = parseJsonObject(await response.text())
  if (response.status !== 200) throw new CommandError(`The API refused the second request with ${response.status}.`)
  tell.response(world.resourceUrl, 200, String(body?.data))
}

/** Two more steps: a thief has the agent's last request, including its token, but not the agent's private key. */
async function steal({ world, story, tell, calls }: Scene): Promise<void> {
  const { request } = calls.at(-1) as Call
  const token = findTokens(request).find(({ kind }) => kind === story.tokenType)?.compact ?? ''
  const attempt = async (attack: Request, why: string) => {
    const response = await sendWithin(responseTimeout)(attack)
    const body = await response.text()
    tell.response(attack.url, requireRefused({ status: response.status, body }, 'invalid_signature'), why)
  }
  tell.step('A thief sends the stolen token, first alone, then with another key.')
  const bearer = { authorization: `Bearer ${token}` }
  await attempt(new Request(world.resourceUrl, { headers: bearer }), 'a token alone proves nothing here')
  const signer = await createSigner(await generatePrivateJwk({ kid: 'thief' }))
  const signatureKey = { scheme: 'jwt', jwt: token } as const
  const profile = world.edition.command.protocol.signing
  const signed = await signRequest(new Request(world.resourceUrl), { profile, signer, signatureKey })
  await attempt(signed, 'the token works only with the agent’s key')
  tell.step('The thief copies the whole signed request, and changes its path.')
  const headers = request.headers.filter(([name]) => name.startsWith('signature')).map(([...line]) => line)
  await attempt(new Request(`${world.ids.resource}/data`, { headers }), 'the signature covers the path')
}

/** The last step: calls the API until the agent's access is revoked. After that, the agent gets no other token unless the user allows it again. */
async function untilRevoked(
  { agent, world, story, tell, signal, calls, onPage }: Scene,
  { every, tries }: { every: number; tries: number },
): Promise<void> {
  const revoked = new AbortController()
  onPage(async () => revoked.abort())
  const either = AbortSignal.any([signal, revoked.signal])
  for (let tried = 0; tried < tries && !either.aborted; tried++) {
    const response = await agent.fetch(world.resourceUrl, { signal: either }).catch((error: unknown) => {
      if (!either.aborted) throw error
    })
    await response?.body?.cancel()
    await pause(every, undefined, { signal: either }).catch(() => undefined)
  }
  if (signal.aborted) return
  if (!revoked.signal.aborted)
    throw new CommandError('The API still accepts the token after the agent’s access was removed.')
  const refused = calls.findLast(({ request }) => findTokens(request).some(({ kind }) => kind === story.tokenType))
  tell.response(world.resourceUrl, requireRefused(refused?.response, story.revoked), 'the token was revoked')
  tell.line('The agent gets no other token unless the user allows it again.')
}

type Answered = { status: number; body: string | null } | undefined

function errorIn(response: Answered): unknown {
  return parseJsonObject(response?.body ?? '')?.error
}

/** Returns the status of a response, which must be a refusal for the expected reason: the `error` in its body, if there is one. */
function requireRefused(response: Answered, error?: string): number {
  const found = errorIn(response)
  if (response?.status === 401 && found === error) return response.status
  const problem = typeof found === 'string' ? ` (${found})` : ''
  const expected = error === undefined ? '' : ` (${error})`
  throw new CommandError(`The API responded with ${response?.status}${problem} instead of 401${expected}.`)
}
