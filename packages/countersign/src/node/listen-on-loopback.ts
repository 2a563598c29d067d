import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createConnectionQueue } from './connection-queue.js'
import { limitConnections } from './limit-connections.js'
import { createMountedListener } from './mounted-listener.js'

/** A port of this machine that takes the answer of one consent. */
export interface LoopbackListener {
  /** Where the browser comes back to. */
  redirectUri: string
  port: number
  /**
   * An address that leads to a page, once: what a program is started with other users of this machine can read, and whoever
   * has the address of a consent can answer it.
   */
  leadTo(url: string): string
  /** Takes no more; a page that is being sent still arrives. */
  close(): void
}

/** Without its port, as an agent's document lists it (W24). */
export const listedRedirectUri = 'http://127.0.0.1/callback'

/** Milliseconds that a page may take to be sent. */
const grace = 2000

/**
 * Listens at a free port of 127.0.0.1, which keeps no program alive but while it sends a page.
 *
 * @param answer takes the callback, and gives the page that the browser is shown
 * @param before a redirect URI whose port is taken again if it is free
 */
export async function listenOnLoopback(
  answer: (request: Request) => Promise<Response>,
  before?: string,
): Promise<LoopbackListener> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, connectionsCheckingInterval: 1000 })
  // Whoever holds connections without asking keeps no browser out.
  limitConnections(server, { total: 500, isExempt: () => false })
  server.on('connection', (socket: Socket) => socket.unref())
  await listenAt(server, before === undefined ? 0 : Number(new URL(before).port))
  server.unref()
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const links = new Map<string, string | undefined>()
  const queue = createConnectionQueue()
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.setHeader('connection', 'close')
    const options = { origin, maxBody: 0, replaceGlobals: false }
    // Only now the request is whole: who never ends one keeps nothing alive.
    const answerWhole = (request: Request) => {
      stayFor(outgoing, incoming.socket)
      return answerAt(request)
    }
    const listener = createMountedListener(answerWhole, options)
    queue.run(incoming, outgoing, () => listener(incoming, outgoing))
  })

  async function answerAt(request: Request): Promise<Response> {
    // A page elsewhere that sends here by a name of its own, or by a script, brings no person's answer (attacks M08).
    if (request.headers.get('host') !== new URL(origin).host || request.headers.has('origin'))
      return new Response('Only a browser that comes back from an auth server is answered.\n', { status: 403 })
    const { pathname } = new URL(request.url)
    const isLink = links.has(pathname)
    if (!isLink && pathname !== new URL(listedRedirectUri).pathname)
      return new Response('There is nothing here.\n', { status: 404 })
    if (request.method !== 'GET')
      return new Response('Ask for it with GET.\n', { status: 405, headers: { allow: 'GET' } })
    return isLink ? follow(pathname) : answer(request)
  }

  function follow(pathname: string): Response {
    const to = links.get(pathname)
    links.set(pathname, undefined)
    if (to === undefined) return new Response(openedBefore, { status: 410 })
    return new Response(null, { status: 303, headers: { location: to, 'cache-control': 'no-store' } })
  }

  return {
    redirectUri: `${origin}/callback`,
    port,
    leadTo(url) {
      const pathname = `/open/${randomBytes(24).toString('base64url')}`
      links.set(pathname, url)
      return origin + pathname
    },
    close: () => closeQuietly(server),
  }
}

async function listenAt(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    if (port === 0) throw error
    await listenAt(server, 0)
  }
}

const openedBefore =
  'This was opened before. If that was not you, end the program, start it again, and open the address that it prints.\n'

/** The page is sent before the program ends, and its connection ends with it. */
function stayFor(outgoing: ServerResponse, socket: Socket): void {
  socket.ref()
  outgoing.once('close', () => socket.unref())
}

function closeQuietly(server: Server): void {
  server.close()
  server.closeIdleConnections()
  setTimeout(() => server.closeAllConnections(), grace).unref()
}
