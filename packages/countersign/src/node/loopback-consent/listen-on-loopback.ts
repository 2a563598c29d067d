import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createNodeListener } from '../node-listener.js'

/** A port of this machine that takes the answer of one consent. */
export interface LoopbackListener {
  /** Where the browser comes back to: on the free port that was found. */
  redirectUri: string
  port: number
  /** Takes no more; a page that is being sent still arrives. */
  close(): void
}

/** Without its port, as an agent's document lists it (W24). */
export const listedRedirectUri = 'http://127.0.0.1/callback'

/**
 * Listens at a free port of 127.0.0.1, which keeps no program alive but while it sends a page.
 *
 * @param answer takes the callback, and gives the page that the browser is shown
 */
export async function listenOnLoopback(answer: (request: Request) => Promise<Response>): Promise<LoopbackListener> {
  const server = createServer({ requestTimeout: 10_000 })
  server.maxConnections = 20
  server.on('connection', (socket: Socket) => socket.unref())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const listener = createNodeListener(answerAt, { origin, maxBody: 0, replaceGlobals: false })
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    stayFor(outgoing, incoming.socket)
    listener(incoming, outgoing)
  })

  async function answerAt(request: Request): Promise<Response> {
    // A page elsewhere that sends here by a name of its own, or by a script, brings no person's answer (attacks M08).
    if (request.headers.get('host') !== new URL(origin).host || request.headers.has('origin'))
      return new Response('Only a browser that comes back from an auth server is answered.\n', { status: 403 })
    if (new URL(request.url).pathname !== new URL(listedRedirectUri).pathname)
      return new Response('There is nothing here.\n', { status: 404 })
    if (request.method !== 'GET')
      return new Response('Ask for it with GET.\n', { status: 405, headers: { allow: 'GET' } })
    return answer(request)
  }

  return { redirectUri: `${origin}/callback`, port, close: () => closeQuietly(server) }
}

/** The page is sent before the program ends, and its connection ends with it. */
function stayFor(outgoing: ServerResponse, socket: Socket): void {
  outgoing.setHeader('connection', 'close')
  socket.ref()
  outgoing.once('close', () => socket.unref())
}

function closeQuietly(server: Server): void {
  server.close()
  server.closeIdleConnections()
}
