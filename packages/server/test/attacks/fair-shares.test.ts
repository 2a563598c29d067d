import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClientAddress, createNodeListener } from 'countersign/node'
import { receiveRequest } from 'countersign/signatures'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { quickHash } from '../quick-hash.js'
import { createScriptedUser, type ScriptedUser } from '../scripted-user.js'
import { newSigner } from './party.js'

const issuer = 'https://auth.example'
const signIn = `${issuer}/account/sign-in`

/** Sends a request from an address. */
type Send = (request: Request, from: string) => Promise<Response>

async function openServer(usernames: readonly string[] = [], requests = 8) {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const keys = fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) })
  const server = createAuthServer({ issuer, keys, storage, limits: { requests } })
  const passwordHash = await quickHash('a long password')
  for (const username of usernames) await storage.createUser({ username, passwordHash })
  const send: Send = (request, from) => server.handler(request, receiveRequest(request, from))
  async function signedIn(username: string, from: string): Promise<ScriptedUser> {
    const user = createScriptedUser((input, init) => send(new Request(input, init), from))
    const page = await (await user.open(signIn)).text()
    expect((await user.submit(page, signIn, { username, password: 'a long password', action: 'login' })).status).toBe(
      303,
    )
    return user
  }
  return { server, send, signedIn }
}

/** Keeps the given number of requests from each address in progress, starting a new one after each response, until it is stopped. */
function flood(send: Send, addresses: readonly string[], { each, request }: { each: number; request: () => Request }) {
  let isOver = false
  const statuses = new Map<number, number>()
  async function repeat(from: string): Promise<void> {
    while (!isOver) {
      const { status } = await send(request(), from)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      // Like a client over HTTP, it receives the response in a later turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const running = addresses.flatMap((from) => Array.from({ length: each }, () => repeat(from)))
  return async function stop() {
    isOver = true
    await Promise.all(running)
    return statuses
  }
}

/** Sends the same request several times, one after another, and returns the statuses. */
async function statusesOf(times: number, send: () => Promise<Response>): Promise<number[]> {
  const statuses: number[] = []
  for (let count = 0; count < times; count++) statuses.push((await send()).status)
  return statuses
}

const allServed = (times: number) => Array<number>(times).fill(200)

it.each([
  ['pages', () => new Request(signIn)],
  [
    'unsigned token requests',
    () => new Request(`${issuer}/agent/token`, { method: 'POST', body: 'request_type=code' }),
  ],
  ['paths that do not exist', () => new Request(`${issuer}/x`)],
  ['documents', () => new Request(`${issuer}/.well-known/aauth-issuer`)],
])('V03: a flood of %s from one address does not cause anyone else to be refused', async (_what, request) => {
  const { send } = await openServer()
  const stop = flood(send, ['203.0.113.5'], { each: 100, request })
  for (const path of ['/account/sign-in', '/.well-known/aauth-issuer', '/jwks.json', '/assets/none'])
    expect(await statusesOf(10, () => send(new Request(issuer + path), '198.51.100.1')), path).toEqual(
      path === '/assets/none' ? Array<number>(10).fill(404) : allServed(10),
    )
  const statuses = await stop()
  expect(statuses.get(503), 'the flood is refused').toBeGreaterThan(0)
})

it('V03: one address can use the whole server while no one else sends anything', async () => {
  const { send } = await openServer([], 200)
  const statuses = await Promise.all(
    Array.from({ length: 200 }, async () => (await send(new Request(signIn), '203.0.113.5')).status),
  )
  expect(statuses).toEqual(allServed(200))
})

it.each([
  ['IPv4 /24', (index: number) => `203.0.113.${index}`, '203.0.114.1'],
  ['IPv6 /48', (index: number) => `2001:db8:1:${index.toString(16)}::1`, '2001:db8:2::1'],
])('V03: all addresses of one %s together get one share', async (_network, address, other) => {
  const { send } = await openServer()
  const request = () => new Request(signIn)
  const stop = flood(
    send,
    Array.from({ length: 100 }, (_, index) => address(index)),
    { each: 1, request },
  )
  expect(await statusesOf(20, () => send(new Request(signIn), other))).toEqual(allServed(20))
  expect((await stop()).get(503)).toBeGreaterThan(0)
})

it('V03: behind a proxy, only the client that floods is refused', async () => {
  const { server } = await openServer()
  const clientAddress = createClientAddress(['127.0.0.1'])
  const listener = createServer(
    createNodeListener((request, received) => server.handler(request, received), { origin: issuer, clientAddress }),
  )
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    listener.closeAllConnections()
    listener.close()
  })
  const { port } = listener.address() as AddressInfo
  const send: Send = async (request, from) => {
    const { pathname } = new URL(request.url)
    const response = await fetch(`http://127.0.0.1:${port}${pathname}`, { headers: { 'x-forwarded-for': from } })
    await response.arrayBuffer()
    return response
  }
  const stop = flood(send, ['203.0.113.5'], { each: 60, request: () => new Request(signIn) })
  expect(await statusesOf(20, () => send(new Request(signIn), '198.51.100.1'))).toEqual(allServed(20))
  expect((await stop()).get(503)).toBeGreaterThan(0)
})

