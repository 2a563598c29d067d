import { createHash, createHmac, randomBytes } from 'node:crypto'
import { forBrowsersHere, listen, type OpenPort } from '../../network/listen.js'
import type { ConsentDesk } from './consent-desk.js'

/** Where people come back to who decided, as long as the bridge runs. */
export interface CallbackPort {
  redirectUri: string
  /** Gives the agent what they bring, and tells the desk what came of it. */
  serve(handler: (request: Request) => Promise<Response>, desk: ConsentDesk): void
  /**
   * Has those heard, too, who decide on a page that another bridge of the agent showed, as soon as that has ended. False where
   * they come back to where no bridge can be, or something else is.
   */
  readonly hear: (page: string) => Promise<boolean>
  /**
   * An address that leads to a page, once: what a program is started with other users of this machine can read, and whoever has the
   * address of a consent can answer it.
   */
  leadTo(page: string): string
  close(): Promise<void>
}

export interface CallbackPortOptions {
  /** The agent's. */
  folder: string
  /** The server's. */
  url: string
  /** What only bridges of the agent know. */
  secret: string
}

/** Most pages that are led to. */
const mostLinks = 1000

/** Most ports of other bridges that are taken over. */
const mostPorts = 20

/** Milliseconds between two tries to take over from a bridge that ended. */
const takeover = 1000

const needed = 'people come back to it who decided'

/**
 * Opens the port. It is the same each time where it is free: whoever decides after the bridge was started again finds the new one
 * there. Where another bridge to the same server has it, it is taken over when that one ends.
 */
export async function openCallbackPort({ folder, url, secret }: CallbackPortOptions): Promise<CallbackPort> {
  const usual = usualPort(folder, url)
  const own = await listen(usual, needed).catch(() => listen(0, needed))
  const links = new Map<string, string | undefined>()
  /** Ports of other bridges; undefined: they have them still. */
  const others = new Map<number, OpenPort | undefined>()
  let serving: Pick<Callback, 'handler' | 'desk'> | undefined
  let opening: Promise<unknown> = Promise.resolve()
  let isClosed = false

  function serveAt(open: OpenPort): void {
    const origin = originOf(open.port)
    const given = serving
    if (given)
      open.serve(
        forBrowsersHere((request) => answer(request, { ...given, links, secret }), origin),
        origin,
      )
  }

  async function takeOver(port: number): Promise<void> {
    if (others.get(port) || isClosed) return
    const opened = await listen(port, needed).catch(() => undefined)
    if (!opened) return
    others.set(port, opened)
    serveAt(opened)
  }

  function takeAllOver(): Promise<unknown> {
    opening = opening.then(() => Promise.all([...others.keys()].map(takeOver)))
    return opening
  }

  if (own.port !== usual) others.set(usual, undefined)
  const again = setInterval(() => void takeAllOver(), takeover).unref()
  return {
    redirectUri: `${originOf(own.port)}${callbackPath}`,
    serve(handler, desk) {
      serving = { handler, desk }
      for (const open of [own, ...others.values()]) if (open) serveAt(open)
    },
    async hear(page) {
      const port = callbackPortOf(page)
      if (port === undefined) return false
      if (port === own.port) return true
      if (others.has(port)) return others.get(port) !== undefined || isBridge(port, secret)
      const [oldest] = others.keys()
      if (others.size >= mostPorts && oldest !== undefined) {
        await others.get(oldest)?.close()
        others.delete(oldest)
      }
      others.set(port, undefined)
      await takeAllOver()
      return others.get(port) !== undefined || isBridge(port, secret)
    },
    leadTo(page) {
      const pathname = `/open/${randomBytes(24).toString('base64url')}`
      const [oldest] = links.keys()
      if (links.size >= mostLinks && oldest !== undefined) links.delete(oldest)
      links.set(pathname, page)
      return originOf(own.port) + pathname
    },
    async close() {
      isClosed = true
      clearInterval(again)
      await opening
      await Promise.all([own, ...others.values()].map(async (open) => open?.close()))
    },
  }
}

const callbackPath = '/callback'

/** Where a bridge proves that it is one. */
const provePath = '/bridge/'

/** Milliseconds that it may take for that. */
const longestProof = 1000

const originOf = (port: number) => `http://127.0.0.1:${port}`

/** The port of this machine that a page sends people back to; undefined where no bridge can be. */
function callbackPortOf(page: string): number | undefined {
  const redirect = new URL(page).searchParams.get('redirect_uri') ?? ''
  const [, port] = /^http:\/\/127\.0\.0\.1:(\d{4,5})\/callback$/.exec(redirect) ?? []
  return port === undefined ? undefined : Number(port)
}

/** A port for private use (RFC 6335 §6) that Linux gives to no connection; always the same for one agent and server. */
function usualPort(folder: string, url: string): number {
  const digest = createHash('sha256').update(`${folder}\n${url}`).digest()
  return 61_000 + (digest.readUInt16BE() % 4500)
}

interface Callback {
  secret: string
  /** Pages by the paths that lead to them; undefined for one that was opened. */
  links: Map<string, string | undefined>
  handler: (request: Request) => Promise<Response>
  desk: ConsentDesk
}

async function answer(request: Request, { links, secret, handler, desk }: Callback): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url)
  if (links.has(pathname) && request.method === 'GET') return follow(pathname, links)
  if (pathname.startsWith(provePath)) return new Response(proofOf(secret, request.url))
  if (pathname !== callbackPath) return new Response('There is nothing here.\n', { status: 404 })
  const response = await handler(request)
  // What fits no consent changed nothing.
  if (response.ok) desk.note(searchParams.get('state'), searchParams.has('error') ? 'denied' : 'allowed')
  return response
}

/** Whether a bridge of the agent is at a port; another program may have taken it since one ended. */
async function isBridge(port: number, secret: string): Promise<boolean> {
  const url = `${originOf(port)}${provePath}${randomBytes(24).toString('base64url')}`
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(longestProof) })
    const { value } = (await response.body?.getReader().read()) ?? {}
    return value !== undefined && new TextDecoder().decode(value) === proofOf(secret, url)
  } catch {
    return false
  }
}

/** Of the port, too: what is at another one can pass on the question, and not the answer. */
function proofOf(secret: string, url: string): string {
  return createHmac('sha256', `countersign mcp\n${secret}`).update(url).digest('base64url')
}

function follow(pathname: string, links: Map<string, string | undefined>): Response {
  const page = links.get(pathname)
  links.set(pathname, undefined)
  if (page !== undefined)
    return new Response(null, { status: 303, headers: { location: page, 'cache-control': 'no-store' } })
  return new Response('This was opened before. If that was not you, ask again in your app.\n', { status: 410 })
}
