import type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
import { type NodeRequest, receiveIncoming } from '../httpsig/receive-incoming.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { keepPrivate } from '../node/keep-private.js'
import { type NodeResponse, refuseTheRest } from '../node/send-response.js'
import type { Resource } from './create-resource.js'
import { type MountedOptions, requireMountPath, requireResource } from './mount-path.js'
import { requireVerifyOptions } from './request-verifier.js'
import { requestChanged, requireUnchanged } from './require-unchanged.js'

/** What a framework adds to a check. */
export interface Admission {
  /** The address of the client. */
  address: string | undefined
  /** Prepares what the handler gets of a verified request, or throws an AAuthError where it differs. */
  accept: (verified: VerifiedRequest, message: ReceivedMessage) => void
}

export interface RequestGate<R extends Requirement> {
  /** The challenge for a request that does not pass; nothing for one that does. */
  refuse(incoming: NodeRequest, outgoing: NodeResponse, admission: Admission): Promise<Response | undefined>
  /**
   * What was verified.
   *
   * @throws TypeError for a request that did not pass here
   * @throws AAuthError `request_changed` for one that was changed since
   */
  verified(incoming: NodeRequest): VerifiedRequest<R>
}

/** Verifies the requests of frameworks that hand on Node's own, and keeps in them what was verified. */
export function createRequestGate<R extends Requirement>(
  resource: Resource,
  options: MountedOptions<R>,
): RequestGate<R> {
  requireResource(resource)
  requireVerifyOptions(options, resource)
  const mountPath = requireMountPath(options)
  const handledOf = ({ method = '', url = '', baseUrl = '' }: NodeRequest) => ({
    method,
    target: url,
    mountPath: mountPath + baseUrl,
  })
  const gate = {}
  return {
    async refuse(incoming: GatedRequest, outgoing, { address, accept }) {
      const message = receiveIncoming(incoming, address)
      try {
        const verified = await resource.verify(message, options)
        requireUnchanged(message, handledOf(incoming))
        accept(verified, message)
        keepPassage(incoming, { gate, verified, message, before: incoming[passed] })
        keepPrivate(outgoing)
        return undefined
      } catch (error) {
        const refusal = await resource.toResponse(error)
        refuseTheRest(incoming, outgoing)
        return refusal
      }
    },
    verified(incoming: GatedRequest) {
      let passage = incoming[passed]
      while (passage && passage.gate !== gate) passage = passage.before
      if (!passage) throw new TypeError('this request was not verified: put aauth(…) before the handler of its route')
      requireUnchanged(passage.message, handledOf(incoming))
      return passage.verified as VerifiedRequest<R>
    },
  }
}

/** That a request passed a gate, and those before. */
interface Passage {
  gate: object
  verified: VerifiedRequest
  message: ReceivedMessage
  before: Passage | undefined
}

/** In the request, under one name for all gates: a WeakMap costs more, and each further name does. */
const passed = Symbol('passed')

type GatedRequest = NodeRequest & { [passed]?: Passage | undefined }

/** One for all requests: accessors of their own would give each a shape of its own, which slows down all that reads them. */
const method = {
  configurable: true,
  get(this: GatedRequest) {
    return this[passed]?.message.method
  },
  set(this: GatedRequest, changed: unknown) {
    if (changed !== this.method) throw requestChanged('method')
  },
}

// Routes are chosen by method: a middleware that overrides it afterwards would choose another handler (attacks S46).
function keepPassage(incoming: GatedRequest, passage: Passage): void {
  incoming[passed] = passage
  if (!passage.before) Object.defineProperty(incoming, 'method', method)
}
