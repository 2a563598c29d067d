import * as platform from '#crypto'
import { AgentError, type ConsentDetails } from '../../lib/agent-error.js'
import { preciseClock } from '../../lib/clock.js'
import { endpointProblem } from '../../protocol/documents.js'
import type { AgentTools, Credential, OpenConsent } from '../agent-protocol.js'
import { addConsent, findConsent, findOpenConsent, listConsents, updateConsent } from '../consent-store.js'
import { describeScopes } from '../describe-scopes.js'
import type { AgentTokens } from './agent-tokens.js'
import {
  awaitDecision,
  closeChannel,
  type Decision,
  type DecisionState,
  type DeferredConsent,
  sendAbandonment,
  wake,
} from './await-decision.js'
import { type Deferral, type InteractionPage, interactionPage } from './deferred-response.js'
import { draft11Documents } from './documents.js'
import type { Returns } from './owner-names.js'
import type { Requirement } from './requirement.js'
import { personKind, sessionKind } from './token-kinds.js'

/** How long a request waits unless `consentTimeout` is set, and how long a consent is stored, in seconds. */
const longestConsent = 3 * 3600

/** How long users have according to the prompt, in seconds from when a page is known. Servers report only that the time is over. */
const shownTime = 600

const maxChannels = 10_000

/** A request whose response was deferred. */
export interface Deferred {
  deferral: Deferral
  need: DeferredConsent['need']
  agentName: string
  /** The `sub` in the token that was presented. */
  sub?: string | undefined
}

/** A request that waits for a decision. */
export interface Waiting {
  owner: string
  signal: AbortSignal
  /** Signs the polls. @default the agent token of the consent's name */
  credential?: Credential | undefined
  /** Whether the request itself was deferred, instead of joining one that was. */
  isOwnRequest: boolean
}

/** The deferred responses that wait for users, started by any process of the agent. */
export interface DeferredConsents {
  state: DecisionState
  /** The consent for a need that is still pending. */
  find(need: DeferredConsent['need'], owner: string): Promise<DeferredConsent | undefined>
  /** Stores a new consent; undefined if another process was first, in which case the new request is abandoned. */
  begin(deferred: Deferred, owner: string): Promise<DeferredConsent | undefined>
  /** Prompts the user, if the server requires that, and waits. Resolves to undefined if the consent was removed. */
  decide(consent: DeferredConsent, waiting: Waiting): Promise<Decision | undefined>
  /** Waits for the consent with this page. Resolves to undefined if there is none. */
  waitForPage(page: string, owner: string, signal: AbortSignal): Promise<Decision | undefined>
}

/** What deferred consents need from the agent. */
export interface DeferralTools extends AgentTools {
  agentTokens: AgentTokens
  /** Which browsers started the consents of a shared agent. */
  returns: Returns | undefined
  settle: DecisionState['settle']
}

export function createDeferredConsents(tools: DeferralTools): DeferredConsents {
  const state: DecisionState = { ...tools, ways: new Map(), waiting: new Map() }
  return {
    state,
    find: async (need, owner) => (await findOpenConsent(tools, owner, need)) as DeferredConsent | undefined,
    begin: (deferred, owner) => begin(tools, state, deferred, owner),
    decide: (consent, waiting) => decide(tools, state, consent, waiting),
    async waitForPage(page, owner, signal) {
      const all = (await listConsents(tools, owner)) as readonly DeferredConsent[]
      const consent = all.find(({ url }) => url === page)
      return consent && awaitDecision(state, consent, owner, { signal, until: consent.until, isOwnRequest: false })
    },
  }
}

async function begin(
  tools: DeferralTools,
  state: DecisionState,
  { deferral, need, agentName, sub }: Deferred,
  owner: string,
): Promise<DeferredConsent | undefined> {
  const { location, retryAfter = 5, requirement } = deferral
  const ownState = platform.serializeBase64url(platform.randomBytes(24))
  const way = await tools.openConsent(owner, { state: ownState })
  const { redirectUri } = way
  const now = Math.floor(tools.now())
  const until = now + longestConsent
  const consent: DeferredConsent = {
    id: '',
    need,
    requestToken: location,
    state: ownState,
    redirectUri,
    url: '',
    code: '',
    createdAt: preciseClock(),
    promptExpiresAt: until,
    shownExpiry: now + shownTime,
    until,
    agentName,
    pollAt: preciseClock() + retryAfter,
    delay: 0,
    sub,
  }
  let isKept = false
  try {
    Object.assign(consent, pageOf(tools, consent, requirement))
    isKept = await addConsent(tools, owner, consent)
    if (isKept) await tools.returns?.note(ownState, owner, until)
    if (isKept) keepOpen(state, consent, way)
  } finally {
    if (!isKept) {
      way.close()
      await sendAbandonment(tools, consent)
    }
  }
  return isKept ? ((await findConsent(tools, owner, ownState)) as DeferredConsent | undefined) : undefined
}

