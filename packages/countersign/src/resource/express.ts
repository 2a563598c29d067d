/**
 * Middleware for an API in Express 4 or 5, or in another framework that uses Connect middleware: `aauth` verifies the requests for a route.
 *
 * @packageDocumentation
 */

import { isDeepStrictEqual } from 'node:util'
import type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
import type { NodeRequest } from '../httpsig/receive-incoming.js'
import type { ReceivedMessage } from '../httpsig/received-message.js'
import { type NodeResponse, sendResponse } from '../node/send-response.js'
import type { Resource } from './create-resource.js'
import type { MountedOptions } from './mount-path.js'
import { provideBody } from './parse-body.js'
import { type Admission, createRequestGate, serveDocuments } from './request-gate.js'
import { requestChanged } from './require-unchanged.js'

/** A request in Express, Connect or Node itself. `ip` is set by Express, and depends on its `trust proxy` setting. */
export type ExpressRequest = NodeRequest & {
  ip?: string | undefined
  query?: unknown
  body?: unknown
  _body?: boolean
  app?: { get(name: string): unknown }
}

type Middleware = (req: ExpressRequest, res: NodeResponse, next: (error?: unknown) => void) => void

export interface ExpressGate<R extends Requirement> extends Middleware {
  /**
   * Returns the verified request.
   *
   * @throws TypeError for a request that did not pass through this middleware
   * @throws AAuthError `request_changed` for a request that was changed afterwards
   */
  verified(req: NodeRequest): VerifiedRequest<R>
}

/**
 * Express middleware: later handlers run only for verified requests; all others get the challenge. The signed body is in
 * `verified(req).body`, and in `req.body` if it is JSON or a form, so no parser is needed after it. A parser before it must keep the raw
 * bytes: `express.json({ verify: (req, res, bytes) => { req.rawBody = bytes } })`.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const mayRead = aauth(resource, { require: 'authorization', scope: 'calendar.read' })
 * app.get('/events', mayRead, (req, res) => res.json(mayRead.verified(req).sub))
 * ```
 */
export function aauth<R extends Requirement>(resource: Resource, options: MountedOptions<R>): ExpressGate<R> {
  const gate = createRequestGate(resource, options)
  async function admit(req: ExpressRequest, res: NodeResponse): Promise<boolean> {
    const accept: Admission['accept'] = ({ body }, message) => {
      requireUntouched(req, message)
      provideBody(req, message, body)
      // The flag that body parsers for Express 4 check before they read a stream that has ended. They skip requests that do not announce a
      // body.
      if ('content-length' in req.headers || 'transfer-encoding' in req.headers) req._body = true
    }
    const refusal = await gate.refuse(req, res, { address: addressOf(req), accept })
    if (refusal) await sendResponse(refusal, res, req.method ?? 'GET')
    return !refusal
  }
  const aauthMiddleware: Middleware = (req, res, next) => {
    admit(req, res).then((passed) => passed && next(), next)
  }
  return Object.assign(aauthMiddleware, { verified: (req: NodeRequest) => gate.verified(req) })
}

/**
 * Express middleware that serves `resource.handler` at the resource's own paths, and passes every other request on. Add it to the app
 * itself, not to a router, and before anything that reads the body.
 */
export function aauthDocuments(resource: Resource): Middleware {
  const documents = serveDocuments(resource)
  return function documentsMiddleware(req, res, next) {
    const target = targetOf(req)
    if (target === req.url && documents.has(target)) documents.serve(req, res, addressOf(req))
    else next()
  }
}

function requireUntouched(req: ExpressRequest, message: ReceivedMessage): void {
  // Express 5 derives the query from the URL on each access, and the URL has already been compared.
  if (!Object.hasOwn(req, 'query')) return
  const parse = req.app?.get('query parser fn')
  if (req.query === undefined || typeof parse !== 'function') return
  const mark = message.rawTarget.indexOf('?')
  const asSent: unknown = parse(mark === -1 ? null : message.rawTarget.slice(mark + 1))
  if (!isDeepStrictEqual(req.query, asSent)) throw requestChanged('query')
}

// Express routers remove their own path from `url`, but the signature covers the whole path.
function targetOf(req: ExpressRequest): string {
  return req.originalUrl ?? req.url ?? '/'
}

function addressOf(req: ExpressRequest): string | undefined {
  return req.ip ?? req.socket.remoteAddress
}
