import type { ServerContext } from '../context.js'
import { seeOther } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import type { Submission } from '../http/submission.js'
import { pageOf, type Visitor } from '../http/visit.js'
import { hashSecret } from '../keys/minted-secrets.js'
import { accountChanged } from '../sign-in/account-changed.js'
import { checkPassword } from '../sign-in/check-password.js'
import { renewSession } from '../sign-in/session.js'
import type { Action } from '../sign-in/sign-in-actions.js'
import type { AuthRequest, DecideOutcome, ExtendOutcome } from '../storage/storage.js'
import { waitBeforeAllowing } from './allowing-rate.js'
import { decisionFacts } from './facts.js'
import { type ConsentLink, linkPath, outcomeResponse, requireLink, requireStored } from './outcome.js'
import { consentPageAt } from './page.js'

/** What is allowed for longer than this, in seconds, may answer the agent's next request without a page. */
const rememberedFrom = 86_400

/** `consent=grant` and `consent=deny`: records the decision of the person the page was made for, in the browser it was made for. */
export const decide: Action = async (context, cookies, submission, view) => {
  const { form, visitor } = submission
  const link = requireLink(form)
  const stored = await requireStored(context, link)
  const { session } = visitor
  if (!session) return seeOther(linkPath(link))
  requirePagePerson(context, submission, link)
  const facts = await decisionFacts(context, stored, session)
  const allow = form.get('consent') === 'grant'
  // Before anything is judged: what is judged must be what the storage decides on.
  const decides = stored.browserHash === visitor.browserHash && stored.userId === session.user.id
  if (stored.status === 'open' && !decides) {
    const reason = stored.browserHash === visitor.browserHash ? 'other_user' : 'other_browser'
    return decideRefusals[reason]({ context, visitor, link })
  }
  const proves = allow && stored.status === 'open'
  if (proves && facts.forbidden) throw new PageError('policy_forbids', { agent: stored.agent, cause: facts.forbidden })
  if (proves && facts.signInAgain) return seeOther(linkPath(link))
  if (proves && facts.askPassword) {
    const check = await checkPassword(context, submission, session.user.username, form.get('password') ?? '')
    if (check.outcome !== 'right' || check.user.id !== session.user.id) {
      const throttled = check.outcome === 'throttled' ? { retryAfter: check.retryAfter } : {}
      const problem = check.outcome === 'throttled' ? 'throttled' : 'wrong_password'
      return consentPageAt(context, view, link, stored, session, { problem, ...throttled })
    }
  }
  const wait = proves ? await waitBeforeAllowing(context, session.user.id) : undefined
  if (wait !== undefined) throw new PageError('too_many_requests', { retryAfter: wait, retry: linkPath(link) })
  const duration = facts.durations.find((choice) => String(choice) === form.get('duration')) ?? facts.preset
  const outcome = await context.storage.decideRequest({
    tokenHash: link.tokenHash,
    browserHash: visitor.browserHash,
    userId: session.user.id,
    revision: requireRevision(form) ?? stored.revision,
    decision: allow ? 'allow' : 'deny',
    codeHash: hashSecret(context.secrets.codeOf(stored.id)),
    codeLifetime: context.lifetimes.code,
    grantLifetime: duration === 'until-removed' ? null : duration,
    remembered: facts.mayRemember && (duration === 'until-removed' || duration > rememberedFrom),
  })
  if (outcome.outcome === 'refused') return decideRefusals[outcome.reason]({ context, visitor, link })
  const renewed = proves && facts.askPassword ? await renewSession(context, cookies, submission) : []
  return outcomeResponse(context, view, outcome.request, renewed)
}

/** `action=extend`: keeps the request open longer, at most twelve times (WCAG 2.2.1: ten at least). */
export const extend: Action = async (context, _cookies, submission) => {
  const link = requireLink(submission.form)
  const { visitor } = submission
  const { session, browserHash } = visitor
  if (!session) return seeOther(linkPath(link))
  requirePagePerson(context, submission, link)
  const outcome = await context.storage.extendRequest({
    tokenHash: link.tokenHash,
    browserHash,
    userId: session.user.id,
    seconds: extension.seconds,
    maxExtensions: extension.times,
  })
  if (outcome.outcome === 'refused') return extendRefusals[outcome.reason]({ context, visitor, link })
  return seeOther(linkPath(link))
}

/** The revision of the page that was answered; scripted users may leave it out. */
function requireRevision(form: ReadonlyMap<string, string>): number | undefined {
  const revision = form.get('revision')
  if (revision !== undefined && !/^\d{1,9}$/.test(revision)) throw new PageError('bad_form')
  return revision === undefined ? undefined : Number(revision)
}

/** By how much a request is put off, and how often. */
export const extension = { seconds: 600, times: 12 }

/** Whether the end of a request can be put off once more. */
export function canExtend({ extensions }: AuthRequest): boolean {
  return extensions < extension.times
}

function requirePagePerson(context: ServerContext, { page, visitor }: Submission, link: ConsentLink): void {
  if (page === pageOf(undefined)) throw new PageError('csrf')
  if (page !== pageOf(visitor.session)) throw accountChanged(context, visitor, { kind: 'request', link })
}

/** Whose decision was not taken, at which server. */
interface Turned {
  context: ServerContext
  visitor: Visitor
  link: ConsentLink
}

type Refusals<R extends string> = Readonly<Record<R, (turned: Turned) => Response>>
type ReasonOf<O> = O extends { outcome: 'refused'; reason: infer R extends string } ? R : never

/** Where a decision that was not taken leads. */
const decideRefusals: Refusals<ReasonOf<DecideOutcome>> = {
  unknown: () => turnAway('request_unknown'),
  expired: () => turnAway('request_expired'),
  other_browser: () => turnAway('request_other_session'),
  other_user: ({ context, visitor, link }) => {
    throw accountChanged(context, visitor, { kind: 'request', link })
  },
  not_open: () => turnAway('request_used'),
  // The page no longer shows what is stored: show it as it is now.
  changed: ({ link }) => seeOther(linkPath(link)),
}

const extendRefusals: Refusals<ReasonOf<ExtendOutcome>> = {
  ...decideRefusals,
  not_open: ({ link }) => seeOther(linkPath(link)),
  limit: ({ link }) => seeOther(linkPath(link)),
}

function turnAway(code: PageError['code']): never {
  throw new PageError(code)
}
