import { expect, it } from 'vitest'
import {
  announcedTrailers,
  createRedirectRewrite,
  endsConnection,
  forwardedHeaders,
  isWithheld,
  namesAnotherRequest,
  passedTrailers,
  responseHeaders,
  traitsOf,
} from '../src/headers.js'

// G55
it.each([
  ['http://albums.internal', 'http://albums.internal:80/albums/', 'https://api.example/albums/'],
  ['https://albums.internal', 'https://albums.internal:443/albums/', 'https://api.example/albums/'],
  ['https://[::1]', 'https://[::1]:443/', 'https://api.example/'],
  ['http://albums.internal', 'http://albums.internal:443/', 'http://albums.internal:443/'],
  ['http://albums.internal:3000', 'http://albums.internal:80/', 'http://albums.internal:80/'],
])('a redirect of the upstream %s to %s becomes %s', (upstream, location, expected) => {
  const rewrite = createRedirectRewrite(new URL('https://api.example'), new URL(upstream))
  expect(rewrite(['Location', location])).toEqual(['Location', expected])
})

it.each([
  'connection',
  'Expect',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])('%s is a hop-by-hop header', (name) => {
  expect(traitsOf(name).isHopByHop).toBe(true)
  expect(responseHeaders([name, 'a', 'X-Other', 'b'], false)).toEqual(['X-Other', 'b'])
})

it.each(['X-AAuth-Agent-Server', 'x_aauth_level', '-X-AAuth', 'X..AAuth'])('%s reads as an identity header', (name) => {
  expect(traitsOf(name).isIdentity).toBe(true)
})

it.each(['X-AAuthor', 'AAuth-Level', 'XAAuth', 'My-X-AAuth'])('%s does not read as an identity header', (name) => {
  expect(traitsOf(name).isIdentity).toBe(false)
})

it.each([
  'X-Forwarded-For',
  'Forwarded',
  'Client-IP',
  'X-Real-IP',
  'X-Remote-Addr',
  'Proxy',
  'X-Host',
  'a_b',
  'User-Ip',
])('a client may not set %s', (name) => {
  expect(traitsOf(name).isUntrusted).toBe(true)
})

it.each(['Accept', 'X-Request-Id', 'Host-Name', 'X-Recipient'])('a client may set %s', (name) => {
  expect(traitsOf(name).isUntrusted).toBe(false)
})

it.each([
  'xoriginalurl',
  'xhttpmethodoverride',
  'xrewriteurl',
  'scriptname',
  'xmethod',
  'xinvokepath',
  'requestmethod',
])('a header with the letters %s may replace the request line', (letters) => {
  expect(traitsOf(letters).isOverride).toBe(true)
})

it.each(['xmethods', 'method', 'url', 'xurls', 'requestmethods', 'myrequestmethod', 'httpxpathinfos'])(
  'a header with the letters %s does not',
  (letters) => {
    expect(traitsOf(letters).isOverride).toBe(false)
  },
)

it.each([
  '_method',
  '__METHOD',
  '_http_method',
  '_method[]',
  '_method.x',
  '_method_override',
  'X-HTTP-Method-Override',
])('the field %s may replace the method', (name) => {
  expect(namesAnotherRequest(name)).toBe(true)
})

it.each(['method', 'payment_method', '_methods', 'a_method'])('the field %s is data', (name) => {
  expect(namesAnotherRequest(name)).toBe(false)
})

it.each([
  'Content-Length',
  'content-type',
  'Set-Cookie',
  'Cache-Control',
  'CDN-Cache-Control',
  'Authorization',
  'Host',
  'Date',
  'Vary',
  'Access-Control-Allow-Origin',
  'X-Accel-Redirect',
  'X-AAuth-Level',
  'Connection',
  'X-Hop',
  'X-Of-Edition',
  'x_of_edition',
])('the trailer %s is dropped', (name) => {
  expect(passedTrailers([name, 'a', 'X-Checksum', 'b'], ['Connection', 'x-hop'], ['X-Of-Edition'])).toEqual([
    'X-Checksum',
    'b',
  ])
})

it.each(['X-Date', 'Date-Of-It', 'Server-Timing', 'Grpc-Status'])('the trailer %s is passed', (name) => {
  expect(passedTrailers([name, 'a'], [], ['X-Of-Edition'])).toEqual([name, 'a'])
})

