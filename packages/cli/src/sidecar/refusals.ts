import type { ServerResponse } from 'node:http'
import { AgentError } from 'countersign/agent'
import { causeMessages } from 'countersign/discovery'

/** The response to a program whose request failed: JSON, with the URL of the consent page if a user must decide. */
interface SidecarFailure {
  status: number
  /** Seconds until the program may retry. */
  retryAfter?: number | undefined
  body: { error: string; error_description: string; consent_url?: string | undefined; reason?: string | undefined }
}

const statuses: Partial<Record<AgentError['code'], number>> = {
  consent_required: 401,
  consent_expired: 401,
  access_denied: 403,
  auth_server_refused: 403,
  other_user: 403,
  auth_server_unreachable: 503,
}

/** Converts a failure to a response for the program: the status, and a body with the error code and a sentence that explains it. */
export function describeFailure(error: unknown): SidecarFailure {
  if (error instanceof AgentError) {
    const { code, message, consent, reason, retryAfter } = error
    const body = { error: code, error_description: message, consent_url: consent?.url, reason }
    return { status: retryAfter === undefined ? (statuses[code] ?? 502) : 503, retryAfter, body }
  }
  // Failed requests reject with a TypeError. Anything else failed on this machine, such as the store or the user's command.
  if (!(error instanceof TypeError)) {
    const message = error instanceof Error ? error.message : String(error)
    return { status: 502, body: { error: 'sidecar_failed', error_description: message } }
  }
  const reasons = causeMessages(error)
  const said = reasons.at(-1) ?? error.message
  const why = /wrong version number|SSL routines/.test(said) ? 'the host does not support https' : said.trim()
  return { status: 502, body: { error: 'not_answered', error_description: `No response: ${why}` } }
}

/** Sends a refusal, and closes the connection. */
export function refuse(outgoing: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`
  outgoing.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' })
  outgoing.end(text)
}

/** Sends and logs the refusal of a request or of its response. */
export function refuseFor(
  outgoing: ServerResponse,
  { status, error, problem }: { status: number; error: string; problem: string },
  onProblem: (text: string) => void,
): void {
  onProblem(problem)
  if (status === 407) outgoing.setHeader('proxy-authenticate', 'Basic realm="countersign"')
  refuse(outgoing, status, { error, error_description: problem })
}

/** Sends the refusal of a failed request, and logs it with the page on which a user must decide. */
export function refuseFailed(
  outgoing: ServerResponse,
  error: unknown,
  { host, onProblem }: { host: string; onProblem: (text: string) => void },
): void {
  const { status, retryAfter, body } = describeFailure(error)
  if (retryAfter !== undefined) outgoing.setHeader('retry-after', retryAfter)
  const page = body.consent_url === undefined ? '' : ` Open this page to decide: ${body.consent_url}`
  onProblem(`${host}: ${body.error_description}${page}`)
  refuse(outgoing, status, body)
}
