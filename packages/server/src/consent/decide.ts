import type { ServerContext } from '../context.js'
import { seeOther, withCookies } from '../http/html-response.js'
import { PageError } from '../http/page-error.js'
import { viewerOf } from '../http/viewer-of.js'
import type { Visit } from '../http/visit.js'
import { grantable } from '../policy/permissions.js'
import { accountChanged } from '../sign-in/account-changed.js'
import { checkPassword } from '../sign-in/check-password.js'
import { renewSession } from '../sign-in/session.js'
import type { DecideOutcome, ExtendOutcome, ReasonOf } from '../storage/storage.js'
import type { ConsentLink } from '../transport/consent-transport.js'
import { waitBeforeAllowing } from './allowing-rate.js'
import { extension } from './extension.js'
import { decisionFacts } from './facts.js'
import { newHandle } from './handle.js'
import { linkWay, requireLink, requireStored } from './link.js'
import { outcomeResponse } from './outcome.js'
import { consentPageAt } from './page.js'

/** What is allowed for longer than this, in seconds, may answer the agent's next request without a page. */
const rememberedFrom = 86_400

/** `consent=grant` and `consent=deny`: records the decision of the person the page was made for, in the browser it was made for. */
export async function decide(context: ServerContext, visit: Visit): Promise<Response> {
  const { form, session, browserHash } = visit
  const link = await requireLink(context, form)
  const stored = await requireStored(context, link)
  if (!session) return seeOther(link.path)
  requirePagePerson(context, visit, link)
  const person = { ...visit, session }
  const facts = await decisionFacts(context, person, stored)
  const allow = form.get('consent') === 'grant'
  // Before anything is judged: what is judged must be what the storage decides on.
  const decides = stored.browserHash === browserHash && stored.userId === session.user.id
  if (stored.status === 'open' && !decides) {
    const reason = stored.browserHash === browserHash ? 'other_user' : 'other_browser'
    return decideRefusals[reason](context, visit, link)
  }
  const proves = allow && stored.status === 'open'
  if (proves && facts.forbidden) throw new PageError('policy_forbids', { agent: stored.agent, cause: facts.forbidden })
  if (proves && facts.signInAgain) return seeOther(link.path)
  if (proves && facts.askPassword) {
    const { username } = session.user
    const check = await checkPassword(context, visit, { username, password: form.get('password') ?? '' })
    if (check.outcome !== 'right' || check.user.id !== session.user.id) {
      const throttled = check.outcome === 'throttled' ? { retryAfter: check.retryAfter } : {}
      const problem = check.outcome === 'throttled' ? 'throttled' : 'wrong_password'
      return consentPageAt(context, person, { link, request: stored, problem, ...throttled })
    }
  }
  const wait = proves ? await waitBeforeAllowing(context, session.user.id) : undefined
  if (wait !== undefined) throw new PageError('too_many_requests', { retryAfter: wait, retry: link.path })
  const duration = facts.durations.find((choice) => String(choice) === form.get('duration')) ?? facts.preset
  const outcome = await context.storage.decideRequest({
    tokenHash: link.tokenHash,
    browserHash,
    userId: session.user.id,
    revision: readRevision(form) ?? stored.revision,
    decision: allow ? 'allow' : 'deny',
    scope: grantable(stored.scope.split(' ')).join(' '),
    handle: newHandle(context, stored.id),
    grantLifetime: duration === 'until-removed' ? null : duration,
    remembered: facts.mayRemember && (duration === 'until-removed' || duration > rememberedFrom),
  })
  if (outcome.outcome === 'refused') return decideRefusals[outcome.reason](context, visit, link)
  const renewed = proves && facts.askPassword ? await renewSession(context, visit) : []
  return withCookies(await outcomeResponse(context, visit, outcome.request), renewed)
}

/** `action=extend`: keeps the request open longer, at most twelve times (WCAG 2.2.1: ten at least). */
export async function extend(context: ServerContext, visit: Visit): Promise<Response> {
  const { form, session, browserHash } = visit
  const link = await requireLink(context, form)
  if (!session) return seeOther(link.path)
  requirePagePerson(context, visit, link)
  const outcome = await context.storage.extendRequest({
    tokenHash: link.tokenHash,
    browserHash,
    userId: session.user.id,
    seconds: extension.seconds,
    maxExtensions: extension.times,
  })
  return outcome.outcome === 'refused' ? extendRefusals[outcome.reason](context, visit, link) : seeOther(link.path)
}

/** The revision of the page that was answered; scripted users may leave it out. */
function readRevision(form: ReadonlyMap<string, string>): number | undefined {
  const revision = form.get('revision')
  if (revision !== undefined && !/^\d{1,9}$/.test(revision)) throw new PageError('bad_form')
  return revision === undefined ? undefined : Number(revision)
}

function requirePagePerson(context: ServerContext, visit: Visit, link: ConsentLink): void {
  if (visit.formOf === viewerOf(undefined)) throw new PageError('csrf')
  if (visit.formOf !== viewerOf(visit.session)) throw accountChanged(context, visit, linkWay(link))
}

type Refusals<R extends string> = Readonly<
  Record<R, (context: ServerContext, visit: Visit, link: ConsentLink) => Response>
>

/** Where a decision that was not taken leads. */
const decideRefusals: Refusals<ReasonOf<DecideOutcome>> = {
  unknown: () => turnAway('request_unknown'),
  expired: () => turnAway('request_expired'),
  other_browser: () => turnAway('request_other_session'),
  other_user: (context, visit, link) => {
    throw accountChanged(context, visit, linkWay(link))
  },
  not_open: () => turnAway('request_used'),
  // The page no longer shows what is stored: show it as it is now.
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
