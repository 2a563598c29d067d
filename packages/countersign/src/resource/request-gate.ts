import { type NodeRequest, receiveIncoming } from '../node/receive-incoming.js'
import { type NodeResponse, refuseTheRest } from '../node/send-response.js'
import type { Resource } from './create-resource.js'
import type { Requirement, VerifiedRequest } from './judge-level.js'
import { requireVerifyOptions, type VerifyRequestOptions } from './verify-request-options.js'

export interface RequestGate<R extends Requirement> {
  /** The challenge for a request that does not pass; nothing for one that does. */
  refuse(incoming: NodeRequest, outgoing: NodeResponse, address: string | undefined): Promise<Response | undefined>
  /** What was verified. @throws TypeError for a request that did not pass here */
  verified(incoming: NodeRequest): VerifiedRequest<R>
}

/** Verifies the requests of frameworks that hand on Node's own, and keeps what was verified beside them, not in them. */
export function createRequestGate<R extends Requirement>(
  resource: Resource,
  options: VerifyRequestOptions<R>,
): RequestGate<R> {
  requireVerifyOptions(options, resource.metadata.supported_scopes)
  const passed = new WeakMap<NodeRequest, VerifiedRequest<R>>()
  return {
    async refuse(incoming, outgoing, address) {
      const message = { ...receiveIncoming(incoming), remoteAddress: address }
      try {
        passed.set(incoming, await resource.verify(message, options))
        return undefined
      } catch (error) {
        const refusal = await resource.toResponse(error)
        refuseTheRest(incoming, outgoing)
        return refusal
      }
    },
    verified(incoming) {
      const request = passed.get(incoming)
      if (request) return request
      throw new TypeError('this request was not verified: put aauth(…) before the handler of its route')
    },
  }
}
