import { AgentError } from '../../lib/agent-error.js'
import type { CallbackMatch, CallbackProblem, ConsentEnd } from '../agent-protocol.js'
import { findConsent, isPending, listConsents, updateConsent } from '../consent-store.js'
import {
  awaitDecision,
  type DecisionState,
  type DeferredConsent,
  endConsent,
  sendAbandonment,
  wake,
} from './await-decision.js'
import type { DeferralTools } from './deferred-consents.js'

/** How long a returning browser waits for the outcome, in seconds. */
const longestWait = 30

/**
 * Processes the parameters with which a browser returns from a page (draft -11 §13.2). They contain no code: the agent polls, and a shared
 * agent does so only from now on. If another browser returns, or if it is not on record who started the consent, someone
 * else may have decided, so the request is abandoned.
 *
 * @param owner the owner of the browser, if known
 */
export async function completeConsent(
  tools: DeferralTools,
  state: DecisionState,
  parameters: URLSearchParams,
  owner: string | undefined,
): Promise<CallbackMatch> {
  const refuse = (problem: CallbackProblem): CallbackMatch => ({ matched: false, problem })
  if (['state', 'error'].some((name) => parameters.getAll(name).length > 1)) return refuse('malformed')
  const given = parameters.get('state') ?? ''
  const creator = tools.returns ? await tools.returns.ownerOf(given) : owner
  if (creator !== owner) await abandonReturned(tools, state, given, creator ?? owner)
  if (owner === undefined) return refuse('no_owner')
  if (creator !== owner) return refuse(creator === undefined ? 'unknown' : 'other_owner')
  const consents = (await listConsents(tools, owner)) as readonly DeferredConsent[]
  const consent = consents.find((each) => each.state === given && isPending(each, tools.now()))
  if (!consent) return refuse('unknown')
  const error = parameters.get('error')
  if (error !== null) return endByError(state, consent, owner, error)
  await updateConsent(state, owner, consent, { hasReturned: true })
  wake(state, consent.state)
  return { matched: true, decision: 'allowed', finished: outcomeOf(state, consent, owner) }
}

/**
 * Abandons a consent after a browser returned that did not start it, or that is not known to have started it: an earlier return from
 * another browser may have found no consent to abandon.
 */
async function abandonReturned(
  tools: DeferralTools,
  state: DecisionState,
  given: string,
  owner: string | undefined,
): Promise<void> {
  const started = owner === undefined ? undefined : await findConsent(tools, owner, given)
  if (owner === undefined || !started) return
  const failure = new AgentError('other_user', 'Another browser may have opened the page: start again.')
  await endConsent(state, started as DeferredConsent, owner, failure)
  await sendAbandonment(tools, started as DeferredConsent)
}

async function outcomeOf(state: DecisionState, consent: DeferredConsent, owner: string): Promise<ConsentEnd> {
  const wait = {
    until: state.now() + longestWait,
    signal: AbortSignal.timeout(longestWait * 1000),
    isOwnRequest: false,
  }
  try {
    return (await awaitDecision(state, consent, owner, wait)) ? 'done' : 'failed'
  } catch (error) {
    return error instanceof AgentError && error.code === 'other_user' ? 'other_user' : 'failed'
  }
}

/** Ends a consent that the server reports as impossible to complete. */
async function endByError(
  state: DecisionState,
  consent: DeferredConsent,
  owner: string,
  error: string,
): Promise<CallbackMatch> {
  const isDenied = error === 'access_denied'
  const failure = isDenied
    ? new AgentError('access_denied', 'Access was denied: the user did not allow it.', { error: 'denied' })
    : new AgentError('token_request_failed', 'The user returned without a decision.', { error: error.slice(0, 60) })
  if (isDenied) await state.noteRefusal(consent.need, owner).catch(() => undefined)
  await endConsent(state, consent, owner, failure)
  const finished = Promise.resolve('failed' as const)
  return { matched: true, decision: isDenied ? 'denied' : 'failed', finished }
}
