import { describeRefusal } from 'countersign/editions'
import type { Messages } from '../pages/messages/messages.js'
import type { ProblemPage } from '../pages/models/problem-model.js'
import { renderProblem } from '../pages/problem-page.js'
import type { ServerContext } from './context.js'
import { htmlResponse, pageFrame } from './html-response.js'
import { PageError } from './page-error.js'
import { asRefusal, isFailure, type Outcome } from './refusal-response.js'
import type { Arrival } from './route.js'
import { localPath, messagesFor } from './visit.js'

/** Turns any error thrown while serving a browser into a page, and reports errors that are not the caller's fault. */
export type RespondWithProblem = (arrival: Pick<Arrival, 'request' | 'requestId'>, error: unknown) => Outcome

/** Creates the responses with problem pages. Pages sent under overload are rendered once per language. */
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
      // A page shared between callers must not contain anything about this request.
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

/** Problems that may be gone when the same page is opened again. */
const passing: ReadonlySet<Code> = new Set<Code>(['server_error', 'temporarily_unavailable'])
/** Problems that may be gone when the page with the form is opened again. */
const ofForms: ReadonlySet<Code> = new Set<Code>([...passing, 'csrf', 'bad_form'])

/**
 * The path at which the user can try again: the failed page, or the page on this server whose form failed. Undefined if a retry would not
 * help, or if the page is unknown.
 */
function retryPath(code: Code, request: Request, { issuer, transports }: ServerContext): string | undefined {
  if (request.method === 'GET') return passing.has(code) ? pathIn(request.url, transports.paths) : undefined
  const page = request.headers.get('referer') ?? ''
  if (!ofForms.has(code) || !URL.canParse(page) || new URL(page).origin !== new URL(issuer).origin) return undefined
  return pathIn(page, transports.paths)
}

function pathIn(address: string, requestPaths: readonly string[]): string | undefined {
  const { pathname, search } = new URL(address)
  // This consent page was the response to a form. Without the request in its URL, it cannot be reopened.
  if (requestPaths.includes(pathname) && search === '') return undefined
  const path = pathname + search
  return localPath(path) === path ? path : undefined
}
