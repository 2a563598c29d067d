import { AgentError, type AgentErrorCode } from '../../lib/agent-error.js'
import { pause } from '../../lib/clock.js'
import type { AgentTools, HeldToken, KeptConsent, TokenNeed } from '../agent-protocol.js'

/** A consent that the user has not decided yet, with everything that another process needs to complete it. */
export interface PendingConsent extends KeptConsent {
  need: Pick<TokenNeed, 'resource' | 'authServer' | 'scope'>
  requestToken: string
  state: string
  redirectUri: string
  /** The page where the user decides. */
  url: string
  /** The code that the page shows. */
  code: string
  /** When the auth server closes the request, unless the user asks for more time, in Unix seconds. */
  askedUntil: number
  /** When it was created, in Unix seconds of the system: tokens stored earlier are no result of it. */
  begunAt: number
  /** The whole time that the agent waits, until `until`, in seconds. */
  patience: number
  /** Whether the callback must carry `iss` (RFC 9207). */
  issRequired: boolean
  /** Whether the auth server is known to drop `state`. */
  stateOptional: boolean
  /** When the exchange of its code started, in Unix seconds: it is no longer open to a decision. */
  exchangedAt?: number | undefined
  /** Its result, for other processes that wait for it. */
  ended?: Failure | undefined
  /**
   * Why the exchange of a code failed, for those who waited then. Anyone who knows the state can bring such a code, so the
   * user's own is still accepted. The next request starts a new consent, since the code may have been the user's.
   */
  failed?: Failure | undefined
}

interface Failure {
  code: AgentErrorCode
  message: string
  error: string | undefined
}

/** How long a process waits for a decision. */
export type WaitLimit = Pick<PendingConsent, 'until' | 'patience'>

/** The id of the consent for a need: an owner has one at a time. */
export function idOf({ authServer, resource, scope = '' }: PendingConsent['need']): string {
  return `${authServer} ${resource} ${scope}`
}

const seconds = {
  /** Between two reads of the store. */
  poll: 0.5,
  /** Without a heartbeat, after which a process counts as gone. */
  silence: 8,
  /** Longest exchange of a code by another process. */
  exchange: 20,
  /** Until every process sees a write. */
  settle: 2,
  /** For which the result of a consent is kept for other processes. */
  ended: 60,
}

/** Whether the user can still decide a consent. */
export function isPending({ ended, exchangedAt, until }: PendingConsent, now: number): boolean {
  return ended === undefined && exchangedAt === undefined && until > now
}

/** Whether the user can be prompted for it: its page is open, and no code failed. */
export function isOpen(consent: PendingConsent, now: number): boolean {
  return isPending(consent, now) && consent.failed === undefined && consent.askedUntil > now
}

function isExchanged({ exchangedAt }: PendingConsent, now: number): boolean {
  return exchangedAt !== undefined && Math.abs(now - exchangedAt) < seconds.exchange
}

/** The consents in the agent's store, as its processes share them: which are open, who waits, and how they ended. */
export interface ConsentStore extends Pick<AgentTools, 'consents' | 'now' | 'heldSince'> {
  /** The states of consents whose codes this process exchanges. */
  readonly exchanging: Set<string>
}

/** The consents of an owner. */
export async function listConsents({ consents }: ConsentStore, owner: string): Promise<readonly PendingConsent[]> {
  return (await consents.list(owner)) as readonly PendingConsent[]
}

/** The consent of this id. */
export async function findConsent(store: ConsentStore, owner: string, id: string): Promise<PendingConsent | undefined> {
  return (await listConsents(store, owner)).find((each) => each.id === id)
}

/** A consent as it is stored, unless another one replaced it. */
async function current(
  store: ConsentStore,
  { id, state }: PendingConsent,
  owner: string,
): Promise<PendingConsent | undefined> {
  const there = await findConsent(store, owner, id)
  return there?.state === state ? there : undefined
}

async function put({ consents }: ConsentStore, owner: string, consent: PendingConsent): Promise<void> {
  await consents.put(owner, consent)
}

/** Whether another process waits for a consent. */
export async function isAlive({ consents, now }: ConsentStore, owner: string, state: string): Promise<boolean> {
  const last = await consents.lastHeartbeat(owner, state)
  return last !== undefined && Math.abs(now() - last) < seconds.silence
}

/** Whether this process exchanges its code, or another one waits for it. */
async function isWaitedFor(store: ConsentStore, { state }: PendingConsent, owner: string): Promise<boolean> {
  return store.exchanging.has(state) || isAlive(store, owner, state)
}

/** Whether a process exchanges its code, and is still alive. */
export async function isUnderway(store: ConsentStore, consent: PendingConsent, owner: string): Promise<boolean> {
  return isExchanged(consent, store.now()) && isWaitedFor(store, consent, owner)
}

/** Removes the heartbeat of this process; a failure only delays the takeover by others. */
export async function stopHeartbeat({ consents }: ConsentStore, owner: string, state: string): Promise<void> {
  await consents.stopHeartbeat(owner, state).catch(() => undefined)
}

