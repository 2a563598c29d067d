import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createConnectionQueue } from './connection-queue.js'
import { limitConnections } from './limit-connections.js'
import { mountHandler } from './mounted-listener.js'

export interface CallbackPortOptions {
  /** Handles the callback, and returns the page to show. */
  answer: (request: Request) => Promise<Response>
  /** A secret shared by the processes that share the port. Each process proves to the others that it knows the secret. */
  secret: string
  /** Ports in order of preference. If other programs are using all of them, any free port is used. @default any free port */
  ports?: readonly number[]
  /** How the browser delivers the response: with `POST`, as a form, so that it never stands in an address bar. @default 'GET' */
  method?: 'GET' | 'POST' | undefined
}

/** A port of 127.0.0.1 for an agent's callbacks. It does not keep the program alive, except while a page is being sent. */
export interface CallbackPort {
  /** The redirect URI. It changes if the agent's process that holds the port exits and another program takes the port. */
  readonly redirectUri: string
  readonly port: number
  /** Whether another of the agent's processes has the port. That process completes consents through the store. */
  readonly isOtherProcess: boolean
  /** Resolves when it is confirmed that the port belongs to the agent. If another program has taken it, the port changes first. */
  readonly prove: () => Promise<void>
  /**
   * Returns a single-use URL that redirects to a page, for use in a program's arguments: other users of this machine can read those, and
   * anyone who knows a consent's URL can decide the consent.
   */
  readonly createOneTimeLink: (page: string) => string
  /** Stops accepting connections; a page that is being sent is still delivered. */
  readonly close: () => void
}

/** The redirect URL without its port, as listed in an agent's document (W24). */
export const listedRedirectUri = 'http://127.0.0.1/callback'

/** Time allowed for sending a page, in milliseconds. */
const grace = 2000

/** Interval between proofs that a port held by another process still belongs to the agent, in milliseconds. */
const proofInterval = 1000

/** Maximum size of a response that is delivered as a form, in bytes. */
const maxForm = 16_384

/** Maximum number of pages with a redirecting URL. */
const maxLinks = 1000

/**
 * Binds the first free port, or finds the agent's process that already has one. When that process exits, its port is bound within a second.
 * A port that belongs to any other program is skipped, even if that program takes it later.
 */
export async function openCallbackPort({
  answer,
  secret,
  ports = [],
  method = 'GET',
}: CallbackPortOptions): Promise<CallbackPort> {
  const links = new Map<string, string | undefined>()
  const openServer = () =>
    createCallbackServer(
      (request) => respond(request, { answer, secret, method, links }),
      method === 'POST' ? maxForm : 0,
    )
  const server = openServer()
  let found = await findPort(server, ports, secret)
  const isOtherProcess = !server.listening
  // Redirecting URLs are served on this process's own port.
  const own = isOtherProcess ? openServer() : server
  await bind(own, 0)
  let proof: Promise<void> | undefined
  async function proveOrMove(): Promise<void> {
    if (server.listening || (await bind(server, found)) || (await belongsToAgent(found, secret))) return
    found = await findPort(server, ports, secret)
  }
  const prove = () =>
    (proof ??= proveOrMove().finally(() => {
      proof = undefined
    }))
  const proving = isOtherProcess
    ? setInterval(() => void prove().catch(() => undefined), proofInterval).unref()
    : undefined
  return {
    get redirectUri() {
      return `http://127.0.0.1:${found}/callback`
    },
    get port() {
      return found
    },
    get isOtherProcess() {
      return !server.listening
    },
    prove,
    createOneTimeLink(page) {
      const pathname = `/open/${randomBytes(24).toString('base64url')}`
      const [oldest] = links.keys()
      if (links.size >= maxLinks && oldest !== undefined) links.delete(oldest)
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

function createCallbackServer(respondTo: (request: Request) => Promise<Response>, maxBody: number): Server {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, connectionsCheckingInterval: 1000 })
  // Connections that send no request must not lock out the browser.
  limitConnections(server, { total: 500, isExempt: () => false })
  server.on('connection', (socket: Socket) => socket.unref())
  server.unref()
  const queue = createConnectionQueue()
  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.setHeader('connection', 'close')
    const options = { origin: `http://127.0.0.1:${portOf(server)}`, maxBody }
    // Applies only once the request is complete: a client that never completes a request must not keep the program alive.
    const respondWhole = (request: Request) => {
      stayFor(outgoing, incoming.socket)
      return respondTo(request)
    }
    const listener = mountHandler(respondWhole, options)
    queue.run(incoming, outgoing, () => listener(incoming, outgoing))
  })
  return server
}

