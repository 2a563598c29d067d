import type { AgentProtocol, Credential } from '../editions/agent-protocol.js'
import { describeUnknownKey } from '../editions/describe-unknown-key.js'
import type { AgentEdition } from '../editions/edition.js'
import { signRequest } from '../httpsig/sign-request.js'
import type { Emit } from '../lib/events.js'
import { warnOnce } from '../lib/options.js'
import { isLoopbackIdentifier } from '../protocol/documents.js'
import { type Answered, withRequestEvent } from './agent-handler.js'
import type { SharedAgentOptions } from './agent-options.js'
import type { BeforeConsent, createChallengeSteps, createOwnerWork } from './challenge-steps.js'
import type { createClocks } from './clock-offset.js'
import type { TokenCache } from './token-cache.js'

/** The dependencies needed to send requests as an agent. */
export interface RequestTools {
  options: SharedAgentOptions
  edition: AgentEdition
  fetch: typeof globalThis.fetch
  clocks: ReturnType<typeof createClocks>
  protocol: AgentProtocol
  held: TokenCache
  work: ReturnType<typeof createOwnerWork>
  steps: ReturnType<typeof createChallengeSteps>
  emit: Emit | undefined
}

/** The owner of a request. */
export interface Acting {
  owner: string
  beforeConsent: BeforeConsent
}

/** Maximum number of challenge steps for one request, regardless of what its responses require. */
const maxSteps = 6

/** Sends a request, and retries once if the signature was refused because the server's clock differs: the refused request had no effect. */
export async function sendSigned(
  tools: RequestTools,
  request: Request,
  credential: Credential,
  signal = request.signal,
): Promise<Response> {
  const { options, edition, clocks, protocol } = tools
  const { origin } = new URL(request.url)
  const response = await sendOnce(tools, request.clone(), credential, signal)
  if (protocol.readRefusal(response, credential).problem !== 'signature_refused') return response
  const learnt = clocks.learn(origin, response, edition.signing.window)
  if (!learnt) return response
  warnOnce(options.id, `clock skew between this agent and ${origin}`, learnt.problem)
  if (!learnt.mayHelp || signal.aborted) return response
  discard(response)
  return sendOnce(tools, request, credential, signal)
}

async function sendOnce(
  tools: RequestTools,
  request: Request,
  credential: Credential,
  signal: AbortSignal,
): Promise<Response> {
  const signed = await sign(tools, request, credential)
  // Passed separately: Node.js 20 loses a request's signal if only fetch still references the request.
  const { fetch } = tools
  return fetch(signed, { signal })
}

async function sign(
  { options, edition, clocks, protocol }: RequestTools,
  request: Request,
  credential: Credential,
): Promise<Request> {
  const { signer, interop } = options
  return signRequest(request, {
    profile: edition.signing,
    signer,
    ...(await protocol.signatureFor(credential, request)),
    created: clocks.at(new URL(request.url).origin),
    encoding: interop?.signatureEncoding ?? 'base64',
    nonce: interop?.nonce ?? 'automatic',
  })
}

/**
 * `fetch` as the agent, for one owner: handles the challenges in the response.
 *
 * @throws TypeError for a URL that is not `https`, unless it is on loopback and `allowInsecureLoopback` is set
 */
export async function fetchAs(
  tools: RequestTools,
  acting: Acting,
  input: Parameters<typeof globalThis.fetch>[0],
  init?: RequestInit,
): Promise<Response> {
  const given = new Request(input, { ...init, redirect: 'manual' })
  const { signal = given.signal } = input as Partial<Request>
  const { response } = await requestAs(tools, acting, given, {
    route: 'fetch',
    signal: init?.signal ?? signal,
    mayStream: given.headers.get('accept')?.includes('text/event-stream') === true,
  })
  return response
}

/**
 * Returns the headers with which the agent can open a WebSocket. A GET request to the same URL resolves any challenges first.
 *
 * @throws TypeError for a URL that is not `wss` or `https`, unless it is on loopback and `allowInsecureLoopback` is set
 */
