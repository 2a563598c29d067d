import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'

const asset = (name: string) => readFileSync(new URL(`../../assets/${name}`, import.meta.url))

// A picture of one pixel.
const logo = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const assets: Record<string, [type: string, body: Buffer]> = {
  '/assets/pages.css': ['text/css; charset=utf-8', asset('pages.css')],
  '/assets/account.css': ['text/css; charset=utf-8', asset('account.css')],
  '/assets/pages.js': ['text/javascript; charset=utf-8', asset('pages.js')],
  '/assets/icon.svg': ['image/svg+xml; charset=utf-8', asset('icon.svg')],
  '/agents/logo-1.png': ['image/png', logo],
}

const csp =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"

/** Serves documents by their name, under the policy the pages are made for. */
export function createPagesOrigin(documentOf: (path: string) => string | undefined): Server {
  return createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1')
    const found = assets[pathname]
    if (found) {
      response.writeHead(200, { 'content-type': found[0] }).end(found[1])
      return
    }
    const html = documentOf(pathname.slice(1))
    response
      .writeHead(html === undefined ? 404 : 200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': csp,
      })
      .end(html)
  })
}
