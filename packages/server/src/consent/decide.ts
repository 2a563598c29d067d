import type { ConsentLink } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { inSession, type SignedInVisit, type Visit, viewerOf } from '../http/visit.js'
import { type Extent, grantable } from '../lib/policy.js'
import { accountPaths, secondFactorPath } from '../pages/models/account-paths.js'
import { hashSecret } from '../secrets/server-keys.js'
import { setUpFirst } from '../sign-in/second-factor.js'
import { accountChanged, signInChanged } from '../sign-in/session.js'
import {
  type AuthRequest,
  type DecideOutcome,
  type ExtendOutcome,
  type LimitedAttempt,
  type ReasonOf,
  type RequestDecision,
  StorageError,
} from '../storage/api/storage.js'
import { allowPurpose, checkProof } from './check-proof.js'
import { type DecisionTerms, decisionFacts, decisionTerms, extension, policyDenial, withoutScopes } from './facts.js'
import {
  emitDecision,
  linkDestination,
  newHandle,
  outcomeResponse,
  requireLink,
  requireStored,
  respondUnlessOpen,
} from './link.js'
import { consentPageAt } from './page.js'

/** Grants for longer than this, in seconds, can be remembered: the agent's next request is then allowed without a page. */
const rememberedFrom = 86_400

/** `consent=grant`: records that the user allows the request; user and browser must be the ones that the page was made for. */
export async function allow(context: ServerContext, visit: Visit, link: ConsentLink): Promise<Response> {
  const decider = await deciderOf(context, visit, link)
  if (decider instanceof Response) return decider
  const { person, stored } = decider
  const shown = asShown(stored, person.form)
  const terms = await decisionTerms(context, person, shown, 'decision')
  const duration = chosenExtent(terms, person.form)
  const stopped = await stopBeforeAllowing(context, person, { link, stored, shown, terms, duration })
  if (stopped) return stopped
  requirePermitted(context, stored)
  const call = duration === 'once' ? context.transports.callOf(stored) : undefined
  const lifetime = duration === 'once' ? context.lifetimes.authToken : duration
  const outcome = await decideWithinLimit(context, stored, {
    decision: 'allow',
    scope: grantable(shown.scope.split(' ')).join(' '),
    handle: newHandle(context, stored),
    grantLifetime: lifetime === 'until-removed' ? null : lifetime,
    remembered:
      !call &&
      (context.transports.of(stored).remembersGrants?.(stored) ??
        (terms.mayRemember && (lifetime === 'until-removed' || lifetime > rememberedFrom))),
    call,
    account: context.transports.accountOf(stored),
    attempt: allowing(context, person.session.user.id),
    ...decisionBy(person, link, stored),
  })
  if (outcome.outcome === 'refused') return refusedDecision(context, visit, link, outcome)
  if (outcome.first) emitDecision(context, outcome.request, { by: 'person', outcome: outcome.outcome })
  if (outcome.boundToOther) throw new PageError('request_agent_bound')
  return outcomeResponse(context, visit, outcome.request)
}

/** The request without what the page left out. What was removed after the page was shown has raised the request's revision. */
function asShown(stored: AuthRequest, form: ReadonlyMap<string, string>): AuthRequest {
  const shown = withoutScopes(stored, form.get('left_out')?.split(' ') ?? [])
  if (shown.scope === '') throw new PageError('bad_form')
  return shown
}

/** @throws PageError `too_many_permissions` */
async function decideWithinLimit(
  { storage }: ServerContext,
  { agent }: AuthRequest,
  decision: RequestDecision,
): Promise<DecideOutcome> {
  try {
    return await storage.decideRequest(decision)
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'too_many_permissions') throw error
    throw new PageError('too_many_permissions', { agent, cause: error, retry: accountPaths.agents })
  }
}

/** `consent=deny`: records that the user denies the request. */
export async function deny(context: ServerContext, visit: Visit, link: ConsentLink): Promise<Response> {
  const decider = await deciderOf(context, visit, link)
  if (decider instanceof Response) return decider
  const { person, stored } = decider
  const outcome = await context.storage.decideRequest({
    decision: 'deny',
    grantLifetime: null,
    remembered: false,
    ...decisionBy(person, link, stored),
  })
  if (outcome.outcome === 'refused') return refusedDecision(context, visit, link, outcome)
  if (outcome.first) emitDecision(context, outcome.request, { by: 'person', outcome: 'denied' })
  return outcomeResponse(context, visit, outcome.request)
}

/**
 * Returns the user who decides and the open request. The decision must come from the user and browser that were shown the request. For a
 * request that has already been decided, returns the same response again.
 */
async function deciderOf(
  context: ServerContext,
  visit: Visit,
  link: ConsentLink,
): Promise<{ person: SignedInVisit; stored: AuthRequest } | Response> {
  const { session, browserHash } = visit
  const stored = await requireStored(context, link, visit)
  if (!session) return seeOther(link.path)
  requirePageUser(context, visit, link)
  const decider = { person: { ...visit, session }, stored }
  const instead =
    (await respondUnlessOpen(context, visit, stored)) ?? (await setUpFirst(context, decider.person, link.path))
  if (instead) return instead
  const isHere = stored.browserHash === browserHash
  if (isHere && stored.userId === session.user.id) return decider
  return decideRefusals[isHere ? 'other_user' : 'other_browser'](context, visit, link)
}

/** Evaluates the policy again, because checking a proof takes time and the storage does not know the policy. */
function requirePermitted(context: ServerContext, request: AuthRequest): void {
  const denied = policyDenial(context, request)
  if (denied) throw new PageError('policy_forbids', { agent: request.agent, cause: denied })
}

interface Considered extends Record<'stored' | 'shown', AuthRequest> {
  link: ConsentLink
  terms: DecisionTerms
  duration: Extent
}

