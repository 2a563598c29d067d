import { type ReceivedMessage, receiveRequest } from 'countersign'
import type { ServerContext } from '../context.js'
import { hashSecret } from '../minted-secrets.js'
import { verifyPassword } from '../passwords.js'
import { readForm } from '../read-form.js'
import type { DecideOutcome } from '../storage/storage.js'
import { displayHost } from './consent-model.js'
import type { Cookies } from './cookies.js'
import { seeOther } from './html-response.js'
import { PageError } from './page-error.js'
import {
  answerUnlessOpen,
  type ConsentLink,
  linkPath,
  outcomeResponse,
  requireLink,
  requireStored,
} from './pending-page.js'
import { signInPage } from './show-request.js'
import { identifyVisitor, pageOf, type Visitor } from './visitor.js'

/** A form that came from a page of this server, in the browser that was shown it. */
interface Submission {
  form: ReadonlyMap<string, string>
  link: ConsentLink
  visitor: Visitor
  /** Whom the page was made for. */
  page: string
  ip: string | undefined
  userAgent: string | undefined
}

type Action = (context: ServerContext, cookies: Cookies, submission: Submission) => Promise<Response>

const actions: ReadonlyMap<string, Action> = new Map([
  ['login', signIn],
  ['logout', signOut],
  ['grant', decide],
  ['deny', decide],
])

const maxFormBytes = 16_384

/** `POST /agent/auth`: signs in, signs out, or decides. Each form is good only in the browser that was shown it (attacks C06, C07, C22). */
export async function submitForm(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  received: ReceivedMessage = receiveRequest(request),
): Promise<Response> {
  const form = readForm(request.headers.get('content-type'), await received.body(maxFormBytes))
  const action = actions.get(form.get('consent') ?? form.get('action') ?? '')
  if (!action) throw new PageError('bad_form')
  const visitor = await identifyVisitor(context, cookies, request)
  const page = isSameOrigin(request, context.issuer)
    ? context.secrets.readCsrf(form.get('csrf') ?? '', visitor.browser)
    : undefined
  // Nobody was shown a consent form without being signed in.
  if (page === undefined || (action === decide && page === pageOf(undefined))) {
    await context.storage.recordEvent({
      event: action === decide ? 'consent.forged' : 'form.forged',
      ip: received.remoteAddress,
    })
    throw new PageError('csrf')
  }
  const userAgent = request.headers.get('user-agent')?.slice(0, 256)
  return action(context, cookies, {
    form,
    link: requireLink(form),
    visitor,
    page,
    ip: received.remoteAddress,
    userAgent,
  })
}

async function signIn(context: ServerContext, cookies: Cookies, submission: Submission): Promise<Response> {
  const { form, link, visitor, ip, userAgent } = submission
  const stored = await requireStored(context, link)
  const answered = answerUnlessOpen(context, stored, visitor)
  if (answered) return answered
  const username = form.get('username') ?? ''
  const password = form.get('password') ?? ''
  const credential = await context.storage.findCredential(username)
  const matches = await verifyPassword(credential?.passwordHash, password)
  if (!credential || !matches || credential.user.status !== 'active') {
    await context.storage.recordEvent({ event: 'signin.failed', userId: credential?.user.id, ip })
    const shown = { agentHost: displayHost(stored.agent), resourceHost: displayHost(stored.resource), username }
    return signInPage(context, visitor, link, { ...shown, problem: 'wrong_password' })
  }
  if (visitor.sessionHash !== undefined) await context.storage.endSession(visitor.sessionHash)
  const session = context.secrets.random('aasn_')
  const { sessionIdle: idleSeconds, session: lifetime } = context.lifetimes
  await context.storage.createSession({
    idHash: hashSecret(session),
    userId: credential.user.id,
    idleSeconds,
    lifetime,
    ip,
    userAgent,
  })
  return seeOther(linkPath(link), [...visitor.newCookies, cookies.setSession(session, lifetime)])
}

async function signOut(context: ServerContext, cookies: Cookies, { link, visitor }: Submission): Promise<Response> {
  if (visitor.sessionHash !== undefined) await context.storage.endSession(visitor.sessionHash)
  return seeOther(linkPath(link), [cookies.clearSession()])
}

async function decide(context: ServerContext, _cookies: Cookies, submission: Submission): Promise<Response> {
  const { form, link, visitor, page } = submission
  const stored = await requireStored(context, link)
  const { session } = visitor
  if (!session) return seeOther(linkPath(link))
  if (page !== pageOf(session)) throw new PageError('account_changed', { retry: linkPath(link) })
  const outcome = await context.storage.decideRequest({
    tokenHash: link.tokenHash,
    browserHash: visitor.browserHash,
    userId: session.user.id,
    revision: requireRevision(form) ?? stored.revision,
    decision: form.get('consent') === 'grant' ? 'allow' : 'deny',
    codeHash: hashSecret(context.secrets.codeOf(stored.id)),
    codeLifetime: context.lifetimes.code,
    grantLifetime: context.lifetimes.grant,
    remembered: false,
  })
  if (outcome.outcome !== 'refused') return outcomeResponse(context, outcome.request)
  return refusals[outcome.reason](link)
}

/** The revision of the page that was answered; scripted users may leave it out. */
function requireRevision(form: ReadonlyMap<string, string>): number | undefined {
  const revision = form.get('revision')
  if (revision !== undefined && !/^\d{1,9}$/.test(revision)) throw new PageError('bad_form')
  return revision === undefined ? undefined : Number(revision)
}

type DecideRefusal = Extract<DecideOutcome, { outcome: 'refused' }>['reason']

/** Where a decision that was not taken leads. */
const refusals: Readonly<Record<DecideRefusal, (link: ConsentLink) => Response>> = {
  unknown: () => turnAway('request_unknown'),
  expired: () => turnAway('request_expired'),
  other_browser: () => turnAway('request_other_session'),
  other_user: (link) => turnAway('account_changed', linkPath(link)),
  not_open: () => turnAway('request_used'),
  // The page no longer shows what is stored: show it as it is now.
  changed: (link) => seeOther(linkPath(link)),
}

function turnAway(code: PageError['code'], retry?: string): never {
  throw new PageError(code, retry === undefined ? {} : { retry })
}

// Browsers send both headers with forms; other clients, such as scripted users, may send neither and still need the cookie.
function isSameOrigin(request: Request, issuer: string): boolean {
  const origin = request.headers.get('origin')
  const site = request.headers.get('sec-fetch-site')
  return (origin === null || origin === new URL(issuer).origin) && (site === null || site === 'same-origin')
}