const portOf = (server: Server) => (server.address() as AddressInfo).port

/** The port to which the server is now bound, or the port that another of the agent's processes holds. */
async function findPort(server: Server, ports: readonly number[], secret: string): Promise<number> {
  // Started for all ports at once: programs that accept connections and never respond must not add up their time limits.
  let proofs: Promise<boolean>[] | undefined
  for (const [at, port] of ports.entries()) {
    if (await bind(server, port)) return port
    proofs ??= ports.map((each) => belongsToAgent(each, secret))
    if (await proofs[at]) return port
  }
  await bind(server, 0)
  return portOf(server)
}

/** Resolves to false if the port cannot be bound, or if the server is already bound. */
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
  method: 'GET' | 'POST'
  /** Pages by the paths that redirect to them; undefined for a page that has already been opened. */
  links: Map<string, string | undefined>
}

async function respond(request: Request, { answer, secret, method, links }: Responding): Promise<Response> {
  const { host, pathname } = new URL(request.url)
  // A request for another host name, or from a script on another page, is not the user's callback (attacks M08). Forms have an origin.
  if (request.headers.get('host') !== host || (method === 'GET' && request.headers.has('origin')))
    return new Response('This address only accepts browsers that return from an auth server.\n', { status: 403 })
  if (pathname.startsWith(proofPath)) return new Response(proofOf(secret, request.url))
  const isLink = links.has(pathname)
  if (!isLink && pathname !== new URL(listedRedirectUri).pathname)
    return new Response('There is nothing at this address.\n', { status: 404 })
  const allowed = isLink ? 'GET' : method
  if (request.method !== allowed) return new Response(`Use ${allowed}.\n`, { status: 405, headers: { allow: allowed } })
  if (!isLink) return answer(request)
  const page = links.get(pathname)
  links.set(pathname, undefined)
  if (page === undefined) return new Response(openedBefore, { status: 410 })
  return new Response(null, { status: 303, headers: { location: page, 'cache-control': 'no-store' } })
}

const openedBefore =
  'This link has already been opened. If that was not you, stop the program, start it again, and open the link that it prints.\n'

/** The path at which a process proves that it belongs to the agent. */
const proofPath = '/proof/'

/** Timeout of the proof, in milliseconds; long enough for a machine under load. */
const longestProof = 5000

/** Whether the process on a port belongs to the agent, which the process proves by knowing the secret. */
async function belongsToAgent(port: number, secret: string): Promise<boolean> {
  const url = `http://127.0.0.1:${port}${proofPath}${randomBytes(24).toString('base64url')}`
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(longestProof) })
    const { value } = (await response.body?.getReader().read()) ?? {}
    return value !== undefined && new TextDecoder().decode(value) === proofOf(secret, url)
  } catch {
    return false
  }
}

/** Covers the port, so that a program on another port cannot relay the request. */
function proofOf(secret: string, url: string): string {
  return createHmac('sha256', `countersign callback\n${secret}`).update(url).digest('base64url')
}

/** Keeps the program alive until the page has been sent and its connection is closed. */
function stayFor(outgoing: ServerResponse, socket: Socket): void {
  socket.ref()
  outgoing.once('close', () => socket.unref())
}

function closeQuietly(server: Server): void {
  server.close()
  server.closeIdleConnections()
  setTimeout(() => server.closeAllConnections(), grace).unref()
}
