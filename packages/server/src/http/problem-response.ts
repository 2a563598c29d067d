import { describeRefusal } from 'countersign/editions'
import type { ProblemPage } from '../pages/models/models.js'
import { renderProblem } from '../pages/problem-page.js'
import type { ServerContext } from './context.js'
import { htmlResponse, pageFrame } from './html-response.js'
import { PageError } from './page-error.js'
import { asRefusal, isFailure, withRefusal } from './refusal-response.js'
import { localPath, messagesFor } from './visit.js'

/** Anything that was thrown on the way to a page, as the page that says so; what is not the caller's fault is reported. */
export function problemResponse(
  context: ServerContext,
  { request, requestId }: { request: Request; requestId: string },
  error: unknown,
): Response {
  const messages = messagesFor(context, request)
  const problem = error instanceof PageError ? error : asPageError(error)
  if (isFailure(error, problem.status)) context.onError(error, requestId)
  const isBusy = problem.status >= 500 && !isFailure(error, problem.status)
  const made = busyPages.get(context) ?? new WeakMap<object, string>()
  const html = (isBusy ? made.get(messages) : undefined) ?? render()
  if (isBusy) busyPages.set(context, made.set(messages, html))
  const { status, retryAfter, agent } = problem
  return withRefusal(htmlResponse(html, { status, retryAfter }), describeRefusal(problem, problem, { agent }))

  function render(): string {
    const retry = isBusy ? undefined : (problem.shown.retry ?? retryPath(problem.code, request, context))
    const shown = { code: problem.code, requestId: isBusy ? undefined : requestId, ...problem.shown, retry }
    return renderProblem({ ...pageFrame(context), ...shown }, messages)
  }
}

/** Pages of a server with too much to do, by language: making one takes as long as some requests that it refuses. */
const busyPages = new WeakMap<ServerContext, WeakMap<object, string>>()

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
