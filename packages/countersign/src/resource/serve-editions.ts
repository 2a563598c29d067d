import type { Authorized, Requirement, VerifiedRequest } from '../editions/verified-request.js'
import { fieldValues, type ReceivedMessage, receiveRequest } from '../httpsig/received-message.js'
import { AAuthError } from '../lib/errors.js'
import type { Resource } from './create-resource.js'
import type { VerifyRequestOptions } from './request-verifier.js'

/** The resource whose edition a request or its error belongs to. Errors about unsigned requests belong to all of them. */
const owner = Symbol('edition')

type Owned = { [owner]?: Resource | readonly Unsigned[] }

/** The refusal of an unsigned request in one edition. */
interface Unsigned {
  resource: Resource
  error: AAuthError
}

/**
 * Serves one API in several editions, each with its own resource: its own keys, auth servers and documents. A signed request belongs to the
 * edition whose form its `Signature-Key` has, and is verified by that edition alone. An unsigned request receives the challenges of all
 * editions, so that agents of each can continue.
 *
 * @throws TypeError for resources with different identifiers, or of the same edition
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
  requireCompatible(first.id, all)
  const publishedPaths = new Set(all.flatMap((each) => [...each.publishedPaths]))

  async function verifyBy<R extends Requirement>(
    resource: Resource,
    message: ReceivedMessage,
    required: VerifyRequestOptions<R>,
  ): Promise<VerifiedRequest<R>> {
    try {
      return Object.assign(await resource.verify(message, required), { [owner]: resource })
    } catch (error) {
      throw error instanceof AAuthError ? Object.assign(error, { [owner]: resource }) : error
    }
  }

  return {
    ...first,
    hasUserLevel: all.every(({ hasUserLevel }) => hasUserLevel),
    publishedPaths,
    recognizes: (signatureKey) => all.some((each) => each.recognizes(signatureKey)),
    refuseUnsigned: (required) => first.refuseUnsigned(required),
    async verify(source, required) {
      const message = source instanceof Request ? receiveRequest(source) : source
      const signatureKey = fieldValues(message, 'signature-key').join(', ')
      const resource = all.find((each) => each.recognizes(signatureKey))
      if (resource) return verifyBy(resource, message, required)
      try {
        return await first.verify(message, required)
      } catch (error) {
        if (!(error instanceof AAuthError)) throw error
        const refusals = others.map((each) => ({ resource: each, error: each.refuseUnsigned(required.require) }))
        throw Object.assign(error, { [owner]: [{ resource: first, error }, ...refusals] })
      }
    },
    async isStillAuthorized(verified: Authorized & Owned) {
      const { [owner]: resource } = verified
      // Of a request that has ended, only the authorization is kept: no edition may have revoked it.
      const judges = resource && 'verify' in resource ? [resource] : all
      const answers = await Promise.all(judges.map((each) => each.isStillAuthorized(verified)))
      return answers.every(Boolean)
    },
    async toResponse(error) {
      const of = error instanceof AAuthError ? (error as AAuthError & Owned)[owner] : undefined
      if (!of) return first.toResponse(error)
      return 'verify' in of ? of.toResponse(error) : toUnsignedResponse(error as AAuthError, of)
    },
    oauthEndpoint() {
      throw new TypeError('accept: OAuth access tokens are not supported together with several editions')
    },
    handler(request, received) {
      const { pathname } = new URL(request.url)
      const resource = all.find((each) => each.publishedPaths.has(pathname)) ?? first
      return resource.handler(request, received)
    },
  }
}

/** The response to an unsigned request: the first edition's, with the challenges of the others. */
async function toUnsignedResponse(error: AAuthError, refusals: readonly Unsigned[]): Promise<Response> {
  const [own, ...others] = await Promise.all(
    refusals.map(({ resource, error: each }) => resource.toResponse(each.status === 401 ? each : error)),
  )
  const response = own as Response
  if (response.status !== 401) return response
  for (const { headers } of others)
    for (const [name, value] of headers) if (!response.headers.has(name)) response.headers.set(name, value)
  return response
}

function requireCompatible(id: string, all: readonly Resource[]): void {
  const foreign = all.find((each) => each.id !== id)
  if (foreign) throw new TypeError(`all editions must have the same id: ${id} is not ${foreign.id}`)
  const paths = all.flatMap((each) => [...each.publishedPaths])
  const twice = paths.find((path, at) => paths.indexOf(path) !== at)
  if (twice !== undefined) throw new TypeError(`each resource must have its own edition: two of them serve ${twice}`)
  if (all.some(({ protectedResource }) => protectedResource))
    throw new TypeError('accept: OAuth access tokens are not supported together with several editions')
}
