import { AgentError } from '../../lib/agent-error.js'
import { pause, preciseClock } from '../../lib/clock.js'
import type { AgentTools, Credential, HeldToken, OpenConsent } from '../agent-protocol.js'
import { failureOf, findConsent, type PendingConsent, updateConsent } from '../consent-store.js'
import { type AgentTokens, sendAs } from './agent-tokens.js'
import { createPoll, failureIn, isFinal, longestHold, pauseAfter, slowDown } from './deferred-response.js'
import { parseRequirement, type Requirement, requirementHeader } from './requirement.js'
import { sessionKind } from './token-kinds.js'

/** A response that waits for a user, as stored for other processes. Its `requestToken` is the URL to poll. */
export interface DeferredConsent extends PendingConsent {
  /** The agent's name in the request. No other name may poll. */
  agentName: string
  /** Unix time in seconds, by the system clock, of the first poll. */
  pollAt: number
  /** When the prompt for the page expires, in Unix seconds. */
  shownExpiry?: number | undefined
  /** Seconds that the server added between polls, because they were too fast. */
  delay: number
  /** The `sub` in the token that was presented. */
  sub?: string | undefined
  /** Whether the owner's own browser has returned from the page. */
  hasReturned?: boolean | undefined
  /** Whether no request waits any more for a resource's response, so that any process may poll it. */
  isLeft?: boolean | undefined
}

/** What waiting for a decision yielded. */
export interface Decision {
  token: HeldToken | undefined
  /** The response that was deferred, if this process received it. */
  response?: Response | undefined
}

/** The deferred consents of one process. */
export interface DecisionState
  extends Pick<AgentTools, 'consents' | 'storedSince' | 'isShared' | 'send' | 'forOwner' | 'noteRefusal' | 'now'> {
  agentTokens: AgentTokens
  /** The user channels that this process opened, by state, with the expiry of their consents. */
  readonly ways: Map<string, { way: OpenConsent; until: number }>
  /** Wakes the requests that wait for a consent, by state. */
  readonly waiting: Map<string, Set<AbortController>>
  /** Stores the token in a response; undefined if a resource's response contains none. */
  settle(
    consent: DeferredConsent,
    response: Response,
    owner: string,
    signal: AbortSignal,
  ): Promise<HeldToken | undefined>
}

export interface Wait {
  signal: AbortSignal
  /** Unix seconds. */
  until: number
  /** Signs the polls. @default the agent token of the consent's name */
  credential?: Credential | undefined
  /** Whether the caller sent the request whose response is deferred. */
  isOwnRequest: boolean
  /** How long the server is asked to hold a poll, in seconds. @default 20 */
  hold?: number
  /** Called with each response that is not final, and with what the server then requires. */
  onPending?: (requirement: Requirement | undefined) => Promise<void>
}

/** Interval between reads of a store that other processes use, in seconds. */
const storeInterval = 0.5

/** Seconds after which another process may poll instead of one that has not finished. */
const leaseTime = longestHold + 20

/** The longest delay of a timer, in seconds. */
const longestPause = (2 ** 31 - 1) / 1000

/** Timeout of the request that abandons another one, in milliseconds. */
const abandonTimeout = 5000

/** How many polls in succession may be lost on the network. */
const mostLosses = 5

const changed = new Error('the consent has changed')

/** Wakes the requests that wait for a consent. */
export function wake({ waiting }: DecisionState, state: string): void {
  for (const waiter of waiting.get(state) ?? []) waiter.abort(changed)
}

/** Closes the user channel that this process opened for a consent, if any. */
export function closeChannel({ ways }: DecisionState, state: string): void {
  const opened = ways.get(state)
  ways.delete(state)
  opened?.way.close()
}

/**
 * Polls until there is a decision; only one process polls at a time. For a shared agent, does so only after the owner's own browser has
 * returned: until then, anyone may have decided. Resolves to undefined if the consent was removed.
 *
 * @throws AgentError if the user denied it, or did not decide in time
 */
export async function awaitDecision(
  state: DecisionState,
  consent: DeferredConsent,
  owner: string,
  wait: Wait,
): Promise<Decision | undefined> {
  const { isShared, consents, now } = state
  const progress = { pollAt: consent.pollAt, losses: 0, hasReturned: false }
  for (;;) {
    const woken = new AbortController()
    const waiters = state.waiting.get(consent.state) ?? new Set()
    state.waiting.set(consent.state, waiters.add(woken))
    try {
      wait.signal.throwIfAborted()
      const there = (await findConsent(state, owner, consent.state)) as DeferredConsent | undefined
      const known = await knownDecision(state, consent, there, owner, wait)
      if (known) return known
      if (!there || there.until <= now()) return undefined
      const left = wait.until - now()
      if (left <= 0) throw new AgentError('consent_expired', 'No one decided while the agent was waiting.')
      const untilPoll = progress.pollAt - preciseClock()
      let seconds = consents.isShared ? storeInterval : longestPause
      // Only the request itself needs a resource's response.
      const isMine = consent.need.kind !== sessionKind || wait.isOwnRequest || there.isLeft
      if (isMine && (!isShared || there.hasReturned)) {
        // The user has just decided, so the first poll after that does not wait.
        const isBack = there.hasReturned && !progress.hasReturned
        if (untilPoll <= 0 || isShared || isBack) {
          progress.hasReturned = there.hasReturned ?? false
          const decision = await pollUnderLease(state, there, owner, wait, progress)
          if (decision) return decision
        }
        seconds = Math.min(Math.max(progress.pollAt - preciseClock(), 0), longestPause)
      }
      await pause(Math.min(seconds, left) * 1000, AbortSignal.any([wait.signal, woken.signal])).catch(ignoreChange)
    } finally {
      waiters.delete(woken)
      if (waiters.size === 0) state.waiting.delete(consent.state)
    }
  }
}

