import { serializeBase64 } from '#crypto'
import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { pause, preciseClock } from '../../lib/clock.js'
import { parseBase64 } from '../../lib/encodings.js'
import { AAuthError } from '../../lib/errors.js'
import type { AdmittedCall, SessionGate, SessionResource } from '../session-gate.js'
import type { IdentifiedRequest } from '../verified-request.js'
import type { Allowed, Caller, KeptRequests, Polled } from './kept-requests.js'
import { pendingResponse, preferredWait } from './pending-response.js'
import { accessHeader } from './requirement.js'
import type { createSessionTokens } from './session-tokens.js'
import { draft11Tokens } from './tokens.js'

const pendingPath = '/aauth/pending/'

/** Bytes of a call that is kept, and polls that are held at the same time. */
const limits = { call: 32_768, held: 200 } as const

/** How long a poll is held, and how often it looks for a decision, in seconds. */
const hold = { most: 20, interval: 0.5 } as const

/** Fields that belong to the signature or the connection, and not to the call. */
const outer =
  /^(?:signature|signature-input|signature-key|authorization|aauth-capabilities|host|content-length|connection|keep-alive|te|transfer-encoding|upgrade|prefer)$/i

interface SessionParts {
  kept: KeptRequests
  tokens: ReturnType<typeof createSessionTokens>
  page: string
}

/** Creates the gates of sessions: each one keeps the calls of agents without a session until a user has decided. */
export function createGates({ kept, tokens, page }: SessionParts): (resource: SessionResource) => SessionGate {
  let held = 0

  const pendingAt = ({ id }: SessionResource, { secret, ...polled }: Polled, retryAfter: 0 | 5) =>
    pendingResponse({ ...polled, location: id + pendingPath + secret, page, retryAfter })

  async function poll(
    resource: SessionResource,
    message: ReceivedMessage,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<AdmittedCall | Response> {
    const secret = message.rawTarget.slice(pendingPath.length)
    if (message.method === 'DELETE') {
      await kept.abandon(secret, caller)
      return new Response(null, { status: 204 })
    }
    if (message.method !== 'GET') throw new AAuthError('method_not_allowed', 'Use GET or DELETE.')
    const wait = preferredWait(fieldValues(message, 'prefer').join(), hold.most)
    const until = held < limits.held ? preciseClock() + wait : 0
    held++
    try {
      for (;;) {
        const polled = await kept.poll(secret, caller)
        if ('call' in polled) return await start(polled)
        if (preciseClock() >= until || signal.aborted) return pendingAt(resource, polled, wait > 0 ? 0 : 5)
        await pause(hold.interval * 1000, signal).catch(() => undefined)
      }
    } finally {
      held--
    }
  }

  /** Takes the call that was kept, once, and hands out the session. */
  async function start({ session: id, user, agent, delegate, call, release }: Allowed): Promise<AdmittedCall> {
    const session = { id, user, agent, delegate }
    const token = await tokens.issue(session).catch(async (error) => {
      await release().catch(() => undefined)
      throw error
    })
    return { ...call, session, body: parseBase64(call.body) ?? noBytes, responseHeaders: { [accessHeader]: token } }
  }

  async function admit(
    resource: SessionResource,
    message: ReceivedMessage,
    signal: AbortSignal,
  ): Promise<AdmittedCall | Response> {
    const verified = await resource.verify(message, { require: 'identity' })
    const caller = callerOf(verified)
    if (message.rawTarget.startsWith(pendingPath)) return poll(resource, message, caller, signal)
    const session = await tokens.find(message, verified)
    const call = { method: message.method, target: message.rawTarget, headers: fieldsOf(message) }
    if (session) return { ...call, session, body: verified.body, responseHeaders: {} }
    const capabilities = fieldValues(message, 'aauth-capabilities')
    if (capabilities.length > 0 && !/(?:^|,)\s*interaction\s*(?:[,;]|$)/.test(capabilities.join()))
      throw new AAuthError('consent_required', 'A user must decide, and the agent cannot take a user to a page.', {
        error: 'user_unreachable',
      })
    if (verified.body.length + JSON.stringify(call.headers).length > limits.call)
      throw new AAuthError('body_too_large', `Start with a call of at most ${limits.call} bytes: it waits for a user.`)
    const body = serializeBase64(verified.body)
    return pendingAt(resource, await kept.keep(caller, { ...call, body }), 0)
  }

  return (resource) => ({
    admit: (message, signal) => admit(resource, message, signal).catch((error: unknown) => resource.toResponse(error)),
  })
}

const noBytes = new Uint8Array(0)

/** @throws AAuthError for a token that names no agent of draft -11 */
function callerOf({ agent, delegate, thumbprint, tokenType }: IdentifiedRequest): Caller {
  if (tokenType === draft11Tokens.agent.typ && delegate !== undefined && thumbprint !== undefined)
    return { agent, delegate, thumbprint }
  throw new AAuthError('policy_denied', 'Sessions are only for agents of draft -11.')
}

function fieldsOf({ rawHeaders }: ReceivedMessage): [name: string, value: string][] {
  const names = rawHeaders.filter((_, at) => at % 2 === 0)
  const fields = names.map((name, at): [string, string] => [name, rawHeaders[2 * at + 1] ?? ''])
  return fields.filter(([name]) => !outer.test(name))
}
