import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { cookieOf, longestCookieLife, readCookie } from '../../src/http/cookies.js'

const secure = { issuer: 'https://auth.example' }
const loopback = { issuer: 'http://127.0.0.1:8002' }

async function reading(cookie: string): Promise<unknown> {
  const app = new Hono().get('/', (c) =>
    c.json({ browser: readCookie(secure, c.req.raw, 'browser'), session: readCookie(secure, c.req.raw, 'session') }),
  )
  const response = await app.request('/', { headers: { cookie } })
  return response.json()
}

describe('cookies', () => {
  it('are host-bound and secure over https (attacks C19)', () => {
    expect(cookieOf(secure, 'session', 'value', 60)).toBe(
      '__Host-countersign-session=value; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax',
    )
    expect(cookieOf(secure, 'browser', 'value', 60)).toMatch(
      /^__Host-countersign-browser=value; .*; Secure; SameSite=Lax$/,
    )
    expect(cookieOf(secure, 'session', '', 0)).toBe(
      '__Host-countersign-session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
    )
  })

  it('live for at most 400 days, as in browsers', () => {
    expect(longestCookieLife).toBe(34_560_000)
  })

  it('have neither prefix nor Secure on loopback, where browsers would drop them (W23)', () => {
    expect(cookieOf(loopback, 'session', 'value', 60)).toBe(
      'countersign-auth-server-session=value; Max-Age=60; Path=/; HttpOnly; SameSite=Lax',
    )
  })

  it.each([
    ['__Host-countersign-session=a; __Host-countersign-browser=b', { session: 'a', browser: 'b' }],
    ['x=1;__Host-countersign-session=a', { session: 'a', browser: undefined }],
    ['__Host-countersign-session=a=b', { session: 'a=b', browser: undefined }],
    ['__Host-countersign-session=first; __Host-countersign-session=second', { session: 'first', browser: undefined }],
    ['countersign-auth-server-session=a', { session: undefined, browser: undefined }],
    ['__host-countersign-session=a', { session: undefined, browser: undefined }],
    ['__Host-countersign-session', { session: undefined, browser: undefined }],
    ['=a; ;;', { session: undefined, browser: undefined }],
    ['', { session: undefined, browser: undefined }],
  ])('reads %j', async (cookie, expected) => {
    expect(await reading(cookie)).toEqual(expected)
  })
})
