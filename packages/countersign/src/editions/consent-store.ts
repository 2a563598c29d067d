import { AgentError, type AgentErrorCode } from '../lib/agent-error.js'
import type { AgentTools, HeldToken, KeptConsent, TokenNeed } from './agent-protocol.js'

/** A consent that the user has not decided yet, with everything that another process needs to complete it. */
export interface PendingConsent extends KeptConsent {
  need: Pick<TokenNeed, 'resource' | 'authServer' | 'scope' | 'kind' | 'call'>
  /** What identifies the request at the auth server: a token, or the URL to poll. */
  requestToken: string
  state: string
  redirectUri: string
  /** The page where the user decides. */
  url: string
  /** The code shown on the page. */
  code: string
  /** When the auth server closes the request unless the user extends it, in Unix seconds. */
  promptExpiresAt: number
  /** When the consent was created, in Unix seconds of the system clock. A token that was stored earlier cannot be its result. */
  createdAt: number
  /** Whether the callback must carry `iss` (RFC 9207). */
  issRequired?: boolean | undefined
  /** Whether the auth server is known to drop `state`. */
  stateOptional?: boolean | undefined
  /** The code in a callback, stored before it is exchanged: if this process is killed, another process exchanges it. */
  receivedCode?: string | undefined
  /** The result, for other processes that are waiting for it: the token without its refresh token, or why there is no token. */
  ended?: { token: HeldToken } | { failure: Failure } | undefined
  /**
   * Why a code exchange failed, for the requests that were waiting at the time. Anyone who knows the state can send such a code, so the
   * user's own code is still accepted. The next request starts a new consent, because the failed code may have been the user's.
   */
  failed?: Failure | undefined
}

interface Failure {
  code: AgentErrorCode
  message: string
  error: string | undefined
  retryAfter: number | undefined
}

/** How long the result of a consent is stored for other processes, in seconds. */
const endedTime = 60

/**
 * How long a consent keeps its generation number after it expires, in seconds. Processes that start at the same time then agree on the next
 * number.
 */
const removalMargin = 60

/** Whether the user can still decide a consent. */
export function isPending({ ended, until }: PendingConsent, now: number): boolean {
  return ended === undefined && until > now
}

/** The consents in the agent's store, which the agent's processes share. */
export type ConsentStore = Pick<AgentTools, 'consents' | 'now'>

/** Whether a stored record has the expected shape. Disks can corrupt records, and an older version may have used a different format. */
function isConsent(record: KeptConsent): record is PendingConsent {
  const { need, state, requestToken, redirectUri, url, code, until, promptExpiresAt, createdAt, ended, failed } =
    record as Partial<PendingConsent>
  return (
    [need?.resource, state, requestToken, redirectUri, url, code].every((text) => typeof text === 'string') &&
    [until, promptExpiresAt, createdAt, generationOf(record)].every(Number.isFinite) &&
    [ended, failed].every((end) => typeof (end ?? {}) === 'object')
  )
}

/** An owner's consents. */
export async function listConsents({ consents }: ConsentStore, owner: string): Promise<readonly PendingConsent[]> {
  return (await consents.list(owner)).filter((each) => isConsent(each))
}

/** A consent's current state in the store. */
export async function findConsent(
  store: ConsentStore,
  owner: string,
  state: string,
): Promise<PendingConsent | undefined> {
  return (await listConsents(store, owner)).find((each) => each.state === state)
}

const keyOf = ({ authServer, resource, scope, kind, call }: PendingConsent['need']) =>
  [authServer, resource, scope, kind, call].join(' ').trim()

/**
 * A consent's generation among the consents for its need. Clocks can be set back, so timestamps cannot show which consent is the newest.
 */
const generationOf = ({ id }: Pick<KeptConsent, 'id'>) => Number(id.slice(id.lastIndexOf(' ') + 1))

/** The consents for a need, newest first. */
function consentsFor(all: readonly PendingConsent[], need: PendingConsent['need']): readonly PendingConsent[] {
  const same = all.filter((each) => keyOf(each.need) === keyOf(need))
  return same.toSorted((one, other) => generationOf(other) - generationOf(one))
}

/**
 * The newest consent whose code is being exchanged, or else the newest one for which the user can be prompted: its page is open, and no
 * code has failed.
 */
function openOf(consents: readonly PendingConsent[], now: number): PendingConsent | undefined {
  const pending = consents.filter((each) => isPending(each, now))
  return (
    pending.find(({ receivedCode }) => receivedCode !== undefined) ??
    pending.find(({ failed, promptExpiresAt }) => failed === undefined && promptExpiresAt > now)
  )
}

/** The newest consent for a need whose code is being exchanged, or for which the user can be prompted. */
export async function findOpenConsent(
  store: ConsentStore,
  owner: string,
  need: PendingConsent['need'],
): Promise<PendingConsent | undefined> {
  return openOf(consentsFor(await listConsents(store, owner), need), store.now())
}

/**
 * Stores a new consent unless one for its need is open. Exclusively creates the next generation, so that only one of several processes
 * prompts the user. Returns false if another process was first.
 */
export async function addConsent(store: ConsentStore, owner: string, consent: PendingConsent): Promise<boolean> {
  const { consents, now } = store
  const { need, state } = consent
  const records = await consents.list(owner)
  // An unusable record would block its name.
  for (const each of records) if (!isConsent(each)) await consents.remove(owner, each.id)
  const before = consentsFor(
    records.filter((each) => isConsent(each)),
    need,
  )
  if (openOf(before, now())) return false
  const id = `${keyOf(need)} ${before[0] ? generationOf(before[0]) + 1 : 1}`
  const there = (await consents.add(owner, { ...consent, id })) as PendingConsent
  if (there.state !== state) return false
  const others = (await listConsents(store, owner)).filter((each) => each.state !== state)
  // A process that read the store before older consents were removed computed its generation from those consents.
  if (openOf(consentsFor(others, need), now())) {
    await consents.remove(owner, id)
    return false
  }
  for (const each of others) if (each.until + removalMargin <= now()) await consents.remove(owner, each.id)
  return true
}

/** Updates a consent in the store, unless the consent was removed or ended in the meantime. */
export async function updateConsent<C extends PendingConsent>(
  store: ConsentStore,
  owner: string,
  { state }: C,
  change: Partial<C>,
): Promise<void> {
  const there = await findConsent(store, owner, state)
  if (!there || there.ended) return
  const until = change.ended ? store.now() + endedTime : there.until
  const updated: PendingConsent = { ...there, ...change, until }
  await store.consents.put(owner, updated)
}

/** A failure, as stored for other processes. */
export function failureOf(thrown: unknown): Failure {
  const { code, message, error, retryAfter } =
    thrown instanceof AgentError
      ? thrown
      : new AgentError('token_request_failed', 'The code exchange failed in another process.')
  return { code, message, error, retryAfter }
}
