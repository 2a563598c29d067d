import type { RpcRequest } from './json-rpc.js'

/** A server that gave no answer of MCP; the message is a sentence for the person at the client. */
export class ServerProblem extends Error {
  /** The HTTP status, where there was one. */
  readonly status: number | undefined

  /** What the person may know besides, and no model. */
  readonly forPerson: string | undefined

  constructor(message: string, options: { status?: number; cause?: unknown; forPerson?: string | undefined } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ServerProblem'
    this.status = options.status
    this.forPerson = options.forPerson
  }
}

/** An answer that broke off: nobody knows what became of the call. */
export function brokenOff(host: string, { method }: RpcRequest, cause?: unknown): ServerProblem {
  const advice =
    method === 'tools/call'
      ? 'The call may have run all the same. Do not simply repeat it where it changes something: look first.'
      : 'Ask again.'
  return new ServerProblem(`The answer of ${host} broke off. ${advice}`, { cause })
}
