import { AgentError, type AgentErrorCode } from '../../lib/agent-error.js'
import { pause } from '../../lib/clock.js'
import {
  type AgentTools,
  type ConsentEnd,
  exchangeTime,
  type HeldToken,
  type Lease,
  type OpenConsent,
} from '../agent-protocol.js'
import {
  type ConsentStore,
  failureOf,
  findConsent,
  isPending,
  type PendingConsent,
  updateConsent,
} from '../consent-store.js'

/** The parameters of a callback. */
export type CallbackResponse = { code: string } | { error: string; description: string | null }

export interface PendingConsentsOptions extends ConsentStore, Pick<AgentTools, 'storedSince' | 'discard'> {
  /**
   * Exchanges the code of a callback for the token, and stores the token.
   *
   * @param proceed called before the code is sent, and before the token is stored; rejects if that step must not happen
   */
  exchangeCode: (
    consent: PendingConsent,
    answer: CallbackResponse,
    owner: string,
    proceed: () => Promise<void>,
  ) => Promise<HeldToken>
}

/** The agent's consents in one process. */
export interface PendingState extends PendingConsentsOptions {
  /** The user channels that this process opened, by state. Each one receives the callback of its consent. */
  readonly ways: Map<string, { owner: string; way: OpenConsent }>
  /** Wakes each waiting request from its pause, by state. */
  readonly waiting: Map<string, Set<AbortController>>
}

/** Interval between polls of a store that other processes use, in seconds. */
export const poll = 0.5

/** How long a process may take to exchange a code before another process may try, in seconds. */
const leaseTime = 20

/** Closes the user channel that this process opened for a consent, if any. */
export function closeChannel({ ways }: PendingState, state: string): void {
  const opened = ways.get(state)
  ways.delete(state)
  opened?.way.close()
}

/** The abort reason that wakes a waiting request when there is something new to read. */
export const changed = new Error('the consent has changed')

/** Wakes the requests that are waiting for a consent. */
function wake({ waiting }: PendingState, state: string, reason: unknown = changed): void {
  for (const waiter of waiting.get(state) ?? []) waiter.abort(reason)
}

/** The token that a consent produced, or that another page for the same need produced. */
export async function tokenOf(
  { storedSince }: PendingState,
  { need, createdAt }: PendingConsent,
  there: PendingConsent | undefined,
  owner: string,
): Promise<HeldToken | undefined> {
  return there?.ended && 'token' in there.ended ? there.ended.token : storedSince(need, owner, createdAt)
}

/** Maximum number of attempts at the steps before an exchange, in case the store fails temporarily. */
const attempts = 3

/** Exchanges the code in a callback, in only one process at a time, and wakes the requests that are waiting for its consent. */
export async function finish(
  pending: PendingState,
  consent: PendingConsent,
  answer: CallbackResponse,
  owner: string,
): Promise<ConsentEnd> {
  const { now } = pending
  const code = codeOf(answer)
  for (let left = attempts - 1; ; left -= 1) {
    let lease: Lease | undefined
    try {
      lease = await takeLease(pending, owner, consent.state)
      if (!lease) return 'failed'
      const there = await findConsent(pending, owner, consent.state)
      const token = await tokenOf(pending, consent, there, owner)
      if (token) {
        await completeConsent(pending, consent, token, owner)
        return 'done'
      }
      // If another process has completed the exchange in the meantime, its stored result is left unchanged.
      const isCompleted = consent.receivedCode === code && there?.receivedCode !== code
      if (!there || !isPending(there, now()) || isCompleted) return 'failed'
      await updateConsent(pending, owner, there, { receivedCode: code, failed: undefined })
      return await exchange(pending, there, answer, { owner, lease })
    } catch {
      // Nothing was sent. A stored code is still usable, because another process may reach the auth server even though this one cannot.
      if (left === 0) return 'failed'
      await pausePolling()
    } finally {
      // If the release fails, the lease expires on its own.
      await lease?.release().catch(() => undefined)
    }
  }
}

const codeOf = (answer: CallbackResponse) => ('code' in answer ? answer.code : undefined)

/** Stores the result for other processes. If this fails, they still find the token itself, which is already stored. */
async function completeConsent(
  pending: PendingState,
  consent: PendingConsent,
  token: HeldToken,
  owner: string,
): Promise<void> {
  const ended = { token: { ...token, refreshToken: undefined } }
  await updateConsent(pending, owner, consent, { receivedCode: undefined, ended }).catch(() => undefined)
  closeChannel(pending, consent.state)
  wake(pending, consent.state)
}

/** Exchanges the code in a callback under a lease. Rejects only if the code was not sent and may be exchanged in another attempt. */
async function exchange(
  pending: PendingState,
  consent: PendingConsent,
  answer: CallbackResponse,
  { owner, lease }: { owner: string; lease: Lease },
): Promise<ConsentEnd> {
  const { state } = consent
  let isSent = false
  const proceed = async () => {
    const there = await findConsent(pending, owner, state).catch((error: unknown) => {
      if (!isSent) throw error
      return consent
    })
    if (!there) throw new AgentError('session_forgotten', 'The consent was forgotten.')
    if (!isSent && (there.receivedCode !== codeOf(answer) || lease.until - pending.now() < exchangeTime))
      throw new Error('the lease or the code is out of date')
    isSent = true
  }
  try {
    const token = await pending.exchangeCode(consent, answer, owner, proceed)
    // If the consent was forgotten while the token was being stored, remove the token.
    await proceed().catch(async (error: unknown) => {
      await pending.discard(owner, token)
      throw error
    })
    await completeConsent(pending, consent, token, owner)
    return 'done'
  } catch (error) {
    const failure = failureOf(error)
    const isFinal = 'error' in answer || finalCodes.has(failure.code)
    if (!isSent && !isFinal && !(error instanceof AgentError)) throw error
    if (isFinal) closeChannel(pending, state)
    const change = { receivedCode: undefined, ...(isFinal ? { ended: { failure } } : { failed: failure }) }
    if (isFinal || isSent) await updateConsent(pending, owner, consent, change).catch(() => undefined)
    wake(pending, state, error)
    return failure.code === 'other_user' ? 'other_user' : 'failed'
  }
}

/** Waits until no other callback of a consent is being exchanged. Undefined if that takes too long. */
async function takeLease({ consents, now }: PendingState, owner: string, state: string): Promise<Lease | undefined> {
  let holder: string | undefined
  let polls = 0
  for (let waited = 0; waited < 2 * leaseTime; waited += poll) {
    // The clock may have been set back since the lease was granted.
    const overdue = polls * poll >= leaseTime ? holder : undefined
    const lease = await consents.lease(owner, state, now() + leaseTime, overdue)
    if ('holder' in lease) {
      polls = lease.holder === holder ? polls + 1 : 0
      holder = lease.holder
    } else {
      if (lease.until - now() >= exchangeTime) return lease
      await lease.release()
    }
    await pausePolling()
  }
  return undefined
}

const pausePolling = () => pause(poll * 1000, new AbortController().signal)

/** Failures after which neither the same code nor another can succeed. */
const finalCodes: ReadonlySet<AgentErrorCode> = new Set([
  'access_denied',
  'auth_token_refused',
  'other_user',
  'session_forgotten',
])
