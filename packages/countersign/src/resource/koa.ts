/**
 * Middleware for an API in Koa: `aauth` verifies the requests for a route.
 *
 * @packageDocumentation
 */

import type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
import type { NodeRequest } from '../httpsig/receive-incoming.js'
import type { NodeResponse } from '../node/send-response.js'
import type { Resource } from './create-resource.js'
import type { MountedOptions } from './mount-path.js'
import { provideBody } from './parse-body.js'
import { createRequestGate, serveDocuments } from './request-gate.js'

/** The part of Koa's context that is used. `ip` depends on Koa's `proxy` setting. */
export interface KoaContextLike {
  readonly req: NodeRequest
  readonly res: NodeResponse
  readonly ip: string
  /** The URL as it was sent. */
  readonly originalUrl: string
  /** The path prefix that koa-mount removed. */
  readonly mountPath?: string | undefined
  /** The property in which body parsers store the body. */
  readonly request: object
  status: number
  body: unknown
  respond?: boolean | undefined
  /** The flag that body parsers check. Without it, they would read a stream that has ended. */
  disableBodyParser?: boolean | undefined
  set(name: string, value: string): unknown
}

type Next = () => Promise<unknown>

export interface KoaGate<R extends Requirement> {
  (ctx: KoaContextLike, next: Next): Promise<void>
  /**
   * Returns the verified request.
   *
   * @throws TypeError for a request that did not pass through this middleware
   * @throws AAuthError `request_changed` for a request that was changed afterwards
   */
  verified(ctx: { readonly req: NodeRequest }): VerifiedRequest<R>
}

/**
 * Koa middleware: later middleware runs only for verified requests; all others get the challenge. The signed body is in
 * `verified(ctx).body`, and in `ctx.request.body` if it is JSON or a form, so no parser is needed after it, and none may run before it.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const mayRead = aauth(resource, { require: 'authorization', scope: 'calendar.read' })
 * router.get('/events', mayRead, (ctx) => { ctx.body = { sub: mayRead.verified(ctx).sub } })
 * ```
 */
export function aauth<R extends Requirement>(resource: Resource, options: MountedOptions<R>): KoaGate<R> {
  const gate = createRequestGate(resource, options)
  async function aauthMiddleware(ctx: KoaContextLike, next: Next): Promise<void> {
    const { req, res, ip: address, originalUrl, mountPath } = ctx
    req.originalUrl ??= originalUrl
    if (mountPath !== undefined) req.baseUrl = mountPath
    const refusal = await gate.refuse(req, res, {
      address,
      accept: ({ body }, message) => provideBody(ctx.request, message, body),
    })
    if (refusal) {
      ctx.status = refusal.status
      for (const [name, value] of refusal.headers) ctx.set(name, value)
      ctx.body = await refusal.text()
      return
    }
    ctx.disableBodyParser = true
    await next()
  }
  return Object.assign(aauthMiddleware, { verified: (ctx: { req: NodeRequest }) => gate.verified(ctx.req) })
}

/** Koa middleware that serves `resource.handler` at the resource's own paths, and passes every other request on. Add it first. */
export function aauthDocuments(resource: Resource): (ctx: KoaContextLike, next: Next) => Promise<void> {
  const documents = serveDocuments(resource)
  return async function documentsMiddleware(ctx, next) {
    const { req, res, ip, originalUrl } = ctx
    if (!documents.has(originalUrl)) {
      await next()
      return
    }
    ctx.respond = false
    documents.serve(req, res, ip)
  }
}