/** Starts the heartbeat of a new consent and stores it, unless another process was first. */
export async function addConsent(store: ConsentStore, consent: PendingConsent, owner: string): Promise<boolean> {
  const { consents, now } = store
  // Before the consent is stored, so that a process that finds it also finds the heartbeat.
  if (consents.isShared) await consents.heartbeat(owner, consent.state)
  const there = (await consents.add(owner, consent)) as PendingConsent
  if (there.state !== consent.state) {
    if (await isTaken(store, there, consent, owner)) {
      await stopHeartbeat(store, owner, consent.state)
      return false
    }
    // A user who still has the earlier page open may decide there, too.
    if (isPending(there, now())) await put(store, owner, { ...there, id: `${there.id} ${there.state}` })
    await put(store, owner, consent)
  }
  for (const { id, until } of await listConsents(store, owner)) if (until <= now()) await consents.remove(owner, id)
  return true
}

/**
 * Whether a new consent cannot replace the one that is there: a process exchanges its code or waits for it, or claimed the
 * takeover first.
 */
async function isTaken(
  store: ConsentStore,
  there: PendingConsent,
  { state }: PendingConsent,
  owner: string,
): Promise<boolean> {
  const { consents, now } = store
  if (await isUnderway(store, there, owner)) return true
  if (!consents.isShared) return false
  if (isOpen(there, now()) && (await isAlive(store, owner, there.state))) return true
  for (let taken = there.state; ; ) {
    const first = await consents.claim(owner, taken, state)
    if (first === state) return false
    // A process that claimed the takeover and died before it finished leaves the takeover to the next.
    if (await isAlive(store, owner, first)) return true
    taken = first
  }
}

/** Takes a consent out of the store for the exchange of its code; false if another process did before. */
export async function startExchange(store: ConsentStore, consent: PendingConsent, owner: string): Promise<boolean> {
  const { consents, now } = store
  if (!(await consents.remove(owner, consent.id))) return false
  if (consents.isShared) await consents.heartbeat(owner, consent.state)
  await put(store, owner, { ...consent, exchangedAt: now(), failed: undefined })
  store.exchanging.add(consent.state)
  return true
}

/** Removes a consent that has ended, or stores its failure for other processes; unless another consent replaced it. */
export async function endConsent(
  store: ConsentStore,
  consent: PendingConsent,
  owner: string,
  error?: unknown,
): Promise<void> {
  const { consents, now } = store
  if (!(await current(store, consent, owner))) return
  const isForgotten = error instanceof AgentError && error.code === 'session_forgotten'
  if (consents.isShared && error instanceof AgentError && !isForgotten)
    await put(store, owner, { ...consent, until: now() + seconds.ended, ended: failureOf(error) })
  else await consents.remove(owner, consent.id)
}

/** Reopens a consent after a code that failed: another one may succeed. */
export async function reopenConsent(
  store: ConsentStore,
  consent: PendingConsent,
  owner: string,
  error: unknown,
): Promise<void> {
  const there = await current(store, consent, owner)
  if (there) await put(store, owner, { ...there, exchangedAt: undefined, failed: failureOf(error) })
}

/** The result of a consent as the store shows it; undefined: none yet. */
async function resultOf(
  store: ConsentStore,
  consent: PendingConsent,
  owner: string,
): Promise<HeldToken | 'gone' | undefined> {
  const there = await current(store, consent, owner)
  const failure = there?.ended ?? there?.failed
  if (failure) throw new AgentError(failure.code, failure.message, failure)
  // Also from an earlier page for the same need.
  const held = await store.heldSince(consent.need, owner, consent.begunAt)
  if (held) return held
  const now = store.now()
  return there && (isPending(there, now) || isExchanged(there, now)) ? undefined : 'gone'
}

/**
 * Polls until there is a result; undefined: another consent replaced this one, or no process waits for it any more.
 *
 * @param isElsewhere another process waits for it, and not this one
 */
export async function watchConsent(
  store: ConsentStore,
  consent: PendingConsent,
  owner: string,
  { signal, until, patience, isElsewhere }: WaitLimit & { signal: AbortSignal; isElsewhere: boolean },
): Promise<HeldToken | undefined> {
  let goneSince: number | undefined
  while (until > store.now()) {
    signal.throwIfAborted()
    const result = await resultOf(store, consent, owner)
    if (typeof result === 'object') return result
    if (result === 'gone') {
      goneSince ??= performance.now()
      if (performance.now() - goneSince > seconds.settle * 1000) return undefined
    } else if (isElsewhere && !(await isWaitedFor(store, consent, owner))) return undefined
    await pause(seconds.poll * 1000, signal)
  }
  throw tooLate(patience)
}

function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof AgentError))
    return { code: 'token_request_failed', message: 'The auth server did not answer.', error: undefined }
  const { code, message, error } = thrown
  return { code, message, error }
}

/** The error for a consent that was not decided in time. */
export function tooLate(patience: number): AgentError {
  return new AgentError('consent_expired', `Nobody decided within ${patience} s.`)
}
