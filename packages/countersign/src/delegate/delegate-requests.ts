import { createClocks } from '../agent/clock-offset.js'
import { retryAfterOf, sendWithRetries } from '../editions/auth-server-requests.js'
import { januaryAgent } from '../editions/january/january-agent.js'
import { signRequest } from '../httpsig/sign-request.js'
import { AgentError } from '../lib/agent-error.js'
import { systemClock } from '../lib/clock.js'
import { parseJsonObject } from '../lib/encodings.js'
import { AAuthError } from '../lib/errors.js'
import type { Signer } from '../lib/jwk.js'
import { warnOnce } from '../lib/options.js'
import { readStream } from '../lib/read-stream.js'

/** Timeout of a request to the agent server, in milliseconds. */
const timeout = 15_000
/** Maximum size of a response, in bytes. */
const maxResponse = 65_536

/** An installation, as its agent server recognizes it. */
export interface DelegateIdentity {
  /** The agent's identifier, where its agent server is. */
  id: string
  /** Signs with this installation's own key. Keep the key if the installation is to remain the same one after a restart. */
  signer: Signer
  /** Sends requests to the agent server. @default `globalThis.fetch` */
  fetch?: typeof globalThis.fetch | undefined
  /** Returns the current time in Unix seconds. @default the system clock */
  now?: (() => number) | undefined
}

/**
 * Posts a form to a path below the agent's identifier, signed with the installation's key, and resolves to the response. A request that may
 * have been lost is sent again unless `isSentOnce` is set.
 *
 * @throws AgentError `agent_token_refused`, with the agent server's code in `error`; `agent_server_unreachable`
 * @throws the signer's own error if it cannot sign
 */
export type DelegateRequests = (
  path: string,
  form: Readonly<Record<string, string>>,
  options?: { isSentOnce?: boolean },
) => Promise<Record<string, unknown>>

/**
 * Creates the function with which an installation sends requests to its agent server: for agent servers that serve more than
 * {@link createDelegate} needs. Adapts to the server's clock, because those of devices are often wrong.
 */
export function createDelegateRequests({
  id,
  signer,
  fetch = globalThis.fetch,
  now = systemClock,
}: DelegateIdentity): DelegateRequests {
  const clocks = createClocks(now)
  const { origin } = new URL(id)

  async function sign(url: string, body: string, signal: AbortSignal): Promise<Request> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const { kid: _kid, alg: _alg, use: _use, ...jwk } = signer.jwk
    return signRequest(new Request(url, { method: 'POST', headers, body, redirect: 'manual', signal }), {
      signer,
      profile: januaryAgent.signing,
      signatureKey: { scheme: 'hwk', jwk },
      created: clocks.at(origin),
    })
  }

  return async function post(path, form, { isSentOnce = false } = {}) {
    const url = id + path
    const body = new URLSearchParams(form).toString()
    const signal = AbortSignal.timeout(timeout)
    let isSigned = false
    const sendOnce = async () => {
      isSigned = false
      const request = await sign(url, body, signal)
      isSigned = true
      return fetch(request, { signal })
    }
    const send = () => sendWithRetries(sendOnce, { mayHaveArrived: !isSentOnce, signal })
    let response: Response
    let received: Record<string, unknown> | undefined
    try {
      response = await send()
      // A refused signature had no effect.
      const learnt = response.status === 401 ? clocks.learn(origin, response, januaryAgent.signing.window) : undefined
      if (learnt) warnOnce(id, `clock skew between this installation and ${origin}`, learnt.problem)
      if (learnt?.mayHelp) response = await send()
      received = await readJson(response)
    } catch (cause) {
      if (!isSigned || cause instanceof AgentError) throw cause
      throw new AgentError('agent_server_unreachable', `The agent server ${id} does not respond. Try again later.`, {
        cause,
      })
    }
    if (response.ok && received) return received
    const { error, error_description: description } = received ?? {}
    throw tokenRefused(
      `The agent server returned ${response.status}${typeof description === 'string' ? `: ${plain(description)}` : '.'}`,
      { error: typeof error === 'string' ? plain(error) : undefined, retryAfter: retryAfterOf(response) },
    )
  }
}

function plain(text: string): string {
  return text.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?')
}

async function readJson({ body }: Response): Promise<Record<string, unknown> | undefined> {
  if (body === null) return undefined
  try {
    return parseJsonObject(new TextDecoder().decode(await readStream(body, maxResponse)))
  } catch (cause) {
    if (cause instanceof AAuthError) throw tokenRefused(`The response is larger than ${maxResponse} bytes.`, { cause })
    throw cause
  }
}

/** What an agent server refused, or responded wrongly. */
export function tokenRefused(message: string, options?: ConstructorParameters<typeof AgentError>[2]): AgentError {
  return new AgentError('agent_token_refused', message, options)
}
