import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createNodeListener, type Handler } from 'countersign/node'
import { CommandError } from '../command/errors.js'

/** A port of this machine that nothing is served on yet. */
export interface OpenPort {
  readonly port: number
  /** Serves a handler from now on, as what is reached at an origin. */
  serve(handler: Handler, origin: string): void
  /** Closes the port and every connection. */
  close(): Promise<void>
}

/** Only programs of this machine reach it. */
const host = '127.0.0.1'

/** Milliseconds that answers on their way get when the server closes. */
const grace = 500

/**
 * Opens a port; 0 chooses a free one.
 *
 * @throws CommandError when it cannot be opened; `needed` says what for
 */
export async function listen(port: number, needed: string): Promise<OpenPort> {
  let serve: (handler: Handler, origin: string) => void = () => undefined
  const listener = new Promise<ReturnType<typeof createNodeListener>>((resolve) => {
    serve = (handler, origin) => resolve(createNodeListener(handler, { origin }))
  })
  // What comes before there is a handler waits for it.
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
  const why = cause.code === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${cause.code})`
  return new CommandError(`Port ${port} on ${host} ${why}; ${needed}.`, { cause })
}
