import { setTimeout } from 'node:timers/promises'
import { AgentError, type AgentErrorCode } from 'countersign/agent'
import type { AgentTools, TokenNeed } from 'countersign/editions'
import { parseJsonObject } from 'countersign/tokens'
import { headers } from './headers.js'
import { parseRequirement } from './requirement.js'

/** The owner who needs a token, and the signal that aborts the request for it. */
export interface Asking {
  owner: string
  signal: AbortSignal
}

type Body = Readonly<Record<string, unknown>>

const seconds = { interval: 5, held: 20, longest: 3 * 3600 }

/** Error codes for decisions that yielded no token. */
const ends: Readonly<Record<string, AgentErrorCode>> = {
  denied: 'access_denied',
  abandoned: 'access_denied',
  revoked: 'access_denied',
  expired: 'consent_expired',
  invalid_code: 'consent_expired',
}

/** Sends a request to a person server. If a user must decide, prompts the user and polls until there is a decision. */
export async function awaitDecision(
  tools: AgentTools,
  request: Request,
  { need, owner, signal }: Asking & { need: TokenNeed },
): Promise<Body> {
  const failed = new AbortController()
  const until = tools.now() + (tools.consentTimeout ?? seconds.longest)
  const ending = AbortSignal.any([signal, failed.signal])
  let response = await tools.send(request, { scheme: 'agent' })
  let interval = seconds.interval
  if (response.status === 202)
    promptUser(tools, response, { need, owner, signal }).catch((error: unknown) => failed.abort(error))
  const location = locationOf(response, request.url)
  while (response.status === 202 || response.status === 429) {
    if (tools.now() > until) throw new AgentError('consent_expired', 'No one decided in time.')
    if (response.status === 429) interval += seconds.interval
    await response.body?.cancel()
    await pause(waitOf(response, interval), ending)
    const poll = new Request(location, {
      headers: { prefer: `wait=${seconds.held}` },
      signal: ending,
      redirect: 'manual',
    })
    response = await tools.send(poll, { scheme: 'agent' })
    ending.throwIfAborted()
  }
  const body = parseJsonObject(await response.text())
  if (response.ok && body) return body
  throw failureOf(response.status, body)
}

/** Rejects with the signal's abort reason. */
async function pause(length: number, signal: AbortSignal): Promise<void> {
  await setTimeout(length * 1000, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted()
    throw error
  })
}

/** @throws AgentError for a URL that is not on the origin of the requested server */
function locationOf(response: Response, asked: string): string {
  const location = new URL(response.headers.get('location') ?? asked, asked)
  if (location.origin === new URL(asked).origin) return location.href
  throw new AgentError('token_request_failed', 'The Location that the person server sent is on another origin.')
}

function waitOf(response: Response, interval: number): number {
  const said = response.headers.get('retry-after')
  return response.status === 202 && said !== null && /^\d{1,4}$/.test(said) ? Number(said) : interval
}

async function promptUser(
  tools: AgentTools,
  response: Response,
  { need, owner, signal }: Asking & { need: TokenNeed },
): Promise<void> {
  const asked = parseRequirement(response.headers.get(headers.requirement) ?? '')
  if (asked?.requirement !== 'interaction') return
  const { code, url } = asked
  if (!tools.canPrompt) throw new AgentError('consent_required', 'A user must decide.', { consent: { url } })
  if (new URL(url).protocol !== 'https:')
    throw new AgentError('endpoint_refused', 'The page to which the person server sends users must use https.')
  const link = new URL(url)
  link.searchParams.set('code', code)
  const { authServer, resource, scope } = need
  const expiresAt = Math.floor(tools.now()) + 600
  const permissions = (scope ?? '')
    .split(' ')
    .filter(Boolean)
    .map((each) => ({ scope: each, description: undefined }))
  const way = await tools.openConsent(owner, { state: '' })
  try {
    await way.ask({ url: link.href, code, authServer, resource, scope, permissions, expiresAt, signal })
  } finally {
    way.close()
  }
}

function failureOf(status: number, body: Body | undefined): AgentError {
  const error = typeof body?.error === 'string' ? body.error : undefined
  const detail = typeof body?.detail === 'string' ? body.detail.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?') : ''
  const code = ends[error ?? '']
  if (code === 'access_denied') return new AgentError(code, `Access was denied: ${detail}`, { error })
  return new AgentError(code ?? 'token_request_failed', `The person server responded with ${status}: ${detail}`, {
    error,
  })
}