it('announces the trailers that are passed, with valid names', () => {
  const headers = ['Trailer', 'X-Checksum, Content-Length ,X-Of-Edition,x y', 'trailer', 'Server-Timing']
  expect(announcedTrailers(headers, ['X-Of-Edition'])).toEqual(['X-Checksum', 'Server-Timing'])
})

const forwarded = {
  method: 'GET',
  rawHeaders: ['Host', 'api.example', 'Accept', 'text/plain', 'X-Forwarded-For', '192.0.2.1', 'X-AAuth-Level', 'x'],
  identity: {},
  host: 'albums.internal',
  origin: new URL('https://api.example'),
  remoteAddress: undefined,
  length: undefined,
  isUpgrade: false,
  isLast: false,
  withheld: undefined,
}
const start = ['Host', 'albums.internal', 'Accept', 'text/plain']
const end = ['X-Forwarded-Host', 'api.example', 'X-Forwarded-Proto', 'https']

it.each<[string, Partial<Parameters<typeof forwardedHeaders>[0]>, string[]]>([
  ['nothing else', {}, []],
  ['no length for a DELETE without content', { method: 'DELETE' }, []],
  ['a length for a POST without content', { method: 'POST' }, ['Content-Length', '0']],
  ['the length of the content', { length: 5 }, ['Content-Length', '5']],
  ['an upgrade', { isUpgrade: true, isLast: true }, ['Connection', 'Upgrade', 'Upgrade', 'websocket']],
  ['that the connection closes', { isLast: true }, ['Connection', 'close']],
  [
    'that trailers are accepted',
    { rawHeaders: [...start, 'TE', 'gzip, Trailers'] },
    ['TE', 'trailers', 'Connection', 'TE'],
  ],
  ['both', { rawHeaders: [...start, 'TE', 'trailers'], isLast: true }, ['TE', 'trailers', 'Connection', 'close, TE']],
  ['the caller', { identity: { 'X-AAuth-Level': 'none' } }, ['X-AAuth-Level', 'none']],
  ['the address', { remoteAddress: '192.0.2.7' }, ['X-Forwarded-For', '192.0.2.7']],
])('the upstream receives %s', (_what, change, lines) => {
  expect(forwardedHeaders({ ...forwarded, ...change })).toEqual([...start, ...lines, ...end])
})

it.each([
  ['Location', 'http://albums.internal/a?b#c', 'https://api.example/a?b#c'],
  ['content-location', '//albums.internal/a', 'https://api.example/a'],
  ['Location', 'HTTP://API.EXAMPLE/a', 'https://api.example/a'],
  ['Location', '/a', '/a'],
  ['Location', 'http://user@albums.internal/', 'http://user@albums.internal/'],
  ['X-Location', 'http://albums.internal/', 'http://albums.internal/'],
  ['Refresh', '5; url=http://albums.internal/a', '5; url=https://api.example/a'],
  ['refresh', "0;URL='http://albums.internal/a'; b", "0;URL='https://api.example/a'; b"],
  ['Refresh', '1, "http://albums.internal/a"', '1, "https://api.example/a"'],
  ['Refresh', '5', '5'],
])('%s: %s becomes %s', (name, value, expected) => {
  const rewrite = createRedirectRewrite(new URL('https://api.example'), new URL('http://albums.internal'))
  expect(rewrite([name, value])).toEqual([name, expected])
})

it.each([
  ['GET', false, false],
  ['GET', true, true],
  ['HEAD', false, true],
  ['POST', false, false],
])('the connection of a %s with content (%s) closes after it: %s', (method, hasContent, expected) => {
  expect(endsConnection(method, hasContent)).toBe(expected)
})

it('a name is judged alike when it is seen again, and after many others', () => {
  const names = [
    'X-Forwarded-For',
    'x-aauth-level',
    'X-AAuthor',
    'TE',
    'Accept',
    'a_b',
    'X-Method',
    `X-${'a'.repeat(80)}`,
  ]
  const first = names.map((name) => traitsOf(name))
  expect(names.map((name) => traitsOf(name))).toEqual(first)
  for (let at = 0; at < 3000; at++) traitsOf(`X-Other-${at}`)
  expect(names.map((name) => traitsOf(name))).toEqual(first)
})

