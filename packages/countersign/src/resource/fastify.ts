/**
 * Hooks for an API in Fastify 4 or 5: `aauth` verifies the requests for a route.
 *
 * @packageDocumentation
 */

import { Readable } from 'node:stream'
import type { Requirement, VerifiedRequest } from '../editions/verified-request.js'
import type { NodeRequest } from '../httpsig/receive-incoming.js'
import { readBefore } from '../httpsig/received-message.js'
import type { FastifyReplyLike, FastifyRequestLike } from '../node/fastify-like.js'
import type { Resource } from './create-resource.js'
import type { MountedOptions } from './mount-path.js'
import { type Admission, createRequestGate, serveDocuments } from './request-gate.js'
import { requestChanged } from './require-unchanged.js'

export type { FastifyReplyLike, FastifyRequestLike }

export interface FastifyGate<R extends Requirement> {
  /** A `preParsing` hook. */
  (request: FastifyRequestLike, reply: FastifyReplyLike, payload: Readable): Promise<Readable | undefined>
  /**
   * Returns the verified request.
   *
   * @throws TypeError for a request that did not pass through this hook
   * @throws AAuthError `request_changed` for a request that was changed afterwards
   */
  verified(request: { readonly raw: NodeRequest }): VerifiedRequest<R>
}

/**
 * A `preParsing` hook for Fastify: the handler runs only for verified requests; all others get the challenge. Parsers after it receive the
 * bytes whose digest was checked.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const mayRead = aauth(resource, { require: 'authorization', scope: 'calendar.read' })
 * app.get('/events', { preParsing: mayRead }, async (request) => ({ sub: mayRead.verified(request).sub }))
 * ```
 */
export function aauth<R extends Requirement>(resource: Resource, options: MountedOptions<R>): FastifyGate<R> {
  const gate = createRequestGate(resource, options)
  async function aauthHook(request: FastifyRequestLike, reply: FastifyReplyLike, payload: Readable) {
    const { raw, ip: address } = request
    const accept: Admission['accept'] = () => {
      if (request.body !== undefined) throw requestChanged('body')
    }
    // A later hook with its own stream receives the same bytes, unless it is also one of these hooks.
    const isPreParsing = payload instanceof Readable
    const isUnread = payload === raw || payload instanceof VerifiedBody
    const refusal = isUnread
      ? await gate.refuse(raw, reply.raw, { address, accept })
      : await resource.toResponse(
          readBefore(isPreParsing ? '' : '. The gate must be registered as a preParsing hook: { preParsing: … }'),
        )
    if (refusal) {
      reply.code(refusal.status)
      for (const [name, value] of refusal.headers) reply.header(name, value)
      reply.send(await refusal.text())
      return undefined
    }
    const { body } = gate.verified(raw)
    if (body.length === 0 && !raw.readableDidRead) return undefined
    return new VerifiedBody(body)
  }
  return Object.assign(aauthHook, { verified: (request: { raw: NodeRequest }) => gate.verified(request.raw) })
}

/** A stream of verified bytes, for Fastify's parsers. */
class VerifiedBody extends Readable {
  /** Fastify compares this with `Content-Length`. */
  readonly receivedEncodedLength: number
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    super()
    this.#bytes = bytes
    this.receivedEncodedLength = bytes.length
  }

  override _read(): void {
    this.push(this.#bytes)
    this.push(null)
  }
}

/** An `onRequest` hook for Fastify that serves `resource.handler` at the resource's own paths: `app.addHook('onRequest', …)`. */
export function aauthDocuments(resource: Resource) {
  const documents = serveDocuments(resource)
  return async function documentsHook({ raw, ip }: FastifyRequestLike, reply: FastifyReplyLike): Promise<void> {
    // Not the result of `rewriteUrl`, because the signature covers the URL as it was sent.
    const { originalUrl = raw.url ?? '/' } = raw
    if (!documents.has(originalUrl)) return
    reply.hijack()
    documents.serve(raw, reply.raw, ip)
  }
}
