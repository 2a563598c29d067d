import type { NodeRequest } from '../httpsig/receive-incoming.js'
import type { NodeResponse } from './send-response.js'

/** The part of Fastify's request that is used. `ip` depends on Fastify's `trustProxy` option. */
export interface FastifyRequestLike {
  readonly raw: NodeRequest
  readonly ip: string
  readonly body?: unknown
}

/** The part of Fastify's reply that is used. */
export interface FastifyReplyLike {
  readonly raw: NodeResponse
  code(status: number): unknown
  header(name: string, value: string): unknown
  send(payload: unknown): unknown
  hijack(): unknown
}
