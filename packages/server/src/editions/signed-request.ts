import { AAuthError } from 'countersign'
import type { DiscoveryFailure } from 'countersign/discovery'
import {
  bodyCoverage,
  claimedAgent,
  maxFormBytes,
  type Refused,
  type ResolvedKey,
  readForm,
} from 'countersign/editions'
import {
  type NonceClaim,
  nonceReplayed,
  nonceSource,
  type VerifiedNonce,
  type VerifiedSignature,
  verifySignature,
} from 'countersign/signatures'
import { RefusedAgent } from '../http/refusal-response.js'
import type { Arrival } from '../http/route.js'
import { requireDevice } from './devices.js'
import type { RequestingAgent, SignedContext } from './edition.js'

/** An agent whose signature and identity have been verified. */
export interface SigningAgent extends RequestingAgent {
  key: ResolvedKey['key']
  /** Whether the agent's keys are no longer fresh because its origin could not be reached. */
  isStale: boolean
}

/**
 * Checks a verified request, changing nothing except rate-limit counts. The returned `Answer` then performs the request and responds. The
 * nonce, if the request has one, is claimed before that or in the same operation. A replayed request therefore changes nothing, and a
 * refused request takes up no space in the nonce store.
 *
 * @param verified the message, with the token that contained its key
 */
export type RequestJudge = (
  agent: SigningAgent,
  verified: VerifiedSignature<ResolvedKey>,
) => Answer<Response> | Promise<Answer<Response>>

/** Performs the request and responds, once the nonce is claimed; or an object that claims the nonce itself. */
export type Answer<T> = (() => T | Promise<T>) | ClaimingAction<T>

/** Makes a change with one storage operation that also claims the nonce, so that both need only one wait for the disk. */
export interface ClaimingAction<T> {
  /** @param nonce the nonce to pass to the storage operation, which is the only place that claims it */
  claiming(nonce: NonceClaim | undefined): Promise<T>
}

/** Serves a signed request from an agent. A thrown error becomes a refusal in the edition's format. */
export async function signedRequest(
  context: SignedContext,
  { request, received }: Arrival,
  judge: RequestJudge,
): Promise<Response> {
  let agent: SigningAgent | undefined
  const claimed = () => claimedAgent(context.edition.signing, request.headers.get('signature-key') ?? '')
  try {
    const verified = await verifySignature(received, {
      authorities: [new URL(context.issuer).host],
      profile: context.edition.signing,
      resolveKey: (reference, remoteAddress) => context.signers.resolve(reference, remoteAddress),
      renewKey: (reference, resolved, remoteAddress) => context.signers.renew(reference, resolved, remoteAddress),
      now: context.now,
      algorithms: context.algorithms,
      maxBody: maxFormBytes,
      body: bodyCoverage(context.interop.unsignedBodies),
      nonce: context.nonce,
      claimNonce: 'later',
    })
    const identified = requireAgent(context, verified, received.remoteAddress)
    agent = identified.agent === context.issuer ? await requireDevice(context, identified) : identified
    const answer = await judge(agent, verified)
    const nonce = claimOf(context, verified.nonce, agent)
    if ('claiming' in answer) return await answer.claiming(nonce)
    if (nonce && !(await context.storage.claimNonce(nonce))) throw nonceReplayed()
    return await answer()
  } catch (error) {
    throw new RefusedAgent(error, agent ? refused(agent) : claimed())
  }
}

function refused({ agent, delegate }: SigningAgent): Refused {
  return { agent, delegate: delegate ?? undefined }
}

function claimOf(
  { hasProviders }: SignedContext,
  nonce: VerifiedNonce | undefined,
  { agent, delegate, key, remoteAddress, device }: SigningAgent,
): NonceClaim | undefined {
  const holder = hasProviders || device ? (delegate ?? agent) : agent
  return nonce && { source: nonceSource({ agent: holder, thumbprint: key.thumbprint, remoteAddress }), ...nonce }
}

function requireAgent(
  { discovery, edition }: SignedContext,
  { resolved }: VerifiedSignature<ResolvedKey>,
  remoteAddress: string | undefined,
): SigningAgent {
  const { agent, delegate, key, publisher = edition.documents.agent } = resolved
  if (agent === undefined)
    throw new AAuthError(
      'identity_required',
      'The signature proves possession of a key, but does not identify an agent.',
    )
  const isStale = discovery.isStale(publisher, agent)
  return { agent, delegate: delegate ?? null, key, remoteAddress, isStale }
}

/**
 * Refuses an agent whose cached keys may no longer be valid: nothing new can be started with such keys (W32).
 *
 * @throws AAuthError `key_unknown`
 */
export function requireFreshKeys({ agent, isStale }: SigningAgent): void {
  if (!isStale) return
  const cause: DiscoveryFailure = { reason: 'unreachable', message: `the keys of ${agent} are stale` }
  throw new AAuthError(
    'key_unknown',
    'The agent’s keys cannot be fetched right now, and cached keys cannot be used to start a new request: try again when the agent’s server is available.',
    { cause },
  )
}

/** @throws AAuthError `too_many_requests` if the lookup failed because too many lookups are running */
export function requireNotBusy(failure: DiscoveryFailure): void {
  if (failure.reason !== 'busy') return
  const { retryAfter = 3 } = failure
  throw new AAuthError('too_many_requests', 'Too many documents are being fetched.', { cause: failure, retryAfter })
}

/**
 * Checks what a verified agent requests in a form, changing nothing except rate-limit counts. The returned `Answer` then performs the
 * request and resolves to the JSON body of the response.
 */
export type FormEndpoint = (
  context: SignedContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
) => Answer<object> | Promise<Answer<object>>

/** Handles a signed form and responds with JSON, for any endpoint that agents call (S§9.3–9.7, 10). */
export function signedForm(context: SignedContext, arrival: Arrival, judge: FormEndpoint): Promise<Response> {
  return signedRequest(context, arrival, async (agent, { body }) => {
    const form = readForm(arrival.request.headers.get('content-type'), body)
    const answer = await judge(context, agent, form)
    if (typeof answer === 'function') return async () => jsonResponse(await answer())
    return { claiming: async (nonce) => jsonResponse(await answer.claiming(nonce)) }
  })
}

function jsonResponse(body: object): Response {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return new Response(JSON.stringify(body), { headers })
}