/** The checks before an Allow: the operator permits it, and the user has proved who they are. Returns a response if one of them fails. */
async function stopBeforeAllowing(
  context: ServerContext,
  person: SignedInVisit,
  { link, stored, shown, terms, duration }: Considered,
): Promise<Response | undefined> {
  if (terms.forbidden) throw new PageError('policy_forbids', { agent: stored.agent, cause: terms.forbidden })
  const { proof: kind } = terms
  if (kind === undefined) return undefined
  // A proof applies only to the revision that was shown, and must not be consumed for a different revision.
  const revision = readRevision(person.form)
  if (kind === 'set-up') return seeOther(secondFactorPath(link.path))
  if (kind === 'sign-in' || revision !== stored.revision) return seeOther(link.path)
  const problem = await checkProof(context, person, { kind, request: shown, revision, duration })
  if (!problem) return undefined
  const facts = await decisionFacts(context, person, stored, 'decision')
  return consentPageAt(context, person, { link, request: stored, facts, ...problem })
}

function decisionBy(person: SignedInVisit, { tokenHash }: ConsentLink, stored: AuthRequest) {
  return { tokenHash, judged: stored, ...inSession(person), revision: readRevision(person.form) ?? stored.revision }
}

/** `action=extend`: extends the request's expiry, up to twelve times (WCAG 2.2.1 requires at least ten). */
export async function extend(context: ServerContext, visit: Visit, link: ConsentLink): Promise<Response> {
  const { session } = visit
  if (!session) return seeOther(link.path)
  requirePageUser(context, visit, link)
  const outcome = await context.storage.extendRequest({
    tokenHash: link.tokenHash,
    ...inSession({ ...visit, session }),
    seconds: extension.seconds,
    maxExtensions: extension.times,
    mostLifetime: context.transports.of(link).openFor?.most,
  })
  return outcome.outcome === 'refused' ? extendRefusals[outcome.reason](context, visit, link) : seeOther(link.path)
}

function requirePageUser(context: ServerContext, visit: Visit, link: ConsentLink): void {
  if (visit.formOf === viewerOf(undefined)) throw new PageError('csrf')
  if (visit.formOf !== viewerOf(visit.session)) throw accountChanged(context, visit, linkDestination(link))
}

type Refusals<R extends string> = Readonly<
  Record<R, (context: ServerContext, visit: Visit, link: ConsentLink) => Response>
>

function refusedDecision(
  context: ServerContext,
  visit: Visit,
  link: ConsentLink,
  refused: Extract<DecideOutcome, { outcome: 'refused' }>,
): Response {
  if (refused.reason !== 'too_often') return decideRefusals[refused.reason](context, visit, link)
  throw new PageError('too_many_requests', { retryAfter: refused.retryAfter, retry: link.path })
}

/** Where each refused decision leads. */
const decideRefusals: Refusals<Exclude<ReasonOf<DecideOutcome>, 'too_often'>> = {
  unknown: () => turnAway('request_unknown'),
  expired: () => turnAway('request_expired'),
  other_browser: () => turnAway('request_other_session'),
  other_user: (context, visit, link) => {
    throw accountChanged(context, visit, linkDestination(link))
  },
  user_changed: (_context, _visit, link) => {
    throw signInChanged(link)
  },
  not_open: () => turnAway('request_used'),
  // The page no longer matches what is stored, so show the current state.
  changed: (_context, _visit, link) => seeOther(link.path),
}

const extendRefusals: Refusals<ReasonOf<ExtendOutcome>> = {
  ...decideRefusals,
  not_open: (_context, _visit, link) => seeOther(link.path),
  limit: (_context, _visit, link) => seeOther(link.path),
}

function turnAway(code: PageError['code']): never {
  throw new PageError(code)
}

/**
 * The choice submitted with the form, or the narrowest one if the terms do not offer it.
 *
 * @throws PageError `bad_form` for one call only, if that is not offered: every other choice allows more
 */
function chosenExtent({ durations }: DecisionTerms, form: ReadonlyMap<string, string>): Extent {
  const submitted = form.get('duration')
  const offered = durations.find((choice) => String(choice) === submitted)
  if (offered === undefined && submitted === 'once') throw new PageError('bad_form')
  return offered ?? durations[0]
}

/** The purpose of the passkey challenge for an Allow, from the fields of its form; undefined if the form is not a decision. */
export async function challengePurpose(context: ServerContext, visit: Visit): Promise<string | undefined> {
  const { form, session } = visit
  if (form.get('consent') !== 'grant') return undefined
  if (!session) throw new PageError('csrf')
  const request = asShown(await requireStored(context, requireLink(await context.transports.readLink(form))), form)
  const terms = await decisionTerms(context, { ...visit, session }, request)
  return allowPurpose({ request, revision: readRevision(form), duration: chosenExtent(terms, form), session })
}

/** The revision of the submitted page; scripted users may omit it. */
function readRevision(form: ReadonlyMap<string, string>): number | undefined {
  const revision = form.get('revision')
  if (revision !== undefined && !/^\d{1,9}$/.test(revision)) throw new PageError('bad_form')
  return revision === undefined ? undefined : Number(revision)
}

/** How often a user can allow something within a window, in seconds. No one reads consent pages faster than that. */
const rate = { window: 60, most: 60 }

/**
 * The rate limit on a user's approvals, with or without a page. Every grant is stored for a year and, once revoked, listed for every
 * resource, so a user who runs an agent must not be able to fill the database or the revocation list.
 */
export function allowing({ rateFactor }: ServerContext, userId: string): LimitedAttempt {
  return { key: hashSecret(`allowed by ${userId}`), window: rate.window, most: rate.most * rateFactor }
}
