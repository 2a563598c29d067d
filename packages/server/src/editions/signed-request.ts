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
import type { ServerContext } from '../http/context.js'
import { RefusedAgent } from '../http/refusal-response.js'
import type { Arrival } from '../http/route.js'

/** An agent whose signature and identity verified. */
export interface SigningAgent {
  agent: string
  delegate: string | null
  /** Where the request came from, where the platform tells. */
  remoteAddress: string | undefined
  key: ResolvedKey['key']
  /** Its keys are no longer fresh, and its origin could not be asked. */
  isStale: boolean
}

/**
 * Judges a verified request, changing nothing but what limits count. What it returns then does what is asked, and answers.
 * Before that, or in one with it, the nonce is claimed, where the request has one: a copy of a request changes nothing, and a request that is
 * refused takes no place in the store.
 *
 * @param verified the message, with the token that its key came in
 */
export type RequestJudge = (
  agent: SigningAgent,
  verified: VerifiedSignature<ResolvedKey>,
) => Answer<Response> | Promise<Answer<Response>>

/** What does what is asked, and answers, once the nonce is claimed; or what claims it by itself. */
export type Answer<T> = (() => T | Promise<T>) | ClaimingAnswer<T>

/** Changes something with one verb of the storage, which claims the nonce as well: both with one wait for the disk. */
export interface ClaimingAnswer<T> {
  /** @param nonce to be passed to the verb, which alone claims it */
  claiming(nonce: NonceClaim | undefined): Promise<T>
}

/** Serves a signed request of an agent. What is thrown becomes the refusal that the edition writes. */
export async function signedRequest(
  context: ServerContext,
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
    agent = requireAgent(context, verified, received.remoteAddress)
    const answer = await judge(agent, verified)
    const nonce = claimOf(verified.nonce, agent)
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
  nonce: VerifiedNonce | undefined,
  { agent, key, remoteAddress }: SigningAgent,
): NonceClaim | undefined {
  return nonce && { source: nonceSource({ agent, thumbprint: key.thumbprint, remoteAddress }), ...nonce }
}

function requireAgent(
  { discovery, edition }: ServerContext,
  { resolved }: VerifiedSignature<ResolvedKey>,
  remoteAddress: string | undefined,
): SigningAgent {
  const { agent, delegate, key, publisher = edition.documents.agent } = resolved
  if (agent === undefined) throw new AAuthError('identity_required', 'The signature proves a key, but no agent.')
  const isStale = discovery.isStale(publisher, agent)
  return { agent, delegate: delegate ?? null, key, remoteAddress, isStale }
}

/**
 * Refuses an agent whose keys may be gone by now: nothing new begins with them (W32).
 *
 * @throws AAuthError `key_unknown`
 */
export function requireFreshKeys({ agent, isStale }: SigningAgent): void {
  if (!isStale) return
  const cause: DiscoveryFailure = { reason: 'unreachable', message: `the keys of ${agent} are stale` }
  throw new AAuthError(
    'key_unknown',
    'The keys of the agent cannot be fetched now, and those from before begin nothing new: try again when its server answers.',
    { cause },
  )
}

/**
 * Judges what a verified agent asks for with a form, changing nothing but what limits count. What it returns then does it,
 * and gives the JSON body of the answer.
 */
export type FormEndpoint = (
  context: ServerContext,
  agent: SigningAgent,
  form: ReadonlyMap<string, string>,
) => Answer<object> | Promise<Answer<object>>

/** A signed form in, JSON out, at whichever endpoint agents call (S§9.3–9.7, 10). */
export function signedForm(context: ServerContext, arrival: Arrival, judge: FormEndpoint): Promise<Response> {
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
