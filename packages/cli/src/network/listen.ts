import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createNodeListener, type Handler } from 'countersign/node'
import { CommandError } from '../command/errors.js'

/** An open port of this machine, on which nothing is served yet. */
export interface OpenPort {
  readonly port: number
  /** Starts serving a handler, under the given origin. */
  serve(handler: Handler, origin: string): void
  /** Closes the port and every connection. */
  close(): Promise<void>
}

/** Reachable only by programs on this machine. */
const host = '127.0.0.1'

/** How long pending responses may take when the server closes, in milliseconds. */
const grace = 500

/**
 * Opens a port; 0 chooses a free one.
 *
 * @throws CommandError if it cannot be opened; `needed` says what it is needed for
 */
export async function listen(port: number, needed: string): Promise<OpenPort> {
  let serve: (handler: Handler, origin: string) => void = () => undefined
  const listener = new Promise<ReturnType<typeof createNodeListener>>((resolve) => {
    serve = (handler, origin) => resolve(createNodeListener(handler, { origin }))
  })
  // Requests that arrive before there is a handler wait for it.
  const server = createServer((incoming, outgoing) => void listener.then((answer) => answer(incoming, outgoing)))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(port, needed, error)))
    server.listen(port, host, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    serve,
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(() => server.closeAllConnections(), grace)
        server.close(() => {
          clearTimeout(late)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

function listenError(port: number, needed: string, cause: NodeJS.ErrnoException): CommandError {
  const why = cause.code === 'EADDRINUSE' ? 'is already in use' : `cannot be opened (${cause.code})`
  return new CommandError(`Port ${port} on ${host} ${why}; ${needed}.`, { cause })
}
