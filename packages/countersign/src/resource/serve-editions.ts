import type { Authorized } from '../editions/verified-request.js'
import { fieldValues, receiveRequest } from '../httpsig/received-message.js'
import { AAuthError } from '../lib/errors.js'
import type { Resource } from './create-resource.js'

/** Marks a verified request with the resource that verified it, and an error with the refusals that make up the response. */
const owner = Symbol()

type Owned<T> = { [owner]?: T }

/** The refusal of a request in one edition. */
interface Refusal {
  resource: Resource
  error: AAuthError
}

/**
 * Serves one API in several editions, each with its own resource: its own keys, auth servers and documents. A signed request belongs to the
 * edition whose form its `Signature-Key` has, and is verified by that edition alone. A `Signature-Key` with members in the forms of several
 * editions is refused. An unsigned request receives the challenges of all editions, so that agents of each can continue. OAuth clients, if
 * an endpoint accepts them, use the `authServer` of the first resource.
 *
 * @throws TypeError for resources with different identifiers, of the same edition, or that accept OAuth access tokens by themselves
 * @example
 * ```ts
 * const resource = serveEditions(
 *   createResource({ id, signer, authServer: 'https://auth.example', scopes }),
 *   createResource({ edition: draft11Resource, id, signer: otherSigner, authServers: ['https://ps.example'], scopes }),
 * )
 * ```
 */
export function serveEditions(first: Resource, ...others: readonly Resource[]): Resource {
  const all = [first, ...others]
  const foreign = all.find(({ id }) => id !== first.id)
  if (foreign) throw new TypeError(`all editions must have the same id: ${first.id} is not ${foreign.id}`)
  const paths = all.flatMap((each) => [...each.publishedPaths])
  const publishedPaths = new Set(paths)
  if (publishedPaths.size < paths.length) throw new TypeError('each resource must have its own edition')
  if (all.some(({ protectedResource }) => protectedResource))
    throw new TypeError("accept: call oauthEndpoint({ path: '/' }) of the result instead")

  const joint: Resource = {
    ...first,
    hasUserLevel: all.every(({ hasUserLevel }) => hasUserLevel),
    publishedPaths,
    responseHeaders: [...new Set(all.flatMap((each) => each.responseHeaders))],
    recognizes: (signatureKey) => all.some((each) => each.recognizes(signatureKey)),
    async verify(source, required) {
      const message = source instanceof Request ? receiveRequest(source) : source
      const signatureKey = fieldValues(message, 'signature-key').join()
      const recognizing = all.filter((each) => each.recognizes(signatureKey))
      const [resource = first, another] = recognizing
      try {
        if (another)
          throw new AAuthError('signature_malformed', 'Signature-Key mixes the forms of two editions.', {
            challenge: resource.refuseUnsigned(required.require).challenge,
          })
        return Object.assign(await resource.verify(message, required), { [owner]: resource })
      } catch (error) {
        if (!(error instanceof AAuthError)) throw error
        const refusing = recognizing.length === 1 ? recognizing : new Set([resource, ...all])
        const refusals = [...refusing].map((each) => ({
          resource: each,
          error: each === resource ? error : each.refuseUnsigned(required.require),
        }))
        throw Object.assign(error, { [owner]: refusals })
      }
    },
    async isStillAuthorized(verified: Authorized & Owned<Resource>) {
      const { [owner]: resource } = verified
      // Of a request that has ended, only the authorization is kept: no edition may have revoked it.
      const answers = await Promise.all((resource ? [resource] : all).map((each) => each.isStillAuthorized(verified)))
      return answers.every(Boolean)
    },
    async toResponse(error, verified?: Authorized & Owned<Resource>) {
      const refusals = error instanceof AAuthError && (error as AAuthError & Owned<Refusal[]>)[owner]
      return refusals ? toJointResponse(error, refusals) : (verified?.[owner] ?? first).toResponse(error)
    },
    oauthEndpoint(endpoint, whole = joint) {
      const created = first.oauthEndpoint(endpoint, whole)
      for (const path of first.publishedPaths) publishedPaths.add(path)
      return created
    },
    handler(request, received) {
      const { pathname } = new URL(request.url)
      return (all.find((each) => each.publishedPaths.has(pathname)) ?? first).handler(request, received)
    },
  }
  return joint
}

/** The response of the first refusal with, if it is a challenge, the challenges of the others. */
async function toJointResponse(error: AAuthError, refusals: readonly Refusal[]): Promise<Response> {
  const responses = await Promise.all(
    refusals.map(({ resource, error: each }) => resource.toResponse(each.status === 401 ? each : error)),
  )
  const [response] = responses as [Response]
  if (response.status === 401)
    for (const [name, value] of responses.flatMap(({ headers }) => [...headers]))
      if (!response.headers.has(name)) response.headers.set(name, value)
  return response
}
