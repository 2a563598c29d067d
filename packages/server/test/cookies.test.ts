import { describe, expect, it } from 'vitest'
import { createCookies } from '../dist/http/cookies.js'

const secure = createCookies('https://auth.example')
const loopback = createCookies('http://127.0.0.1:8002')
const reading = (cookie: string) => secure.read(new Request('https://auth.example', { headers: { cookie } }))

describe('cookies', () => {
  it('are host-bound and secure over https (attacks C19)', () => {
    expect(secure.setSession('value', 60)).toBe(
      '__Host-countersign-session=value; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure',
    )
    expect(secure.setBrowser('value')).toMatch(/^__Host-countersign-browser=value; .*; Secure$/)
    expect(secure.clearSession()).toBe('__Host-countersign-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure')
  })

  it('have neither prefix nor Secure on loopback, where browsers would drop them (W23)', () => {
    expect(loopback.setSession('value', 60)).toBe(
      'countersign-auth-server-session=value; Path=/; HttpOnly; SameSite=Lax; Max-Age=60',
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
  ])('reads %j', (cookie, expected) => {
    expect(reading(cookie)).toEqual(expected)
  })
})
