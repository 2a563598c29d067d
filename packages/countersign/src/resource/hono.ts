/**
 * Middleware for an API in Hono: `aauth` verifies the requests for a route.
 *
 * @packageDocumentation
 */

import type { Context, MiddlewareHandler } from 'hono'
import type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
import { type NodeRequest, receiveIncoming } from '../httpsig/receive-incoming.js'
import { fieldValues, type ReceivedMessage, receiveRequest, targetOf } from '../httpsig/received-message.js'
import { AAuthError } from '../lib/errors.js'
import { type HeadWriter, keepPrivate, nodeResponseOf, setPrivate } from '../node/keep-private.js'
import type { Resource } from './create-resource.js'
import { type MountedOptions, requireMountPath, requireResource } from './mount-path.js'
import { requireVerifyOptions } from './request-verifier.js'
import { requestChanged, requireUnchanged } from './require-unchanged.js'

/**
 * Hono middleware: the handler runs only for verified requests and finds them in `c.var.aauth`; all others get the challenge. Register it
 * before anything that reads the body.
 *
 * @example
 * ```ts
 * app.get('/events', aauth(resource, { require: 'authorization', scope: 'calendar.read' }), (c) => c.json(c.var.aauth.sub))
 * ```
 * @throws TypeError for invalid options
 */
export function aauth<R extends Requirement>(
  resource: Resource,
  options: MountedOptions<R>,
): MiddlewareHandler<{ Variables: { aauth: VerifiedRequest<R> } }> {
  requireResource(resource)
  requireVerifyOptions(options, resource)
  const mountPath = requireMountPath(options)
  return async function aauthMiddleware(c, next) {
    const request = c.req.raw
    try {
      const sent = receiveSent(request, c.env as Bindings | undefined)
      const verified = await resource.verify(sent ?? receiveMounted(request, mountPath), options)
      if (sent) await requireSame(sent, verified.body, request, mountPath)
      c.set('aauth', verified)
      const outgoing = outgoingOf(c.env as Bindings | undefined)
      // Earlier middleware sets its headers after this, and Node writes them even later.
      if (outgoing) keepPrivate(outgoing)
    } catch (error) {
      return resource.toResponse(error)
    }
    await next()
    keepResponsePrivate(c)
    return undefined
  }
}

/** Keeps the response out of shared caches, whatever headers the handler set. */
function keepResponsePrivate(c: Context): void {
  const { res } = c
  try {
    setPrivate(res.headers)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    // Responses created by `fetch` or `Response.redirect` have immutable headers.
    const headers = new Headers(res.headers)
    setPrivate(headers)
    c.res = undefined
    c.res = new Response(res.body, { status: res.status, statusText: res.statusText, headers })
  }
}

/** The value that `createNodeListener` passes to a handler together with the request, or that `@hono/node-server` puts into the context. */
type Bindings = ReceivedMessage | { incoming?: NodeRequest; outgoing?: HeadWriter }

function outgoingOf(bindings: Bindings | undefined): HeadWriter | undefined {
  if (!bindings) return undefined
  return 'rawTarget' in bindings ? nodeResponseOf(bindings) : bindings.outgoing
}

/** The message as it was on the wire, if the platform provides it. */
function receiveSent(request: Request, bindings: Bindings | undefined): ReceivedMessage | undefined {
  if (!bindings) return undefined
  if ('rawTarget' in bindings) return bindings
  const { incoming } = bindings
  if (incoming?.rawHeaders === undefined) return undefined
  const sent = receiveIncoming(incoming)
  // The stream belongs to the Request, except for methods for which a Request has no body.
  const source = isBodiless(request) ? sent : receiveRequest(request)
  return {
    ...sent,
    async body(limit) {
      const body = await source.body(limit)
      if (isBodiless(request) && body.length > 0) {
        throw new AAuthError('request_malformed', `A ${request.method} request must not have a body.`)
      }
      return body
    },
  }
}

function isBodiless({ method }: Request): boolean {
  return method === 'GET' || method === 'HEAD'
}

function receiveMounted(request: Request, mountPath: string): ReceivedMessage {
  const message = receiveRequest(request)
  if (mountPath === '') return message
  const { rawTarget } = message
  return { ...message, rawTarget: mountPath + (/^\/(?:\?|$)/.test(rawTarget) ? rawTarget.slice(1) : rawTarget) }
}

/** Throws if earlier middleware replaced the verified request. */
async function requireSame(
  sent: ReceivedMessage,
  body: Uint8Array,
  request: Request,
  mountPath: string,
): Promise<void> {
  requireUnchanged(sent, { method: request.method, target: targetOf(request.url), mountPath })
  const mediaType = fieldValues(sent, 'content-type').join(', ')
  if (body.length > 0 && mediaType !== (request.headers.get('content-type') ?? '')) throw requestChanged('body')
  // A Request with GET or HEAD has no body. For other methods, the body is accessed, and that may cause the platform to create one.
  if (body.length === 0 && (isBodiless(request) || request.body === null)) return
  const handled = await receiveRequest(request).body(Number.POSITIVE_INFINITY)
  if (handled === body) return
  if (handled.length !== body.length || handled.some((byte, index) => byte !== body[index]))
    throw requestChanged('body')
}
