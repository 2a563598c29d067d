import { AAuthError } from 'countersign'
import { preferredWait } from 'countersign/editions/draft-11/sessions'
import { LruCache } from 'countersign/node'
import type { Arrival, Route } from '../../http/route.js'
import type { AgentToken } from '../../storage/api/agent-storage.js'
import type { AuthRequest, CodeRedemption, ReasonOf, RedeemOutcome } from '../../storage/api/storage.js'
import type { SignedContext } from '../edition.js'
import { type SigningAgent, signedRequest } from '../signed-request.js'
import { pollHash } from './interaction-code.js'
import { type IssuedToken, signToken, tokenLifetime, tokenResponse } from './issue-token.js'
import { paths } from './paths.js'
import { waitingResponse } from './pending-response.js'
import { PollWatcher } from './poll-watcher.js'
import { problem } from './problems.js'
import { detailsOf } from './request-details.js'
import { refusingRevoked } from './revocations.js'
import { requireAgentToken } from './token-request.js'

/** Seconds: the longest wait for a change, and the shortest time between two polls that do not wait. */
const seconds = { held: 20, between: 2 } as const

/** An agent's own request. */
interface OwnRequest {
  pollSecret: string
  hash: string
  request: AuthRequest
}

/** An agent that polls, and the token with which it authenticated. */
interface Poller {
  agent: SigningAgent
  agentToken: AgentToken
  /** Aborted if the agent disconnects. */
  signal: AbortSignal
}

/** `/person/pending/{id}`: an agent polls for the outcome of its request, or ends the request (draft -11 §11.6.3, 11.8). */
export function pendingRoute(context: SignedContext): Route {
  const { storage, workload, onError, now } = context
  const watcher = new PollWatcher({ storage, onError: (error) => onError(error, '-') })
  const requireInterval = createIntervalCheck(now)
  const recorded = new LruCache<true>(timed)

  /** Waits until the request changes, and returns it as it is then. A poll that was not held counts as one that does not wait. */
  async function hold(
    own: OwnRequest,
    { agent, delegate, remoteAddress }: SigningAgent,
    { wait, signal }: { wait: number; signal: AbortSignal },
  ): Promise<{ latest: OwnRequest; retryAfter: 0 | 5 }> {
    const { hash: hashed, request } = own
    const seen = { status: request.status, isOpened: request.browserHash !== null }
    const waiting = { pollHash: hashed, seen, seconds: wait, agent: `${agent} ${delegate}`, remoteAddress, signal }
    const outcome = await workload.idle(watcher.wait(waiting))
    if (outcome === 'not_held') {
      requireInterval(hashed)
      return { latest: own, retryAfter: 5 }
    }
    const changed = outcome === 'changed' ? await storage.findPolledRequest(hashed) : undefined
    return { latest: { ...own, request: changed ?? request }, retryAfter: 0 }
  }

  /** Makes an open request depend on the token of its poll, which may be newer than the one with which it was made. */
  async function recordPoll(poller: SigningAgent, agentToken: AgentToken, { hash, request }: OwnRequest) {
    const key = `${hash} ${agentToken.jti}`
    if (request.status !== 'open' || recorded.get(key, now())) return
    const { agent, delegate } = poller
    await refusingRevoked(context, poller, { agentToken }, () =>
      storage.recordPoll({ pollHash: hash, agent, delegate, agentToken }),
    )
    recorded.set(key, true, request.expiresAt)
  }

  function poll(arrival: Arrival): Promise<Response> {
    const wait = preferredWait(arrival.request.headers.get('prefer') ?? '', seconds.held)
    return signedRequest(context, arrival, async (agent, verified) => {
      const agentToken = await requireAgentToken(context, verified)
      const own = await requireOwn(context, agent, arrival.id)
      if (wait === 0) requireInterval(own.hash)
      return async () => {
        await recordPoll(agent, agentToken, own)
        const mayWait = wait > 0 && own.request.status === 'open'
        const { signal } = arrival.request
        const { latest, retryAfter } = mayWait
          ? await hold(own, agent, { wait, signal })
          : ({ latest: own, retryAfter: 5 } as const)
        return answer(context, { agent, agentToken, signal }, latest, retryAfter)
      }
    })
  }

  function relinquish(arrival: Arrival): Promise<Response> {
    return signedRequest(context, arrival, async (agent, verified) => {
      await requireAgentToken(context, verified)
      const { hash: hashed } = await requireOwn(context, agent, arrival.id)
      return async () => {
        if (!(await storage.relinquishRequest({ pollHash: hashed }))) throw gone()
        return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
      }
    })
  }

  return { path: `${paths.pending}/:id`, caller: 'agent', methods: { GET: poll, DELETE: relinquish } }
}