it('remembers the traits of names of up to 64 characters, at most 1000 at a time', () => {
  const [longest, longer] = ['x-'.padEnd(64, 'a'), 'x-'.padEnd(65, 'a')]
  const traits = [longest, longer].map((name) => traitsOf(name))
  expect([longest, longer].map((name, at) => traitsOf(name) === traits[at])).toEqual([true, false])
  let count = 0
  const readAnother = () => traitsOf(`x-other-${count++}`)
  // Afterwards, only the last of the other names and this one are known.
  let kept = traitsOf('x-kept')
  for (let known = kept; known === kept; known = traitsOf('x-kept')) readAnother()
  kept = traitsOf('x-kept')
  for (let more = 2; more < 1000; more++) readAnother()
  expect(traitsOf('x-kept')).toBe(kept)
  readAnother()
  expect(traitsOf('x-kept')).not.toBe(kept)
})

it.each([
  ['Authorization', 'Bearer a', undefined, false],
  ['Authorization', 'Bearer a', 'tokens', true],
  ['authorization', 'DPoP a, BEARER b', 'tokens', true],
  ['Authorization', 'Basic a', 'tokens', false],
  ['Authorization', 'x-bearer a', 'tokens', false],
  ['Authorization', 'bearers a', 'tokens', false],
  ['Authorization', 'Basic a', 'all', true],
  ['X-Authorization', 'Bearer a', 'all', false],
  ['X-Authorization', 'Bearer a', 'tokens', false],
] as const)('%s: %s is withheld, with %s: %s', (name, value, withheld, expected) => {
  expect(isWithheld(traitsOf(name), value, withheld)).toBe(expected)
})

it('a response has neither identity headers nor, with OAuth, another challenge', () => {
  const lines = ['X-AAuth-Level', 'a', 'WWW-Authenticate', 'b', 'www_authenticate', 'c', 'X-Other', 'd']
  expect(responseHeaders(lines, true)).toEqual(['X-Other', 'd'])
  expect(responseHeaders(lines, false)).toEqual(lines.slice(2))
})

it('only redirects are rewritten, wherever they are', () => {
  const rewrite = createRedirectRewrite(new URL('https://api.example'), new URL('http://albums.internal'))
  const url = 'http://albums.internal/a'
  const rewritten = (names: string[]) => rewrite(['X', 'y', ...names.flatMap((name) => [name, url])]).slice(2)
  const others = ['X-Location', 'Locations', 'X-Refresh', 'Refreshes']
  expect(rewritten(others)).toEqual(others.flatMap((name) => [name, url]))
  const redirects = ['Location', 'content-location', 'REFRESH']
  expect(rewritten(redirects)).toEqual(redirects.flatMap((name) => [name, 'https://api.example/a']))
  for (const [refresh, expected] of [
    [`5;url=${url}`, '5;url=https://api.example/a'],
    [`5; URL = "${url}" x`, '5; URL = "https://api.example/a" x'],
    [`0,'${url}'`, "0,'https://api.example/a'"],
    [`1.5 ${url}`, '1.5 https://api.example/a'],
    [`5;url="${url}`, '5;url="https://api.example/a'],
    ['5', '5'],
    [`x;url=${url}`, `x;url=${url}`],
  ])
    expect(rewrite(['Refresh', refresh as string])).toEqual(['Refresh', expected])
})

it.each([
  ['X-Client-IP', true],
  ['Remote_Addr', true],
  ['True-Client-IPv6', true],
  ['X-Socket-Address', true],
  ['X-Cluster-Client-IP', true],
  ['User-IP', true],
  ['X-Host', true],
  ['X-Original-Host', true],
  ['Forwarded', true],
  ['X-Vercel-Forwarded-For', true],
  ['X-Sendfile-Type', true],
  ['Proxy', true],
  ['Relationship', false],
  ['X-Email-Address', false],
  ['X-Client-IP-Note', false],
  ['My-Host', false],
  ['X-Hostname', false],
  ['Not-Forwarded', false],
  ['Proxy-Note', false],
  ['Accept', false],
])('%s tells an address of the client, or something else that only proxies may set: %s', (name, expected) => {
  expect(traitsOf(name).isUntrusted).toBe(expected)
})
