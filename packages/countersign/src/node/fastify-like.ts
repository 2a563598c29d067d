import type { NodeRequest } from '../httpsig/receive-incoming.js'
import type { NodeResponse } from './send-response.js'

/** What is used of Fastify's request. `ip` follows its option `trustProxy`. */
export interface FastifyRequestLike {
  readonly raw: NodeRequest
  readonly ip: string
  readonly body?: unknown
}

/** What is used of Fastify's reply. */
export interface FastifyReplyLike {
  readonly raw: NodeResponse
  code(status: number): unknown
  header(name: string, value: string): unknown
  send(payload: unknown): unknown
  hijack(): unknown
}
