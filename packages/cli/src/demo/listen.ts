import { createServer } from 'node:http'
import { createNodeListener, type Handler } from 'countersign/node'
import { CommandError } from '../command-error.js'
import { type DemoParty, demoHost, demoIds, demoPorts } from './demo-world.js'

/** Milliseconds that answers on their way get when the server closes. */
const grace = 500

/** Serves a handler at its party's port; resolves to a function that closes the server and every connection. */
export async function listen(party: DemoParty, handler: Handler): Promise<() => Promise<void>> {
  const server = createServer(createNodeListener(handler, { origin: demoIds[party] }))
  const port = demoPorts[party]
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(port, error)))
    server.listen(port, demoHost, resolve)
  })
  return () =>
    new Promise((resolve) => {
      const late = setTimeout(() => server.closeAllConnections(), grace)
      server.close(() => {
        clearTimeout(late)
        resolve()
      })
      server.closeIdleConnections()
    })
}

function listenError(port: number, cause: NodeJS.ErrnoException): CommandError {
  const why = cause.code === 'EADDRINUSE' ? 'is in use' : `cannot be opened (${cause.code})`
  const ports = Object.values(demoPorts)
  const needed = `${ports.slice(0, -1).join(', ')} and ${ports.at(-1)}`
  return new CommandError(`Port ${port} on ${demoHost} ${why}; the demo needs ${needed}.`, { cause })
}
