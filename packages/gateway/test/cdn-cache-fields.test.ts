import { readFileSync } from 'node:fs'
import { january } from 'countersign/editions'
import { draft11Resource } from 'countersign/editions/draft-11'
import { expect, it } from 'vitest'
import { cdnCacheFields } from './cdn-cache-fields.js'
import { exchange, message, openGateway, signedLines, statusOf } from './gateway-stage.js'

const fileOf = (name: string) => readFileSync(new URL(`../../../docs/deployment/${name}`, import.meta.url), 'utf8')
const namesIn = (file: string, directive: RegExp) => [...file.matchAll(directive)].map(([, name = '']) => name)

// G47. Varnish and Squid ignore Cache-Control if there is any Surrogate-Control, and store a response with `private`.
it.each(['public, max-age=3600', 'private, x=3600'])(
  'removes the headers for CDNs from the response to a signed request: %s',
  async (set) => {
    const { port } = await openGateway({}, (_, outgoing) => {
      for (const name of cdnCacheFields) outgoing.setHeader(name, set)
      outgoing.setHeader('Acme-CDN-Cache-Control', 'max-age=3600')
      outgoing.end('ok')
    })
    const answer = await exchange(port, message(await signedLines('/signed')))
    expect(statusOf(answer)).toBe(200)
    expect(answer).not.toMatch(/3600/)
  },
)

it.each([january, draft11Resource])(
  'nginx adds the headers of refusals in $name, as the manual configures it',
  (edition) => {
    const added = namesIn(fileOf('nginx-gateway.conf'), /^ *add_header (\S+) \S+ always;$/gm)
    for (const name of edition.responseHeaders.filter((each) => each !== 'AAuth-Access'))
      expect(added.filter((each) => each === name)).toEqual([name, name])
  },
)

it('nginx and Caddy hide the same headers, as the manual configures them', () => {
  const hidden = namesIn(fileOf('nginx-gateway.conf'), /^ *proxy_hide_header (\S+);$/gm)
  expect(hidden.toSorted()).toEqual(['Cache-Control', ...cdnCacheFields].toSorted())
  const deleted = namesIn(fileOf('Caddyfile-gateway'), /^\s*header_down -(\S+)$/gm)
  const hides = (pattern: string, name: string) => new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 'i').test(name)
  for (const name of cdnCacheFields)
    expect(
      deleted.filter((pattern) => hides(pattern, name)),
      name,
    ).not.toEqual([])
  for (const pattern of deleted)
    expect(
      cdnCacheFields.filter((name) => hides(pattern, name)),
      pattern,
    ).not.toEqual([])
})
