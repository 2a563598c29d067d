import { AAuthError, type ReceivedMessage } from 'countersign'
import {
  bodyCoverage,
  claimedAgent,
  type DiscoveryFailure,
  type MaybePromise,
  maxFormBytes,
  type Refused,
  type ResolvedKey,
  requireUnusedNonce,
  type VerifiedNonce,
  type VerifiedSignature,
  verifySignature,
} from 'countersign/wire'
import type { ServerContext } from '../context.js'
import { refusalResponse } from '../http/refusal-response.js'

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
 * In between the nonce is claimed, where the edition has one: a copy of a request changes nothing, and a request that is
 * refused takes no place in the store.
 *
 * @param verified the message, with the token that its key came in
 */
export type RequestJudge = (
  agent: SigningAgent,
  verified: VerifiedSignature<ResolvedKey>,
) => MaybePromise<() => MaybePromise<Response>>

/** A request of a program. */
export interface ProgramRequest {
  request: Request
  /** The message as it was on the wire. */
  received: ReceivedMessage
  requestId: string
}

/** Answers a signed request of an agent; what is thrown on the way becomes the refusal that the edition writes. */
export async function signedRequest(
  context: ServerContext,
  { request, received, requestId }: ProgramRequest,
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
    await claimNonce(context, verified.nonce, agent)
    return await answer()
  } catch (error) {
    return refusalResponse(context, error, requestId, agent ? refused(agent) : claimed())
  }
}

function refused({ agent, delegate }: SigningAgent): Refused {
  return { agent, delegate: delegate ?? undefined }
}

function claimNonce({ storage }: ServerContext, nonce: VerifiedNonce | undefined, by: SigningAgent): Promise<void> {
  const owner = { agent: by.agent, thumbprint: by.key.thumbprint, remoteAddress: by.remoteAddress }
  return requireUnusedNonce((claim) => storage.claimNonce(claim), nonce, owner)
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
