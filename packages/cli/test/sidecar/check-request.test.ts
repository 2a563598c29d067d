import { describe, expect, it } from 'vitest'
import { checkRequest } from '../../src/sidecar/check-request.js'

const secret = 'a-secret-of-this-test'
const rules = {
  hosts: new Set(['api.example', 'api.example:8443', '127.0.0.1:8002']),
  secret,
  ownHosts: new Set(['127.0.0.1:8005', 'localhost:8005']),
}
const basic = (password: string) => `Basic ${Buffer.from(`x:${password}`).toString('base64')}`
const own = { host: 'localhost:8005', authorization: basic(secret) }

/** Where a message goes, or the status that refuses it. */
function judged(rawTarget: string, headers: Record<string, string> = own, method = 'GET'): string | number {
  const asked = checkRequest({ method, rawTarget, headers, hosts: [headers.host ?? ''] }, rules)
  return 'url' in asked ? `${asked.form} ${asked.url.href}` : asked.status
}

it.each([
  ['/https://api.example/orders?x=1', 'path https://api.example/orders?x=1'],
  ['/https:/api.example/orders', 'path https://api.example/orders'],
  ['/HTTPS://API.example', 'path https://api.example/'],
  ['/https://api.example:443/', 'path https://api.example/'],
  ['/https://api.example:8443/a/../b', 'path https://api.example:8443/b'],
  ['/http://127.0.0.1:8002/x', 'path http://127.0.0.1:8002/x'],
])('in the path, %s is %s', (target, expected) => {
  expect(judged(target)).toBe(expected)
})

it.each([
  ['http://api.example/orders?x=1', 'api.example', 'proxy https://api.example/orders?x=1'],
  ['http://api.example:80/', 'api.example', 'proxy https://api.example/'],
  ['http://api.example:8443/', 'api.example:8443', 'proxy https://api.example:8443/'],
])('of a proxy, %s is %s', (target, host, expected) => {
  expect(judged(target, { host, 'proxy-authorization': basic(secret) })).toBe(expected)
})

describe('L10: what a web page could send is refused', () => {
  it.each<[string, Record<string, string>]>([
    ['an origin', { ...own, origin: 'https://evil.example' }],
    ['an origin that is hidden', { ...own, origin: 'null' }],
    ['what browsers say of a page', { ...own, 'sec-fetch-site': 'none' }],
    ['what browsers say of what it is for', { ...own, 'sec-fetch-dest': 'document' }],
    ['a name that leads here', { ...own, host: 'evil.example' }],
    ['a name that leads here, with the port', { ...own, host: 'evil.example:8005' }],
    ['another port', { ...own, host: 'localhost:8006' }],
    ['no host', { authorization: own.authorization }],
  ])('%s', (_case, headers) => {
    expect(judged('/https://api.example/', headers)).toBe(403)
  })

  it.each<[string, Record<string, string>]>([
    ['no secret', { host: own.host }],
    ['another', { host: own.host, authorization: basic('another') }],
    ['a part of it', { host: own.host, authorization: basic(secret.slice(1)) }],
    ['as a username', { host: own.host, authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}` }],
    ['an empty one', { host: own.host, authorization: basic('') }],
    ['in another scheme', { host: own.host, authorization: `Bearer ${secret}` }],
  ])('%s', (_case, headers) => {
    expect(judged('/https://api.example/', headers)).toBe(401)
    expect(judged('http://api.example/', { ...headers, host: 'api.example' })).toBe(407)
  })
})

describe('L11: a host that was not named is refused', () => {
  it.each<[string, number]>([
    ['/https://other.example/', 403],
    ['/https://api.example.evil.example/', 403],
    ['/https://api.example:8444/', 403],
    ['/https://127.0.0.1:8003/', 403],
    ['/http://127.0.0.1:8003/', 403],
    ['/https://api.example@evil.example/', 400],
    ['/https://x:y@api.example/', 400],
    ['/http://api.example/', 400],
    ['/ftp://api.example/', 400],
    ['/file:///etc/passwd', 400],
    ['/', 400],
    ['/callback', 400],
    ['*', 400],
  ])('%s', (target, status) => {
    expect(judged(target)).toBe(status)
  })

  it.each<[string, string, number]>([
    ['http://other.example/', 'other.example', 403],
    ['https://api.example/', 'api.example', 400],
    ['http://x:y@api.example/', 'api.example', 400],
    ['http://api.example/', 'other.example', 400],
    ['api.example:443', 'api.example:443', 400],
  ])('of a proxy: %s', (target, host, status) => {
    expect(judged(target, { host, 'proxy-authorization': basic(secret) })).toBe(status)
  })
})

it('on a socket, its file says who may use it', () => {
  const onPath = { method: 'GET', rawTarget: '/https://api.example/', hosts: [] }
  const onSocket = { hosts: rules.hosts, secret: undefined, ownHosts: undefined }
  const asked = checkRequest({ ...onPath, headers: { host: 'anything' } }, onSocket)
  expect(asked).toMatchObject({ form: 'path' })
  const page = checkRequest({ ...onPath, headers: { origin: 'https://x.example' } }, onSocket)
  expect(page).toMatchObject({ status: 403 })
})

it('the fetch of Node is a program', () => {
  expect(judged('/https://api.example/', { ...own, 'sec-fetch-mode': 'cors' })).toBe('path https://api.example/')
})

it('what cannot be meant, or is not sent, is refused', () => {
  const message = { method: 'GET', rawTarget: '/https://api.example/', headers: own }
  expect(checkRequest({ ...message, hosts: [own.host, 'evil.example'] }, rules)).toMatchObject({ status: 400 })
  expect(checkRequest({ ...message, hosts: ['evil.example', own.host] }, rules)).toMatchObject({ status: 400 })
  for (const method of ['TRACE', 'TRACK', 'CONNECT']) expect(judged('/https://api.example/', own, method)).toBe(405)
  expect(judged('/https://api.example/', { host: own.host }, 'TRACE')).toBe(401)
})
