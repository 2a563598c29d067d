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