async function decide(
  tools: DeferralTools,
  state: DecisionState,
  consent: DeferredConsent,
  { owner, signal, credential, isOwnRequest }: Waiting,
): Promise<Decision | undefined> {
  const { canPrompt, isShared, now } = tools
  const over = new AbortController()
  const ending = AbortSignal.any([signal, over.signal])
  const until = now() + (tools.consentTimeout ?? longestConsent)
  const way = state.ways.get(consent.state)?.way ?? (await reopen(tools, state, consent, owner))
  const isAsked = consent.url !== ''
  const refuse = async () => {
    if (isAsked && !canPrompt) throw await consentRequired(tools, consent, owner, until)
  }
  const ask = async (page: Partial<DeferredConsent>) => {
    const details = await describe(tools, { ...consent, ...page }, until)
    if (!ending.aborted) await way.ask({ ...details, signal: ending })
  }
  let abandoning: Promise<void> | undefined
  const giveUp = (error: unknown) => {
    const isLeftOpen = error instanceof AgentError && error.code === 'consent_required'
    if (isOwnRequest && !isLeftOpen) abandoning = abandon(tools, state, consent, owner)
    over.abort(error)
  }
  let shown = consent.url
  const prompt = (page: InteractionPage & Partial<DeferredConsent>) => {
    shown = page.url
    ask(page).catch(giveUp)
  }
  try {
    // The user may have decided a consent that another request started.
    if (isOwnRequest || (isShared && !consent.hasReturned)) await refuse()
    if (isAsked && canPrompt && !consent.hasReturned) prompt(consent)
    const isImpatient = isAsked && !canPrompt
    return await awaitDecision(state, consent, owner, {
      signal: ending,
      until,
      credential,
      isOwnRequest,
      ...(isImpatient ? { hold: 0 } : {}),
      async onPending(requirement) {
        await refuse()
        requireNoQuestion(requirement)
        const page = pageOf(tools, consent, requirement)
        if (page.url === '' || page.url === shown) return
        const change = { ...page, shownExpiry: Math.floor(now()) + shownTime }
        await updateConsent(state, owner, consent, change)
        if (!canPrompt) throw await consentRequired(tools, { ...consent, ...change }, owner, until)
        prompt(change)
      },
    })
  } catch (error) {
    over.abort(error)
    if (isOwnRequest) await updateConsent(state, owner, consent, { isLeft: true }).catch(() => undefined)
    if (isGivenUp(error, isShared)) abandoning ??= abandon(tools, state, consent, owner)
    await abandoning?.catch(() => undefined)
    throw error
  }
}

/** Removes a consent, and cancels its request at the server. */
async function abandon(
  tools: Pick<DeferralTools, 'send' | 'agentTokens'>,
  state: DecisionState,
  consent: DeferredConsent,
  owner: string,
): Promise<void> {
  closeChannel(state, consent.state)
  await state.consents.remove(owner, consent.id)
  wake(state, consent.state)
  await sendAbandonment(tools, consent)
}

/** Whether the server should be told that the agent no longer waits. */
function isGivenUp(error: unknown, isShared: boolean): boolean {
  if (!(error instanceof AgentError)) return false
  // The error of a server, which has ended the request itself, has a name.
  if (error.code === 'consent_expired') return isShared && error.error === undefined
  return error.code === 'challenge_unsupported' || error.code === 'endpoint_refused'
}

function requireNoQuestion(requirement: Requirement | undefined): void {
  if (requirement?.requirement === 'unknown' && requirement.name === 'clarification')
    throw new AgentError('challenge_unsupported', 'The server asks the agent a question, which is not supported.')
}

function keepOpen({ ways, now }: DecisionState, { state, until }: DeferredConsent, opened: OpenConsent) {
  ways.set(state, { way: opened, until })
  for (const [oldest, { way, until }] of ways) {
    if (ways.size <= maxChannels && until > now()) return
    ways.delete(oldest)
    way.close()
  }
}

async function reopen(tools: DeferralTools, state: DecisionState, consent: DeferredConsent, owner: string) {
  const way = await tools.openConsent(owner, consent)
  keepOpen(state, consent, way)
  return way
}

/** @throws AgentError `endpoint_refused` */
function pageOf(
  tools: DeferralTools,
  { need, redirectUri, state }: DeferredConsent,
  requirement: Requirement | undefined,
): InteractionPage {
  const page = interactionPage(requirement, callbackOf(redirectUri, state), tools)
  if (page.url === '' || need.kind === sessionKind) return page
  const problem = endpointProblem(need.authServer, 'interaction page', page.url, tools.endpointOrigins)
  if (problem !== undefined)
    throw new AgentError('endpoint_refused', `The response of ${need.authServer} was rejected: ${problem}.`)
  return page
}

/** The URL to which the browser returns; undefined if it cannot, because no port is known or an app would be opened. */
function callbackOf(redirectUri: string, state: string): string | undefined {
  const url = new URL(redirectUri)
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || url.port === '')) return undefined
  url.searchParams.set('state', state)
  return url.href
}

async function consentRequired(
  tools: DeferralTools,
  consent: DeferredConsent,
  owner: string,
  until: number,
): Promise<AgentError> {
  const reason = await tools.reasonFor(consent.need, owner)
  const why = `The user must give consent at ${consent.need.authServer} (${reason}), but this agent cannot prompt.`
  const details = await describe(tools, consent, until)
  return new AgentError('consent_required', why, { consent: details, reason })
}

async function describe(
  { discovery }: DeferralTools,
  { url, code, need, shownExpiry }: DeferredConsent,
  until: number,
): Promise<ConsentDetails> {
  const permissions = await describeScopes(discovery, draft11Documents.resource, need)
  const { authServer, resource, scope } = need
  const purpose = need.kind === personKind ? `to act for you at ${new URL(resource).host}` : undefined
  return {
    url,
    code,
    authServer,
    resource,
    scope,
    permissions,
    purpose,
    expiresAt: Math.min(shownExpiry ?? until, until),
  }
}
