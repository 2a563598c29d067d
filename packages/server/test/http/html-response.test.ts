import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createCompression, htmlResponse, pageFrame, seeOther, takesGzip } from '../../src/http/html-response.js'

const policy = (connects: string, forms: string) =>
  `default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; ${connects}base-uri 'none'; frame-ancestors 'none'${forms}`

it.each<[object | undefined, string, string, object]>([
  [undefined, '', "; form-action 'self'", { status: 200, retry: null, cookies: [] }],
  [{ connects: true }, "connect-src 'self'; ", "; form-action 'self'", { status: 200 }],
  [{ formRedirectsAway: true }, '', '', { status: 200 }],
  [
    { status: 429, retryAfter: 0, cookies: ['a=1', 'b=2'] },
    '',
    "; form-action 'self'",
    { status: 429, retry: '0', cookies: ['a=1', 'b=2'] },
  ],
])('a page with %j has the headers of every page', async (options, connects, forms, expected) => {
  const { status, headers } = htmlResponse('<p>', options)
  const {
    'permissions-policy': permissions,
    'retry-after': _,
    'set-cookie': __,
    ...others
  } = Object.fromEntries(headers)
  expect({ status, retry: headers.get('retry-after'), cookies: headers.getSetCookie() }).toMatchObject(expected)
  expect(permissions).toMatch(/^accelerometer=\(\), .*camera=\(\), .*xr-spatial-tracking=\(\)$/)
  expect(others).toEqual({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy(connects, forms),
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'cross-origin-opener-policy': 'same-origin',
  })
})

it('redirects after a form, with the cookies to set', () => {
  const { status, headers } = seeOther('/account', ['a=1', 'b=2'])
  const { location, 'cache-control': cache, 'referrer-policy': referrer } = Object.fromEntries(headers)
  expect({ status, location, cache, referrer, cookies: headers.getSetCookie() }).toEqual({
    status: 303,
    location: '/account',
    cache: 'no-store',
    referrer: 'same-origin',
    cookies: ['a=1', 'b=2'],
  })
})

const accepting = (codings?: string) =>
  new Request('https://auth.example/', codings === undefined ? {} : { headers: { 'accept-encoding': codings } })

it.each([
  [undefined, false],
  ['gzip', true],
  ['br, GZIP', true],
  ['gzip;q=0.5', true],
  ['gzip;q=0', false],
  ['gzip ; q=0.00 , br', false],
  ['gzip;q=0; x', false],
  ['xgzip', false],
  ['gzipx', false],
])('a client that accepts %s takes gzip: %s', (codings, expected) => {
  expect(takesGzip(accepting(codings))).toBe(expected)
})

describe('compression', () => {
  const compress = createCompression()
  it.each([
    ['a page of 1,000 characters', htmlResponse('x'.repeat(1000)), 'gzip', 'accept-encoding'],
    ['a shorter page', htmlResponse('x'.repeat(999)), null, 'accept-encoding'],
    ['a document', Response.json({ x: 'x'.repeat(2000) }), null, null],
    ['a response without a type', new Response(null), null, null],
  ])('applies to %s as it should', (_what, response, coding, vary) => {
    const { headers } = compress(accepting('gzip'), response)
    expect([headers.get('content-encoding'), headers.get('vary')]).toEqual([coding, vary])
  })

  it.each([503, 200])('keeps a page with the status %i, and hides its length', async (status) => {
    const text = 'a page '.repeat(300)
    const lengths = new Set<number>()
    for (let sent = 0; sent < 40; sent++) {
      const response = compress(accepting('gzip'), htmlResponse(text, { status }))
      const body = Buffer.from(await response.arrayBuffer())
      expect([response.status, gunzipSync(body).toString()]).toEqual([status, text])
      lengths.add(body.length)
    }
    expect(lengths.size).toBeGreaterThan(10)
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThan(100)
  })

  it('serves each of many overload pages as it is', async () => {
    for (let number = 0; number < 70; number++) {
      const text = `${number} `.padEnd(1000, 'x')
      const response = compress(accepting('gzip'), htmlResponse(text, { status: 503 }))
      expect(gunzipSync(Buffer.from(await response.arrayBuffer())).toString()).toBe(text)
    }
  })
})

const context = {
  name: 'Home',
  issuer: 'https://auth.example',
  brand: { logo: '/logo', stylesheet: '/brand.css' },
  footer: {},
  contact: 'help',
  sendEmail: undefined,
  secrets: { csrfFor: (browser: string, page: string) => `${browser} ${page}` },
} as unknown as Parameters<typeof pageFrame>[0]
const visit = { browser: 'b', path: '/account?x=1', session: undefined } as unknown as Parameters<typeof pageFrame>[1]

it('frames a page with what the server says about itself, and the choice of a language if the user can return', () => {
  const asset = (name: string, ending: string) =>
    expect.stringMatching(new RegExp(`^/assets/${name}\\.[0-9a-f]{12}\\.${ending}$`))
  expect(pageFrame(context)).toEqual({
    serverName: 'Home',
    issuerHost: 'auth.example',
    serverLogo: '/logo',
    brandStylesheet: '/brand.css',
    stylesheet: asset('pages', 'css'),
    icon: asset('icon', 'svg'),
    touchIcon: asset('apple-touch-icon', 'png'),
    script: asset('pages', 'js'),
    footer: undefined,
    contact: 'help',
    forgotHref: undefined,
  })
  const languages = { action: '/account/language', csrf: 'b anonymous', returnTo: '/account?x=1' }
  expect(pageFrame(context, visit).footer).toEqual({ languages })
  const footer = { privacy: 'https://home.example/p' } as unknown as typeof context.footer
  const sendEmail = (async () => ({ outcome: 'sent' })) as typeof context.sendEmail
  expect(pageFrame({ ...context, footer, sendEmail })).toMatchObject({
    footer: { privacy: 'https://home.example/p', languages: undefined },
    forgotHref: '/account/forgot',
  })
})
