import { Readable } from 'node:stream'
import type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
import { type NodeRequest, receiveIncoming } from '../httpsig/receive-incoming.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { keepPrivate } from '../node/keep-private.js'
import { mountHandler } from '../node/mounted-listener.js'
import { abandonRequestBody, type NodeResponse } from '../node/send-response.js'
import type { Resource } from './create-resource.js'
import { type MountedOptions, requireMountPath, requireResource } from './mount-path.js'
import { requireVerifyOptions } from './request-verifier.js'
import { requestChanged, requireUnchanged } from './require-unchanged.js'

/** The parts that a framework adapter adds to a check. */
export interface Admission {
  /** The client's address. */
  address: string | undefined
  /** Prepares the parts of a verified request that the handler receives. Throws an AAuthError if they differ from what was signed. */
  accept: (verified: VerifiedRequest, message: ReceivedMessage) => void
}

export interface RequestGate<R extends Requirement> {
  /** The challenge for a request that is refused; undefined for one that is accepted. */
  refuse(incoming: NodeRequest, outgoing: NodeResponse, admission: Admission): Promise<Response | undefined>
  /**
   * Returns the verified request.
   *
   * @throws TypeError for a request that did not pass through this gate
   * @throws AAuthError `request_changed` for a request that was changed afterwards
   */
  verified(incoming: NodeRequest): VerifiedRequest<R>
}

/** Verifies requests from frameworks that expose Node's own request objects, and stores the result on those objects. */
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
        if (isMultipart(incoming)) await provideStream(incoming, verified.body)
        keepPassage(incoming, { gate, verified, message, before: incoming[passed] })
        keepPrivate(outgoing)
        return undefined
      } catch (error) {
        const refusal = await resource.toResponse(error)
        abandonRequestBody(incoming, outgoing)
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

/** Whether the body is a form that parsers read from the request's stream. */
function isMultipart({ headers }: NodeRequest): boolean {
  return /^multipart\/form-data(?:[;\s]|$)/i.test(headers['content-type'] ?? '')
}

/**
 * Makes a request's stream, which was read to its end for verification, provide the same bytes again, so that multer, busboy and similar
 * parsers can read it.
 */
async function provideStream(incoming: NodeRequest, body: Uint8Array): Promise<void> {
  // Events follow the end of the first read; they must not be mistaken for the second read's events.
  await new Promise((resolve) => setImmediate(resolve))
  const read = () => {
    incoming.push(body)
    incoming.push(null)
  }
  // Starts a new stream in the same object, as the constructors of Node's requests do.
  Reflect.apply(Readable, incoming, [{ read, autoDestroy: false }])
}

/** The record of a request that passed through a gate, linked to the records of earlier gates. */
interface Passage {
  gate: object
  verified: VerifiedRequest
  message: ReceivedMessage
  before: Passage | undefined
}

/** Stored on the request, under one key for all gates: a WeakMap is slower, and so is each additional key. */
const passed = Symbol('passed')

type GatedRequest = NodeRequest & { [passed]?: Passage | undefined }

/**
 * Shared by all requests: separate accessors would give each request its own hidden class, which slows down all code that reads requests.
 */
const method = {
  configurable: true,
  get(this: GatedRequest) {
    return this[passed]?.message.method
  },
  set(this: GatedRequest, changed: unknown) {
    if (changed !== this.method) throw requestChanged('method')
  },
}

// Routes are selected by method: middleware that overrides the method after verification would select another handler (attacks S46).
function keepPassage(incoming: GatedRequest, passage: Passage): void {
  incoming[passed] = passage
  if (!passage.before) Object.defineProperty(incoming, 'method', method)
}

/** A resource's own paths in an app of a framework that exposes Node's request objects. */
export interface ServedDocuments {
  /** @param target the path and query, as sent */
  has(target: string): boolean
  /** @param address the client's address */
  serve(incoming: NodeRequest, outgoing: NodeResponse, address: string | undefined): void
}

/** @throws TypeError for a value that is not a resource */
export function serveDocuments(resource: Resource): ServedDocuments {
  requireResource(resource)
  const { publishedPaths, id } = resource
  const { origin } = new URL(id)
  return {
    has: (target) => publishedPaths.has(target.split('?', 1)[0] as string),
    serve: (incoming, outgoing, address) =>
      void mountHandler((request, received) => resource.handler(request, received), {
        origin,
        clientAddress: () => address,
      })(incoming, outgoing),
  }
}
