import { type NodeRequest, receiveIncoming } from '../httpsig/receive-incoming.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { type NodeResponse, refuseTheRest } from '../node/send-response.js'
import { keepPrivate } from '../protocol/keep-private.js'
import type { Resource } from './create-resource.js'
import type { Requirement, VerifiedRequest } from './judge-level.js'
import { type MountedOptions, requireMountPath } from './mount-path.js'
import { requireResource } from './require-resource.js'
import { requestChanged, requireUnchanged } from './require-unchanged.js'
import { requireVerifyOptions } from './verify-request-options.js'

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

/** Verifies the requests of frameworks that hand on Node's own, and keeps what was verified under a name that nobody else has. */
export function createRequestGate<R extends Requirement>(
  resource: Resource,
  options: MountedOptions<R>,
): RequestGate<R> {
  requireResource(resource)
  requireVerifyOptions(options, resource.metadata)
  const mountPath = requireMountPath(options)
  const handledOf = ({ method = '', url = '', baseUrl = '' }: NodeRequest) => ({
    method,
    target: url,
    mountPath: mountPath + baseUrl,
  })
  /** A name of its own in each request, which costs less than a WeakMap of all. */
  const passed = Symbol('passed')
  type GatedRequest = NodeRequest & { [passed]?: { verified: VerifiedRequest<R>; message: ReceivedMessage } }
  return {
    async refuse(incoming: GatedRequest, outgoing, { address, accept }) {
      const message = receiveIncoming(incoming, address)
      try {
        const verified = await resource.verify(message, options)
        requireUnchanged(message, handledOf(incoming))
        accept(verified, message)
        keepMethod(incoming)
        keepPrivate(outgoing)
        incoming[passed] = { verified, message }
        return undefined
      } catch (error) {
        const refusal = await resource.toResponse(error)
        refuseTheRest(incoming, outgoing)
        return refusal
      }
    },
    verified(incoming: GatedRequest) {
      const { [passed]: admitted } = incoming
      if (!admitted) throw new TypeError('this request was not verified: put aauth(…) before the handler of its route')
      requireUnchanged(admitted.message, handledOf(incoming))
      return admitted.verified
    },
  }
}

const signedMethod = Symbol('signed method')

type SignedRequest = NodeRequest & { [signedMethod]?: string | undefined }

/** One for all requests: accessors of their own would give each a shape of its own, which slows down all that reads them. */
const method = {
  configurable: true,
  get(this: SignedRequest) {
    return this[signedMethod]
  },
  set(this: SignedRequest, changed: unknown) {
    if (changed !== this[signedMethod]) throw requestChanged('method')
  },
}

// Routes are chosen by method: a middleware that overrides it afterwards would choose another handler (attacks S46).
function keepMethod(incoming: SignedRequest): void {
  incoming[signedMethod] = incoming.method
  Object.defineProperty(incoming, 'method', method)
}
