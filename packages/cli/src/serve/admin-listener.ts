import type { RequestListener } from 'node:http'

/** What the admin port shows. */
export interface AdminView {
  /** Why requests should not be sent here; undefined: they may be, since the server can write and sign. */
  readinessProblem(): Promise<string | undefined>
  metrics(): string
}

/** `/healthz`, `/readyz` and `/metrics`, on a port of their own: the public port answers 404 for them (attacks O08). */
export function createAdminListener(view: AdminView): RequestListener {
  const pages: Readonly<Record<string, () => Promise<readonly [status: number, text: string]>>> = {
    '/healthz': async () => [200, 'alive\n'],
    '/readyz': async () => {
      const problem = await view.readinessProblem()
      return problem === undefined ? [200, 'ready\n'] : [503, `not ready: ${problem}\n`]
    },
    '/metrics': async () => [200, view.metrics()],
  }
  return function adminListener(incoming, outgoing) {
    const path = (incoming.url ?? '').split('?', 1)[0] ?? ''
    const page = Object.hasOwn(pages, path) && incoming.method === 'GET' ? pages[path] : undefined
    const answer = (status: number, text: string) =>
      outgoing.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end(text)
    if (!page) {
      answer(404, 'not found\n')
      return
    }
    page().then(
      ([status, text]) => answer(status, text),
      () => answer(503, 'not ready\n'),
    )
  }
}
