import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ConsentCallback } from '../editions/agent-protocol.js'
import { createConnectionQueue } from './connection-queue.js'
import { limitConnections } from './limit-connections.js'
import { createMountedListener } from './mounted-listener.js'

/** A port of this machine that takes the callback of one consent. */
export interface LoopbackListener {
  redirectUri: string
  port: number
  /** Whether another program of the agent has the port: it completes the consent through the store. */
  isElsewhere: boolean
  /**
   * An address that leads to a page, once: other users of this machine can read the arguments of a program, and whoever has
   * the address of a consent can answer it.
   */
  leadTo(url: string): string
  /** Accepts no more connections; a page that is being sent still arrives. */
  close(): void
}

/** Without its port, as an agent's document lists it (W24). */
export const listedRedirectUri = 'http://127.0.0.1/callback'

/** Milliseconds that a page may take to be sent. */
const grace = 2000

/** Milliseconds between two tries to bind the port of another program that may end. */
const bindInterval = 1000

/**
 * Listens at a free port of 127.0.0.1, which keeps no program alive except while it sends a page. For a pending consent it is the
 * port of its callback: if another program of the agent has that, it is bound as soon as that program ends; if a stranger
 * has it, another port is opened.
 *
 * @param answer takes the callback, and returns the page that the browser is shown
 */
export async function listenOnLoopback(
  answer: (request: Request) => Promise<Response>,
  { state, redirectUri }: ConsentCallback,
): Promise<LoopbackListener> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, connectionsCheckingInterval: 1000 })
  // Connections that send no request keep no browser out.
  limitConnections(server, { total: 500, isExempt: () => false })
  server.on('connection', (socket: Socket) => socket.unref())
  const wanted = redirectUri === undefined ? 0 : Number(new URL(redirectUri).port)
  const isBound = await bind(server, wanted)
  const isElsewhere = !isBound && (await isOfAgent(wanted, state))
  if (!isBound && !isElsewhere) await bind(server, 0)
  const binding = isElsewhere ? setInterval(() => void bind(server, wanted), bindInterval).unref() : undefined
  server.unref()
  const port = isElsewhere ? wanted : (server.address() as AddressInfo).port
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
    if (pathname.startsWith(proofPath)) return new Response(proofOf(state, request.url))
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
    isElsewhere,
    leadTo(url) {
      const pathname = `/open/${randomBytes(24).toString('base64url')}`
      links.set(pathname, url)
      return origin + pathname
    },
    close() {
      clearInterval(binding)
      closeQuietly(server)
    },
  }
}

/** Resolves to false if the port cannot be bound, or is bound already. */
async function bind(server: Server, port: number): Promise<boolean> {
  if (server.listening) return false
  server.listen(port, '127.0.0.1')
  return once(server, 'listening').then(
    () => true,
    (error: unknown) => {
      if (port === 0) throw error
      return false
    },
  )
}

/** Where a program proves that it serves a consent of the agent. */
const proofPath = '/proof/'

/** Milliseconds that the proof may take. */
const longestProof = 1000

/** Whether a program of the agent has a port: it knows the state of the consent. */
async function isOfAgent(port: number, state: string): Promise<boolean> {
  const url = `http://127.0.0.1:${port}${proofPath}${randomBytes(24).toString('base64url')}`
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(longestProof) })
    const { value } = (await response.body?.getReader().read()) ?? {}
    return value !== undefined && new TextDecoder().decode(value) === proofOf(state, url)
  } catch {
    return false
  }
}

/** Covers the port, so that a program at another port cannot pass the request on. */
function proofOf(state: string, url: string): string {
  return createHmac('sha256', `countersign callback\n${state}`).update(url).digest('base64url')
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
