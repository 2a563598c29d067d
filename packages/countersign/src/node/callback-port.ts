import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createConnectionQueue } from './connection-queue.js'
import { limitConnections } from './limit-connections.js'
import { createMountedListener } from './mounted-listener.js'

export interface CallbackPortOptions {
  /** Handles the callback, and returns the page to show. */
  answer: (request: Request) => Promise<Response>
  /** Known only to the processes that share the port, as they prove to each other. */
  secret: string
  /** Ports in order of preference; any free one if other programs have all of them. @default any free one */
  ports?: readonly number[]
}

/** A port of 127.0.0.1 for the callbacks of an agent, which keeps no program alive except while it sends a page. */
export interface CallbackPort {
  /** Changes if another program took the port after a process of the agent that had it. */
  readonly redirectUri: string
  readonly port: number
  /** Whether another process of the agent has the port: it completes the consents through the store. */
  readonly isElsewhere: boolean
  /** Resolves when the port is known to be of the agent: if another program has it, it is another port then. */
  readonly prove: () => Promise<void>
  /**
   * An address that redirects to a page, once: other users of this machine can read the arguments of a program, and the
   * address of a consent is enough to decide it.
   */
  readonly leadTo: (page: string) => string
  /** Accepts no more connections; a page that is being sent still arrives. */
  readonly close: () => void
}

/** Without its port, as an agent's document lists it (W24). */
export const listedRedirectUri = 'http://127.0.0.1/callback'

/** Milliseconds that a page may take to be sent. */
const grace = 2000

/** Milliseconds between two proofs that the port of another process is still of the agent. */
const proofInterval = 1000

/** Most pages that addresses redirect to. */
const mostLinks = 1000

/**
 * Binds the first port that is free, or finds the process of the agent that has it, and binds it within a second when that process
 * ends. A port of any other program is passed over, also if that program takes it later.
 */
export async function openCallbackPort({ answer, secret, ports = [] }: CallbackPortOptions): Promise<CallbackPort> {
  const links = new Map<string, string | undefined>()
  const server = createCallbackServer((request) => respond(request, { answer, secret, links }))
  let found = await findPort(server, ports, secret)
  const isElsewhere = !server.listening
  // Addresses that redirect to pages are at a port of this process.
  const own = isElsewhere ? createCallbackServer((request) => respond(request, { answer, secret, links })) : server
  await bind(own, 0)
  let proof: Promise<void> | undefined
  async function proveOrMove(): Promise<void> {
    if (server.listening || (await bind(server, found)) || (await isOfAgent(found, secret))) return
    found = await findPort(server, ports, secret)
  }
  const prove = () =>
    (proof ??= proveOrMove().finally(() => {
      proof = undefined
    }))
  const proving = isElsewhere
    ? setInterval(() => void prove().catch(() => undefined), proofInterval).unref()
    : undefined
  return {
    get redirectUri() {
      return `http://127.0.0.1:${found}/callback`
    },
    get port() {
      return found
    },
    get isElsewhere() {
      return !server.listening
    },
    prove,
    leadTo(page) {
      const pathname = `/open/${randomBytes(24).toString('base64url')}`
      const [oldest] = links.keys()
      if (links.size >= mostLinks && oldest !== undefined) links.delete(oldest)
      links.set(pathname, page)
      return `http://127.0.0.1:${portOf(own)}${pathname}`
    },
    close() {
      clearInterval(proving)
      proof?.finally(() => closeQuietly(server)).catch(() => undefined)
      for (const each of new Set([server, own])) closeQuietly(each)
    },
  }
}

function createCallbackServer(respondTo: (request: Request) => Promise<Response>): Server {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, connectionsCheckingInterval: 1000 })
  // Connections that send no request keep no browser out.
  limitConnections(server, { total: 500, isExempt: () => false })
  server.on('connection', (socket: Socket) => socket.unref())
  server.unref()
  const queue = createConnectionQueue()
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.setHeader('connection', 'close')
    const options = { origin: `http://127.0.0.1:${portOf(server)}`, maxBody: 0, replaceGlobals: false }
    // Only now the request is whole: a client that never ends one keeps nothing alive.
    const respondWhole = (request: Request) => {
      stayFor(outgoing, incoming.socket)
      return respondTo(request)
    }
    const listener = createMountedListener(respondWhole, options)
    queue.run(incoming, outgoing, () => listener(incoming, outgoing))
  })
  return server
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

/** The port that a server is bound to now, or that a process of the agent has. */
async function findPort(server: Server, ports: readonly number[], secret: string): Promise<number> {
  for (const port of ports) if ((await bind(server, port)) || (await isOfAgent(port, secret))) return port
  await bind(server, 0)
  return portOf(server)
}

/** Resolves to false if the port cannot be bound, or the server is bound already. */
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

interface Responding extends Pick<CallbackPortOptions, 'answer' | 'secret'> {
  /** Pages by the paths that lead to them; undefined for one that was opened. */
  links: Map<string, string | undefined>
}

async function respond(request: Request, { answer, secret, links }: Responding): Promise<Response> {
  const { host, pathname } = new URL(request.url)
  // A request by another host name, or from a script of another page, is not the user's callback (attacks M08).
  if (request.headers.get('host') !== host || request.headers.has('origin'))
    return new Response('Only a browser that comes back from an auth server is answered.\n', { status: 403 })
  if (pathname.startsWith(proofPath)) return new Response(proofOf(secret, request.url))
  const isLink = links.has(pathname)
  if (!isLink && pathname !== new URL(listedRedirectUri).pathname)
    return new Response('There is nothing here.\n', { status: 404 })
  if (request.method !== 'GET')
    return new Response('Ask for it with GET.\n', { status: 405, headers: { allow: 'GET' } })
  if (!isLink) return answer(request)
  const page = links.get(pathname)
  links.set(pathname, undefined)
  if (page === undefined) return new Response(openedBefore, { status: 410 })
  return new Response(null, { status: 303, headers: { location: page, 'cache-control': 'no-store' } })
}

const openedBefore =
  'This was opened before. If that was not you, end the program, start it again, and open the address that it prints.\n'

/** Where a process proves that it is of the agent. */
const proofPath = '/proof/'

/** Milliseconds that the proof may take, also on a machine under load. */
const longestProof = 5000

/** Whether a process of the agent has a port: it knows the secret. */
async function isOfAgent(port: number, secret: string): Promise<boolean> {
  const url = `http://127.0.0.1:${port}${proofPath}${randomBytes(24).toString('base64url')}`
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(longestProof) })
    const { value } = (await response.body?.getReader().read()) ?? {}
    return value !== undefined && new TextDecoder().decode(value) === proofOf(secret, url)
  } catch {
    return false
  }
}

/** Covers the port, so that a program at another port cannot pass the request on. */
function proofOf(secret: string, url: string): string {
  return createHmac('sha256', `countersign callback\n${secret}`).update(url).digest('base64url')
}

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
