import type { RpcRequest } from './json-rpc.js'

/** Thrown when a server did not return a valid MCP response. The message is a sentence for the user of the client. */
export class ServerProblem extends Error {
  /** HTTP status of the response, if there was one. */
  readonly status: number | undefined

  /** Additional text for the user, which the model must not see. */
  readonly userDetail: string | undefined

  constructor(message: string, options: { status?: number; cause?: unknown; userDetail?: string | undefined } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ServerProblem'
    this.status = options.status
    this.userDetail = options.userDetail
  }
}

/** Creates the error for an interrupted response: the outcome of the call is unknown. */
export function interruptedResponse(host: string, { method }: RpcRequest, cause?: unknown): ServerProblem {
  const advice =
    method === 'tools/call'
      ? 'The call may have been executed anyway. If it changes something, do not just repeat it: check first.'
      : 'Try again.'
  return new ServerProblem(`The response from ${host} was interrupted. ${advice}`, { cause })
}
