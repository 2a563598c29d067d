import { describeRefusal } from 'countersign/editions'
import type { Messages } from '../pages/messages/messages.js'
import type { ProblemPage } from '../pages/models/models.js'
import { renderProblem } from '../pages/problem-page.js'
import type { ServerContext } from './context.js'
import { htmlResponse, pageFrame } from './html-response.js'
import { PageError } from './page-error.js'
import { asRefusal, isFailure, type Outcome } from './refusal-response.js'
import type { Arrival } from './route.js'
import { localPath, messagesFor } from './visit.js'

/** Turns anything that was thrown while a browser was served into a page, and reports what is not the caller's fault. */
export type RespondWithProblem = (arrival: Pick<Arrival, 'request' | 'requestId'>, error: unknown) => Outcome

/** Creates the responses with problem pages. Pages of an overloaded server are rendered once per language. */
export function createProblemResponses(context: ServerContext): RespondWithProblem {
  const overloadPages = new Map<Messages, string>()

  return function problemResponse({ request, requestId }, error) {
    const messages = messagesFor(context, request)
    const problem = error instanceof PageError ? error : asPageError(error)
    const { status, retryAfter, agent, code, shown } = problem
    const refusal = describeRefusal(problem, problem, { agent })
    if (problem.response) return { response: problem.response, refusal }
    const isFault = isFailure(error, status)
    if (isFault) context.onError(error, requestId)
    const isOverload = status >= 500 && !isFault
    const render = () => {
      const retry = shown.retry ?? retryPath(code, request, context)
      // A page that others get too says nothing of this request.
      const own = isOverload ? { requestId: undefined } : { requestId, ...shown, retry }
      return renderProblem({ ...pageFrame(context), code, ...own }, messages)
    }
    const html = (isOverload ? overloadPages.get(messages) : undefined) ?? render()
    if (isOverload) overloadPages.set(messages, html)
    return { response: htmlResponse(html, { status, retryAfter }), refusal }
  }
}

function asPageError(error: unknown): PageError {
  const { code, status, retryAfter } = asRefusal(error)
  if (code === 'unavailable') return new PageError('temporarily_unavailable', { cause: error, retryAfter })
  if (code === 'too_many_requests') return new PageError('too_many_requests', { cause: error, retryAfter })
  return status < 500
    ? new PageError('bad_form', { status, cause: error })
    : new PageError('server_error', { cause: error })
}

type Code = ProblemPage['code']

/** What may go well the next time, when the same page is opened again. */
const passing: ReadonlySet<Code> = new Set<Code>(['server_error', 'temporarily_unavailable'])
/** What may go well when the page of the form is opened again. */
const ofForms: ReadonlySet<Code> = new Set<Code>([...passing, 'csrf', 'bad_form'])

/**
 * Where a person can try again: the page that failed, or the page of this server whose form did. Undefined: trying again
 * would not help, or nobody knows where.
 */
function retryPath(code: Code, request: Request, { issuer, transport }: ServerContext): string | undefined {
  if (request.method === 'GET') return passing.has(code) ? pathIn(request.url, transport.path) : undefined
  const page = request.headers.get('referer') ?? ''
  if (!ofForms.has(code) || !URL.canParse(page) || new URL(page).origin !== new URL(issuer).origin) return undefined
  return pathIn(page, transport.path)
}

function pathIn(address: string, requestPath: string): string | undefined {
  const { pathname, search } = new URL(address)
  // Shown in answer to a form: without the request in the address there is nothing to come back to.
  if (pathname === requestPath && search === '') return undefined
  const path = pathname + search
  return localPath(path) === path ? path : undefined
}