it('V04: while 200 networks flood, the signed-in users at one address are served, and so is that address’s fair share of other requests', async () => {
  const usernames = Array.from({ length: 10 }, (_, index) => `user${index}`)
  const { send, signedIn } = await openServer(usernames, 200)
  const office = '198.51.100.1'
  const users = await Promise.all(usernames.map((username) => signedIn(username, office)))
  const networks = Array.from({ length: 200 }, (_, index) => `${20 + index}.${index}.7.9`)
  const stop = flood(send, networks, { each: 2, request: () => new Request(signIn) })
  const pages = users.map((user) => statusesOf(2, () => user.open(`${issuer}/account`)))
  const strangers = statusesOf(2, () => send(new Request(signIn), office))
  expect(await Promise.all(pages)).toEqual(users.map(() => allServed(2)))
  expect(await strangers).toEqual(allServed(2))
  expect((await stop()).get(503)).toBeGreaterThan(0)
})

it('V04: a stolen cookie, sent from many networks, uses no more than their share', async () => {
  const { send, signedIn } = await openServer(['thief', 'alice'], 200)
  const stolen = await signedIn('thief', '198.51.100.1')
  const alice = await signedIn('alice', '192.0.2.1')
  const cookie = [...stolen.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const networks = Array.from({ length: 100 }, (_, index) => `${20 + index}.${index}.7.9`)
  const request = () => new Request(signIn, { headers: { cookie } })
  const stop = flood(send, networks, { each: 4, request })
  expect(await statusesOf(10, () => alice.open(`${issuer}/account`))).toEqual(allServed(10))
  expect(await statusesOf(10, () => send(new Request(signIn), '192.0.2.200'))).toEqual(allServed(10))
  expect((await stop()).get(503)).toBeGreaterThan(0)
})

it('V05: while one /48 guesses passwords, a user elsewhere can sign in', async () => {
  const { send, signedIn } = await openServer(['alice'], 400)
  const thief = createScriptedUser((input, init) => send(new Request(input, init), '2001:db8:1::1'))
  const page = await (await thief.open(signIn)).text()
  const [, csrf = ''] = /name="csrf" value="([^"]*)"/.exec(page) ?? []
  const cookie = [...thief.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  let tries = 0
  const request = () => {
    const body = new URLSearchParams({ csrf, action: 'login', username: `user${tries++}`, password: 'a guess' })
    return new Request(signIn, { method: 'POST', headers: { cookie, origin: issuer }, body })
  }
  const addresses = Array.from({ length: 150 }, (_, index) => `2001:db8:1:${index.toString(16)}::1`)
  const stop = flood(send, addresses, { each: 1, request })
  for (let index = 0; index < 3; index++) await signedIn('alice', `198.51.100.${index}`)
  const statuses = await stop()
  // 503 if the password queue is full, 429 if the request waited there until its network reached the limit.
  expect((statuses.get(503) ?? 0) + (statuses.get(429) ?? 0), 'the flood is refused').toBeGreaterThan(0)
})
