import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createNodeListener, type Handler } from 'countersign/node'
import { CommandError } from '../command/errors.js'

/** An open port on this machine that does not serve anything yet. */
export interface OpenPort {
  readonly port: number
  /** Starts serving a handler, under the given origin. */
  serve(handler: Handler, origin: string): void
  /** Closes the port and every connection. */
  close(): Promise<void>
}

/** Reachable only by programs on this machine. */
const host = '127.0.0.1'

/** How long pending responses may still take when the server closes, in milliseconds. */
const grace = 500

/**
 * Opens a port; 0 chooses a free port.
 *
 * @throws CommandError if the port cannot be opened; `needed` states why it is needed
 */
export async function listen(port: number, needed: string): Promise<OpenPort> {
  let serve: (handler: Handler, origin: string) => void = () => undefined
  const listener = new Promise<ReturnType<typeof createNodeListener>>((resolve) => {
    serve = (handler, origin) => resolve(createNodeListener(handler, { origin }))
  })
  // Requests that arrive before a handler is set wait for it.
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
