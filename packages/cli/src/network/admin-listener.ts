import type { IncomingMessage, RequestListener } from 'node:http'
import { createConnectionQueue } from 'countersign/node'

/** What the admin port shows. */
export interface AdminView {
  /** Why requests should not be sent here; undefined: they may be, since the server can write and sign. */
  readinessProblem(): Promise<string | undefined>
  /** For Prometheus, and its media type. */
  metrics(): Promise<{ text: string; type: string }>
}

/**
 * `/healthz`, `/readyz` and `/metrics`, on a port of their own: the public port answers 404 for them (attacks O08). A
 * request for another host than the given ones, `localhost` and the address it arrived at gets 421, so that a web page
 * cannot read them through its own DNS name.
 */
export function createAdminListener(view: AdminView, hosts: readonly string[]): RequestListener {
  const names = new Set(['localhost', '127.0.0.1', '::1', ...hosts].map((host) => host.toLowerCase()))
  const pages: Readonly<Record<string, () => Promise<readonly [status: number, text: string, type?: string]>>> = {
    '/healthz': async () => [200, 'alive\n'],
    '/readyz': async () => {
      const problem = await view.readinessProblem()
      return problem === undefined ? [200, 'ready\n'] : [503, `not ready: ${problem}\n`]
    },
    '/metrics': async () => {
      const { text, type } = await view.metrics()
      return [200, text, type]
    },
  }
  const respond: RequestListener = (incoming, outgoing) => {
    const path = (incoming.url ?? '').split('?', 1)[0] ?? ''
    const page = Object.hasOwn(pages, path) && incoming.method === 'GET' ? pages[path] : undefined
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') =>
      outgoing.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
    const host = hostOf(incoming)
    if (host === undefined || !(names.has(host) || host === localAddress(incoming))) {
      answer(421, 'This port does not serve that host. Request it by its address, or add the host to admin.hosts.\n')
      return
    }
    if (!page) {
      answer(404, 'not found\n')
      return
    }
    page().then(
      ([status, text, type]) => answer(status, text, type),
      () => answer(503, 'not ready\n'),
    )
  }
  const queue = createConnectionQueue()
  return function adminListener(incoming, outgoing) {
    queue.run(incoming, outgoing, () => respond(incoming, outgoing))
  }
}

/** The host that a request names, without its port; undefined if there is none, or several. */
function hostOf({ headersDistinct: { host = [] } }: IncomingMessage): string | undefined {
  const [, bracketed, plain] =
    /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(host.length === 1 ? (host[0] ?? '') : '') ?? []
  return (bracketed ?? plain)?.toLowerCase() || undefined
}

function localAddress({ socket }: IncomingMessage): string | undefined {
  return socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, '')
}