/** For anyone but the agent and key that made it, a request does not exist. */
async function requireOwn(
  { storage }: SignedContext,
  { agent, delegate, key }: SigningAgent,
  pollSecret: string,
): Promise<OwnRequest> {
  const hash = pollHash(pollSecret)
  const request = await storage.findPolledRequest(hash)
  const isOwn = request?.agent === agent && request.delegate === delegate && request.agentJkt === key.thumbprint
  if (!isOwn) throw new AAuthError('not_found', 'No such request was made by this agent and key.')
  if (request.answeredAt !== null) throw gone()
  return { pollSecret, hash, request }
}

function gone(): AAuthError {
  return problem('invalid_code', 'This request has ended, and its outcome was told.')
}

async function answer(
  context: SignedContext,
  poller: Poller,
  { pollSecret, hash, request }: OwnRequest,
  retryAfter: 0 | 5,
): Promise<Response> {
  if (request.status === 'open')
    return waitingResponse(context, { pollSecret, isOpened: request.browserHash !== null, retryAfter })
  if (request.status !== 'allowed') throw await ended(context, hash, ending(request))
  // A token for an agent that has disconnected would be lost: its next poll gets it.
  if (poller.signal.aborted) return waitingResponse(context, { pollSecret, isOpened: true, retryAfter })
  return deliver(context, poller, { hash, request })
}

/** Returns the error for a request that leads to no token: why it ended, and from then on only that it has ended (draft -11 §11.8). */
async function ended({ storage }: SignedContext, hash: string, reason: AAuthError): Promise<AAuthError> {
  return (await storage.markAnswered(hash)) ? reason : gone()
}

/** How a request ended without a token (draft -11 §13.2). */
function ending({ status, browserHash, wrongLinks }: AuthRequest): AAuthError {
  if (status === 'denied')
    return browserHash === null
      ? problem('denied', 'A user allowed this, but the agent acts for another user.')
      : problem('denied', 'The user did not allow this.')
  if (status === 'revoked') return problem('revoked', 'The request was revoked.')
  if (status === 'expired')
    return browserHash === null
      ? problem('expired', 'No user opened the request in time.')
      : problem('abandoned', 'The user did not decide in time.')
  return wrongLinks > 0 && browserHash === null
    ? problem('invalid_code', 'The request ended because of too many wrong codes.')
    : problem('abandoned', 'The request was ended.')
}

/**
 * Issues the token that the user allowed, once, to the agent and key that asked for it. It is signed before the decision is used up, so that
 * a decision is not lost if a rule denies the access for now or the key cannot sign. An agent that does not receive the token asks again, and
 * the grant answers.
 */
async function deliver(
  context: SignedContext,
  { agent, agentToken }: Poller,
  { hash, request }: Pick<OwnRequest, 'hash' | 'request'>,
): Promise<Response> {
  const { storage, transports, now } = context
  const { kind, until, account, resourceToken } = detailsOf(request)
  const end = Math.min(agentToken.expiresAt, until ?? Number.POSITIVE_INFINITY)
  if (end <= now())
    throw await ended(
      context,
      hash,
      problem('expired', 'The token that was presented has expired: start over, as the user’s decision is kept.'),
    )
  const redemption: CodeRedemption = {
    codeHash: transports.of(request).handleHashOf(request) ?? '',
    agent: agent.agent,
    delegate: agent.delegate,
    jkt: agent.key.thumbprint,
    bindToKey: true,
    tokenLifetime,
    notAfter: end,
    agentToken,
    isTracked: true,
  }
  const asToken = ({ issue, user }: Pick<IssuedToken, 'issue' | 'user'>) => ({
    kind,
    resource: request.resource,
    issue,
    user,
    account,
    asked: resourceToken?.scope,
  })
  const prepared = await storage.prepareRedemption(redemption)
  const signed = prepared && (await signToken(context, agent, asToken(prepared)))
  const outcome = await refusingRevoked(context, agent, { agentToken }, () =>
    storage.redeemCode({ ...redemption, issue: prepared?.issue }),
  )
  if (outcome.outcome === 'refused') throw await ended(context, hash, refusals[outcome.reason]?.() ?? gone())
  return tokenResponse(context, agent, asToken(outcome), signed)
}

/** What an agent learns if the decision no longer leads to a token. */
const refusals: Partial<Record<ReasonOf<RedeemOutcome>, () => AAuthError>> = {
  grant_ended: () => problem('revoked', 'The user removed the access.'),
  user_disabled: () => problem('revoked', 'The user’s account is turned off.'),
  expired: () => problem('expired', 'The decision was not fetched in time: ask again, as it is kept.'),
}

/** How many requests' polls are timed. */
const timed = 10_000

/** Creates the check that polls of one request that do not wait are not too close to each other. */
function createIntervalCheck(now: () => number): (hash: string) => void {
  const polled = new LruCache<number>(timed)
  return (hash) => {
    const at = now()
    const last = polled.get(hash, at)
    // A clock that was set back tells nothing about the interval.
    if (last !== undefined && last <= at)
      throw problem('slow_down', 'Wait longer between two polls.', { retryAfter: 5 })
    polled.set(hash, at, at + seconds.between)
  }
}
