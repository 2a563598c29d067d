import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { ConsentWay } from 'countersign/agent'
import { type AgentFolder, portableRedirect } from '../agent-folder/agent-folder.js'
import { forBrowsersHere, listen, type OpenPort } from '../network/listen.js'

/** The port for the callbacks of an agent's processes: one of them has it, and completes the consents of all through the store. */
export interface CallbackPort {
  redirectUri: string
  /** For an agent whose callers show the page: the callback arrives at the port. */
  way: ConsentWay
  /** Serves the agent's callback from now on, as soon as this process has the port. */
  serve(handler: (request: Request) => Promise<Response>): void
  /**
   * An address that leads to a page, once: other users of this machine can read the arguments of a program, and whoever has the
   * address of a consent can answer it.
   */
  leadTo(page: string): string
  close(): Promise<void>
}

/** Most pages that are led to. */
const mostLinks = 1000

/** Ports that are tried, if other programs have the first ones. */
const mostPorts = 10

/** Milliseconds between two tries to bind the port of another process. */
const bindInterval = 1000

const needed = 'the browser comes back to it after the decision'

/** Opens the port, or finds the process of the agent that has it; then tries to bind it every second. */
export async function openCallbackPort({ path, keys }: Pick<AgentFolder, 'path' | 'keys'>): Promise<CallbackPort> {
  const secret = JSON.stringify(keys.signing)
  const found = await findPort(firstPort(path), secret)
  const links = new Map<string, string | undefined>()
  let held = found.open
  /** Serves links if another process has the port. */
  const own = held ?? (await listen(0, needed))
  let handle: ((request: Request) => Promise<Response>) | undefined
  let binding: Promise<void> = Promise.resolve()

  function serveAt(open: OpenPort): void {
    const origin = originOf(open.port)
    if (handle) open.serve(forBrowsersHere(respondAt(secret, links, handle), origin), origin)
  }

  async function bind(): Promise<void> {
    if (held) return
    held = await listen(found.port, needed).catch(() => undefined)
    if (held) serveAt(held)
  }

  const trying = setInterval(() => {
    binding = binding.then(bind)
  }, bindInterval).unref()
  const redirectUri = `${originOf(found.port)}${callbackPath}`
  const opened = { redirectUri, ask: () => undefined, close: () => undefined }
  return {
    redirectUri,
    way: { canAsk: false, redirectUri: portableRedirect, open: () => opened },
    serve(handler) {
      handle = handler
      for (const open of new Set([own, held])) if (open) serveAt(open)
    },
    leadTo(page) {
      const pathname = `/open/${randomBytes(24).toString('base64url')}`
      const [oldest] = links.keys()
      if (links.size >= mostLinks && oldest !== undefined) links.delete(oldest)
      links.set(pathname, page)
      return originOf(own.port) + pathname
    },
    async close() {
      clearInterval(trying)
      await binding
      await Promise.all(Array.from(new Set([own, held]), async (open) => open?.close()))
    },
  }
}

const callbackPath = '/callback'

/** Where a process proves that it is of the agent. */
const proofPath = '/proof/'

/** Milliseconds that the proof may take. */
const longestProof = 1000

const originOf = (port: number) => `http://127.0.0.1:${port}`

/** A port for private use (RFC 6335 §6) that Linux gives to no connection; always the same for one agent. */
function firstPort(folder: string): number {
  return 61_000 + (createHash('sha256').update(folder).digest().readUInt16BE() % 4500)
}

/** The first port that is free, or that a process of the agent has. @throws CommandError if other programs have all of them */
async function findPort(first: number, secret: string): Promise<{ port: number; open?: OpenPort }> {
  for (let port = first; ; port += 1) {
    try {
      return { port, open: await listen(port, needed) }
    } catch (error) {
      if (await isOfAgent(port, secret)) return { port }
      if (port + 1 === first + mostPorts) throw error
    }
  }
}

function respondAt(
  secret: string,
  links: Map<string, string | undefined>,
  handle: (request: Request) => Promise<Response>,
) {
  return async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    if (links.has(pathname) && request.method === 'GET') return follow(pathname, links)
    if (pathname.startsWith(proofPath)) return new Response(proofOf(secret, request.url))
    return pathname === callbackPath ? handle(request) : new Response('There is nothing here.\n', { status: 404 })
  }
}

/** Whether a process of the agent has a port, and not another program. */
async function isOfAgent(port: number, secret: string): Promise<boolean> {
  const url = `${originOf(port)}${proofPath}${randomBytes(24).toString('base64url')}`
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

function follow(pathname: string, links: Map<string, string | undefined>): Response {
  const page = links.get(pathname)
  links.set(pathname, undefined)
  if (page !== undefined)
    return new Response(null, { status: 303, headers: { location: page, 'cache-control': 'no-store' } })
  return new Response('This was opened before. If that was not you, start again in your program.\n', { status: 410 })
}
