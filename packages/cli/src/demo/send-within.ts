import { errorReasons } from 'countersign/wire'
import { CommandError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'

const reasonsByCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  ENOTFOUND: 'no such host is known',
}

/**
 * A `fetch` that waits for the whole answer, and so many seconds at most.
 *
 * @returns a function that rejects with a CommandError which says who did not answer, and why
 */
export function sendWithin(seconds: number): (request: Request) => Promise<Response> {
  return async (request) => {
    const late = AbortSignal.timeout(seconds * 1000)
    try {
      const signal = AbortSignal.any([request.signal, late])
      const response = await fetch(request, { signal, redirect: 'manual' })
      const { status, statusText, headers } = response
      const body = await response.arrayBuffer()
      return new Response(body.byteLength > 0 ? body : null, { status, statusText, headers })
    } catch (error) {
      if (request.signal.aborted) throw request.signal.reason
      const why = late.aborted ? `nothing within ${seconds} s` : reasonOf(error)
      throw new CommandError(`${request.method} ${request.url.slice(0, 200)} got no answer: ${why}.`, {
        exitCode: exitStatus.network,
        cause: error,
      })
    }
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
  return reasonsByCode[code] ?? errorReasons(error).at(-1) ?? String(error)
}
