import { describe, expect, it } from 'vitest'
import { createFirstVisits, createWayBack } from '../../../src/agent/web-app/first-visit.js'

const origin = 'https://app.example'
const redirectUri = `${origin}/callback?app=1`
type Cookies = Parameters<typeof createWayBack>[0]['cookies']
const cookies: Cookies = {
  name: 'agent',
  visit: 'agent-visit',
  allowed: 'agent-allowed',
  write: (name, value, age) => `${name}=${value} for ${age}`,
  isOwn: () => true,
}
const wayBack = createWayBack({ cookies, origin, home: '/home', callbackPath: '/callback' })
const firstVisits = createFirstVisits({ cookies, wayBack, redirectUri })
type Visit = Parameters<typeof wayBack.pageOf>[0]
const visit = (target: string, headers: Record<string, string> = {}, method = 'GET'): Visit => ({
  request: undefined,
  method,
  target,
  header: (name) => headers[name],
  addCookie: () => undefined,
})

describe('the page to return to', () => {
  it.each<[string | null, string]>([
    ['/events?day=1', '/events?day=1'],
    ['events', '/events'],
    [`${origin}/events`, '/events'],
    ['https://evil.example/events', '/home'],
    ['//evil.example/events', '/home'],
    ['http://[', '/home'],
    ['javascript:alert(1)', '/home'],
    ['/callback?code=1', '/home'],
    ['', '/home'],
    [null, '/home'],
  ])('for %j is %s', (path, page) => {
    expect(wayBack.within(path)).toBe(origin + page)
  })

  it('must be a path of the app', () => {
    for (const home of ['https://evil.example/', 'http://[', 7 as never])
      expect(() => createWayBack({ cookies, origin, home, callbackPath: '/callback' })).toThrow(/^home must be a path/)
  })

  it('is not remembered if it is too long for a URL or a cookie', () => {
    const path = (length: number) => `/${'a'.repeat(length - 3)}`
    expect(wayBack.pageOf(visit(path(6000)))).toBe(path(6000))
    expect(wayBack.pageOf(visit(path(6001)))).toBe('')
    const remembered = (target: string) => wayBack.remember(visit(target), `${origin}/?state=s`)
    expect(remembered(path(2000))).toBe(`agent-back-s=${encodeURIComponent(path(2000))} for 10800`)
    expect(remembered(path(2001))).toBe('agent-back-s= for 10800')
  })
})

describe('the cookie that remembers a page', () => {
  it.each<[string, Visit, string]>([
    ['a page', visit('/events'), '/events'],
    ['a HEAD request', visit('/events', {}, 'HEAD'), '/events'],
    ['a form', visit('/events', { referer: `${origin}/form` }, 'POST'), '/form'],
    ['a form without a referrer', visit('/events', {}, 'POST'), '/home'],
    ['a script', visit('/api', { 'sec-fetch-dest': 'empty', referer: `${origin}/page` }), '/page'],
  ])('for %s', (_what, from, page) => {
    const line = wayBack.remember(from, `${origin}/authorize?state=abc`)
    expect(line).toBe(`agent-back-abc=${encodeURIComponent(page)} for 10800`)
  })

  it.each([
    ['https://auth.example/?state=0123456789abcdefX', '0123456789abcdef'],
    ['https://auth.example/?a=b&state=s-_1&c=d', 's-_1'],
    ['https://auth.example/?url=https%3A%2F%2Fa.example%3Fstate%3Dinner', 'inner'],
    ['https://auth.example/?estate=s', ''],
    ['https://auth.example/', ''],
  ])('belongs to the consent at %s', (url, state) => {
    expect(wayBack.forget(url)).toBe(`agent-back-${state}= for 0`)
    const header = `agent-back-${state}=${encodeURIComponent('/events?a=b')}`
    expect(wayBack.find(url, header)).toBe(`${origin}/events?a=b`)
    expect(wayBack.find(url, 'agent-back-other=%2Fevents')).toBe(`${origin}/home`)
  })

  it('is ignored if it is damaged, and cannot lead to another site', () => {
    const find = (value: string) => wayBack.find(`${origin}/?state=s`, `agent-back-s=${value}`)
    expect(find('%')).toBe(`${origin}/home`)
    expect(find('')).toBe(`${origin}/home`)
    expect(find(encodeURIComponent('//evil.example'))).toBe(`${origin}/home`)
  })
})

describe('the cookie check', () => {
  const value = 'A'.repeat(22)

  it('finds only a value that it wrote', () => {
    const sent = firstVisits.send(visit('/events?a=b'))
    const [, written = ''] = /^agent-visit=(.*) for \d+$/.exec(sent.cookie) ?? []
    expect(firstVisits.find(`a=b; agent-visit=${written}`)).toBe(written)
    expect(firstVisits.find(`agent-visit=${value}`)).toBe(value)
    for (const other of [`${value}A`, value.slice(1), `${value.slice(1)}!`, ''])
      expect(firstVisits.find(`agent-visit=${other}`)).toBeUndefined()
    expect(firstVisits.find(undefined)).toBeUndefined()
  })

  it('is sent to the redirect URI, with the page to return to', () => {
    const { url } = firstVisits.send(visit('/events?a=b'))
    expect(url).toBe(`${redirectUri}&visit=%2Fevents%3Fa%3Db`)
    expect(firstVisits.isSent(url)).toBe(true)
    expect(firstVisits.pageOf(url)).toBe(`${origin}/events?a=b`)
    expect(firstVisits.end).toBe('agent-visit= for 0')
  })

  it.each([
    [`${origin}/callback?visit=%2F`, true],
    [`${origin}/callback?visit=`, true],
    [`${origin}/callback`, false],
    [`${origin}/other?visit=%2F`, false],
    [`${origin}/callback?visit=%2F&code=1`, false],
    [`${origin}/callback?visit=%2F&error=access_denied`, false],
  ])('%s belongs to it: %s', (url, expected) => {
    expect(firstVisits.isSent(url)).toBe(expected)
  })
})
