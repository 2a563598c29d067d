import type { ReceivedMessage } from 'countersign'
import { maxFormBytes, readForm } from 'countersign/wire'
import { recordSparingly } from '../audit/record-sparingly.js'
import type { ServerContext } from '../context.js'
import type { Cookies } from './cookies.js'
import { PageError } from './page-error.js'
import { identifyVisitor, isOfOtherSession, pageOf, type Visitor } from './visit.js'

/** A form that came from a page of this server, in the browser that was shown it. */
export interface Submission {
  form: ReadonlyMap<string, string>
  visitor: Visitor
  /** Whom the page was made for. */
  page: string
  ip: string | undefined
  userAgent: string | undefined
}

/**
 * Reads a form, and refuses one that no page of this server made for this browser (attacks C06, C07, C22). What is
 * refused leaves an audit row.
 */
export async function readSubmission(
  context: ServerContext,
  cookies: Cookies,
  request: Request,
  received: ReceivedMessage,
): Promise<Submission> {
  const form = readForm(request.headers.get('content-type'), await received.body(maxFormBytes))
  const visitor = await identifyVisitor(context, cookies, request)
  const page = isSameOrigin(request, context.issuer)
    ? context.secrets.readCsrf(form.get('csrf') ?? '', visitor.browser)
    : undefined
  // Nobody was shown a consent form without being signed in.
  const forged = page === undefined || (form.has('consent') && page === pageOf(undefined))
  if (forged || isOfOtherSession(page, visitor.session)) {
    const event = form.has('consent') ? 'consent.forged' : 'form.forged'
    await recordSparingly(context, { event, ip: received.remoteAddress })
    throw new PageError('csrf')
  }
  const userAgent = request.headers.get('user-agent')?.slice(0, 256)
  return { form, visitor, page, ip: received.remoteAddress, userAgent }
}

// Browsers send both headers with forms; other clients, such as scripted users, may send neither and still need the cookie.
function isSameOrigin(request: Request, issuer: string): boolean {
  const origin = request.headers.get('origin')
  const site = request.headers.get('sec-fetch-site')
  return (origin === null || origin === new URL(issuer).origin) && (site === null || site === 'same-origin')
}
