import { describeRefusal } from 'countersign/wire'
import { renderProblem } from '../pages/problem-page.js'
import type { ServerContext } from './context.js'
import { htmlResponse } from './html-response.js'
import { PageError } from './page-error.js'
import { pageFrame } from './page-frame.js'
import { asRefusal, isFailure, withRefusal } from './refusal-response.js'
import { retryPath } from './retry-path.js'
import { messagesFor } from './visit.js'

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