function ignoreChange(reason: unknown): void {
  if (reason !== changed) throw reason
}

async function knownDecision(
  state: DecisionState,
  { need, createdAt }: DeferredConsent,
  there: DeferredConsent | undefined,
  owner: string,
  { isOwnRequest }: Wait,
): Promise<Decision | undefined> {
  const { ended } = there ?? {}
  if (ended && 'token' in ended) return { token: ended.token }
  if (ended && 'failure' in ended) throw new AgentError(ended.failure.code, ended.failure.message, ended.failure)
  // Another request's token for the resource does not replace the response that this request waits for.
  if (isOwnRequest && need.kind === sessionKind) return undefined
  const token = await state.storedSince(need, owner, createdAt)
  return token && { token }
}

/** Cancels a deferred request at its server, because no one waits for the response. */
export async function sendAbandonment(
  tools: Pick<DecisionState, 'send' | 'agentTokens'>,
  { requestToken, agentName }: Pick<DeferredConsent, 'requestToken' | 'agentName'>,
): Promise<void> {
  const signal = AbortSignal.timeout(abandonTimeout)
  const request = new Request(requestToken, { method: 'DELETE', redirect: 'manual', signal })
  // If this fails, the server ends the request on its own.
  const response = await sendAs(tools, request, agentName).catch(() => undefined)
  await response?.body?.cancel().catch(() => undefined)
}

/** Polls once, unless another process is polling. */
async function pollUnderLease(
  state: DecisionState,
  consent: DeferredConsent,
  owner: string,
  wait: Wait,
  progress: { pollAt: number; losses: number },
): Promise<Decision | undefined> {
  const wakeAfter = (milliseconds: number) => {
    progress.pollAt = preciseClock() + milliseconds / 1000
  }
  const lease = await state.consents.lease(owner, consent.state, state.now() + leaseTime)
  if ('holder' in lease) {
    wakeAfter(storeInterval * 1000)
    return undefined
  }
  try {
    const response = await sendPoll(state, consent, wait)
    progress.losses = 0
    const requirement = parseRequirement(response.headers.get(requirementHeader))
    const isHandedOver =
      response.status === 202 && consent.need.kind === sessionKind && requirement?.requirement === 'auth-token'
    if (isFinal(response) || isHandedOver) return await finish(state, consent, response, owner)
    await response.body?.cancel()
    if (state.isShared && response.status === 202) throw await abandonEarly(state, consent, owner)
    await wait.onPending?.(requirement)
    const delay = consent.delay + (response.status === 429 ? slowDown : 0)
    if (delay > consent.delay) await updateConsent(state, owner, consent, { delay })
    wakeAfter(pauseAfter(response, delay))
    return undefined
  } catch (error) {
    const isLost = error instanceof TypeError && error.cause !== undefined && !wait.signal.aborted
    if (!isLost || ++progress.losses >= mostLosses) throw error
    wakeAfter(slowDown * 1000)
    return undefined
  } finally {
    // If the release fails, the lease expires on its own.
    await lease.release().catch(() => undefined)
  }
}

/**
 * Abandons a request whose user has not decided, although the owner's browser has returned. The owner knows the URL of the page and can
 * pretend to return from it; then someone else may decide there.
 */
async function abandonEarly(state: DecisionState, consent: DeferredConsent, owner: string): Promise<AgentError> {
  const failure = new AgentError('other_user', 'The browser returned before anyone had decided: start again.')
  await endConsent(state, consent, owner, failure)
  await sendAbandonment(state, consent)
  return failure
}

/** Ends a consent without a token, for all requests that wait for it. */
export async function endConsent(
  state: DecisionState,
  consent: DeferredConsent,
  owner: string,
  failure: AgentError,
): Promise<void> {
  await updateConsent(state, owner, consent, { ended: { failure: failureOf(failure) } })
  closeChannel(state, consent.state)
  wake(state, consent.state)
}

async function sendPoll(
  state: DecisionState,
  { requestToken, agentName }: DeferredConsent,
  { signal, credential, hold = state.isShared ? 0 : longestHold }: Wait,
): Promise<Response> {
  const poll = new Request(createPoll(requestToken, hold), { signal })
  return credential ? state.send(poll, credential) : sendAs(state, poll, agentName)
}

/** Stores the outcome, even if the caller stops waiting in the meantime: the server delivers it only once. */
async function finish(
  state: DecisionState,
  consent: DeferredConsent,
  response: Response,
  owner: string,
): Promise<Decision> {
  const isSession = consent.need.kind === sessionKind
  try {
    if (!isSession && response.status !== 200) throw await failureIn(response, new URL(consent.requestToken).host)
    const token = await state.forOwner(owner, (signal) => state.settle(consent, response, owner, signal))
    if (token) await updateConsent(state, owner, consent, { ended: { token } }).catch(() => undefined)
    else await state.consents.remove(owner, consent.id)
    return { token, response: isSession ? response : undefined }
  } catch (error) {
    if (error instanceof AgentError && error.code === 'access_denied')
      await state.noteRefusal(consent.need, owner).catch(() => undefined)
    await updateConsent(state, owner, consent, { ended: { failure: failureOf(error) } }).catch(() => undefined)
    throw error
  } finally {
    closeChannel(state, consent.state)
    wake(state, consent.state)
  }
}
