import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { findAsset } from 'countersign-server/pages'

// An image of one pixel.
const logo = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const csp =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"

/** An origin that serves documents. */
export interface PagesOrigin {
  readonly origin: string
  close(): Promise<void>
}

/** Serves documents by name on a free port of 127.0.0.1, under the policy that the pages are made for. */
export async function servePages(documentOf: (path: string) => string | undefined): Promise<PagesOrigin> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const found = pathname.startsWith('/assets/') ? findAsset(pathname.slice('/assets/'.length)) : undefined
    // As the auth server does: the browser fetches an asset once.
    const forever = { 'cache-control': 'public, max-age=31536000, immutable' }
    if (found) return response.writeHead(200, { 'content-type': found.asset.type, ...forever }).end(found.asset.body)
    if (pathname === '/agents/logo-1.png')
      return response.writeHead(200, { 'content-type': 'image/png', ...forever }).end(logo)
    const html = documentOf(pathname.slice(1))
    return response
      .writeHead(html === undefined ? 404 : 200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': csp,
      })
      .end(html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
