import { createHash, randomBytes } from 'node:crypto'
import { listen, type OpenPort } from '../../network/listen.js'
import type { ConsentDesk } from './consent-desk.js'

/** Where people come back to who decided, as long as the bridge runs. */
export interface CallbackPort {
  redirectUri: string
  /** Gives the agent what they bring, and tells the desk what came of it. */
  serve(handler: (request: Request) => Promise<Response>, desk: ConsentDesk): void
  /**
   * An address that leads to a page, once: what a program is started with other users of this machine can read, and whoever has the
   * address of a consent can answer it.
   */
  leadTo(page: string): string
  close(): Promise<void>
}

/** Most pages that are led to. */
const mostLinks = 1000

/**
 * Opens the port. It is the same each time where it is free: whoever decides after the bridge was started again finds the new one
 * there.
 */
export async function openCallbackPort(folder: string, url: string): Promise<CallbackPort> {
  const port = await openPort(usualPort(folder, url))
  const origin = `http://127.0.0.1:${port.port}`
  const links = new Map<string, string | undefined>()
  return {
    redirectUri: `${origin}/callback`,
    serve: (handler, desk) => port.serve((request) => answer(request, { origin, links, handler, desk }), origin),
    leadTo(page) {
      const pathname = `/open/${randomBytes(24).toString('base64url')}`
      const [oldest] = links.keys()
      if (links.size >= mostLinks && oldest !== undefined) links.delete(oldest)
      links.set(pathname, page)
      return origin + pathname
    },
    close: () => port.close(),
  }
}

async function openPort(usual: number): Promise<OpenPort> {
  const needed = 'people come back to it who decided'
  // Another bridge to the same server has it, or another program.
  return listen(usual, needed).catch(() => listen(0, needed))
}

/** A port for private use (RFC 6335 §6) that Linux gives to no connection; always the same for one agent and server. */
function usualPort(folder: string, url: string): number {
  const digest = createHash('sha256').update(`${folder}\n${url}`).digest()
  return 61_000 + (digest.readUInt16BE() % 4500)
}

interface Callback {
  origin: string
  /** Pages by the paths that lead to them; undefined for one that was opened. */
  links: Map<string, string | undefined>
  handler: (request: Request) => Promise<Response>
  desk: ConsentDesk
}

async function answer(request: Request, { origin, links, handler, desk }: Callback): Promise<Response> {
  // A page elsewhere that sends here by a name of its own, or by a script, brings no person's answer (attacks M08).
  if (request.headers.get('host') !== new URL(origin).host || request.headers.has('origin'))
    return new Response('Only a browser that comes back from an auth server is answered.\n', { status: 403 })
  const { pathname, searchParams } = new URL(request.url)
  if (links.has(pathname) && request.method === 'GET') return follow(pathname, links)
  if (pathname !== '/callback') return new Response('There is nothing here.\n', { status: 404 })
  const response = await handler(request)
  // What fits no consent changed nothing.
  if (response.ok) desk.note(searchParams.get('state'), searchParams.has('error') ? 'denied' : 'allowed')
  return response
}

function follow(pathname: string, links: Map<string, string | undefined>): Response {
  const page = links.get(pathname)
  links.set(pathname, undefined)
  if (page !== undefined)
    return new Response(null, { status: 303, headers: { location: page, 'cache-control': 'no-store' } })
  return new Response('This was opened before. If that was not you, ask again in your app.\n', { status: 410 })
}