export async function signHeadersAs(
  tools: RequestTools,
  acting: Acting,
  url: string | URL,
  { signal = new AbortController().signal }: { signal?: AbortSignal | undefined } = {},
): Promise<Record<string, string>> {
  const request = new Request(String(url).replace(/^ws/, 'http'), { redirect: 'manual' })
  const how = { route: 'signed-headers', signal, mayStream: true }
  const { response, credential } = await requestAs(tools, acting, request, how)
  discard(response)
  return Object.fromEntries((await sign(tools, request, credential)).headers)
}

/** How a request is made. */
interface Manner {
  /** The name of the operation in events. */
  route: string
  signal: AbortSignal
  /** Whether the response may stream for longer than a token is valid. */
  mayStream: boolean
}

type Responded = Answered & { response: Response; credential: Credential }

async function requestAs(tools: RequestTools, acting: Acting, given: Request, manner: Manner): Promise<Responded> {
  const { url, method } = given
  requireSecure(url, tools.options.allowInsecureLoopback)
  const asked = { route: manner.route, method, host: new URL(url).host }
  return withRequestEvent(tools.emit, asked, () => fetchWithChallenges(tools, acting, given, manner))
}

async function fetchWithChallenges(
  tools: RequestTools,
  { owner, beforeConsent }: Acting,
  given: Request,
  { signal: callers, mayStream }: Manner,
): Promise<Responded> {
  const { protocol, held, steps, edition } = tools
  const { id, interop } = tools.options
  const { url, method } = given
  return tools.work.run(owner, callers, async (signal) => {
    // The caller's signal can also abort the response body.
    const ending = AbortSignal.any([callers, signal])
    let request = await bufferRequest(given)
    const stored = await steps.tokenFor(owner, { url, method, mayStream }, signal)
    const token = stored ?? (await protocol.expectedToken?.(request, owner, signal))
    let credential: Credential = token
      ? { scheme: 'token', held: token }
      : { scheme: interop?.introduce ?? 'agent', owner }
    const taken = new Set<string>()
    for (;;) {
      signal.throwIfAborted()
      let response = await sendSigned(tools, request.clone(), credential, ending)
      if (signal.aborted) {
        discard(response)
        signal.throwIfAborted()
      }
      const sent = { request, url, credential, owner, signal, beforeConsent }
      const received = await protocol.receive?.(response, sent)
      if (received) ({ response, request } = received)
      const { challenge, problem } = protocol.readRefusal(response, credential)
      const answer = { response, credential, code: problem ?? (challenge && 'challenged') }
      if (problem === 'key_unknown')
        warnOnce(id, 'key_unknown', describeUnknownKey(new URL(url).origin, id, edition.documents.agent))
      if (credential.scheme === 'token' && response.ok) held.recordUse(owner, { url, method }, credential.held)
      const step = challenge && protocol.stepFor(response.status, challenge, credential)
      if (!challenge || !step || taken.size === maxSteps || taken.has(`${step} ${challenge.level}`)) return answer
      taken.add(`${step} ${challenge.level}`)
      const next = await steps.take(step, challenge, sent)
      if (!next) return answer
      discard(response)
      credential = next
    }
  })
}

// Not awaited: the promise never resolves if a clone of the response stays unread.
function discard({ body }: Response): void {
  body?.cancel().catch(() => undefined)
}

// Over plain http, anyone on the network path can read a signed request and replay it for a minute.
function requireSecure(url: string, allowInsecureLoopback = false): void {
  const { protocol, origin } = new URL(url)
  if (protocol === 'https:') return
  if (!isLoopbackIdentifier(origin))
    throw new TypeError(
      `agents send requests only over https, not to ${origin} (http on loopback requires a port other than 80)`,
    )
  if (!allowInsecureLoopback) throw new TypeError(`http on loopback requires allowInsecureLoopback: ${origin}`)
}

async function bufferRequest(request: Request): Promise<Request> {
  if (request.body === null) return request
  return new Request(request, { method: request.method, body: await request.arrayBuffer() })
}
