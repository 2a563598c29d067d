import Database from 'better-sqlite3'
import { receiveRequest, type Signer, signRequest } from 'countersign'
import { type AuthServerOptions, createAuthServer, fixedKeys, sqliteStorage } from 'countersign-server'
import { expect, it, onTestFinished } from 'vitest'
import { createScriptedUser } from '../scripted-user.js'
import { temporaryFile } from '../storage/temporary-file.js'
import { newSigner } from './party.js'

const issuer = 'https://auth.example'

/** Two instances of one server, and any agent under crowd.example: whoever has the domain has as many as it likes. */
async function openCrowd(options: Partial<AuthServerOptions> = {}) {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const file = temporaryFile()
  const storages = [1, 2].map(() => sqliteStorage(file, { now, sweepInterval: 0 }))
  onTestFinished(async () => void (await Promise.all(storages.map((storage) => storage.close()))))
  const keys = fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) })
  const signer = await newSigner()
  const servers = storages.map((storage) =>
    createAuthServer({
      issuer,
      keys,
      storage,
      now,
      fetch: async (url) => documentOf(url, signer),
      discovery: { fetchesPerMinute: 100_000, fetchesPerSource: 100_000 },
      ...options,
    }),
  )
  let sent = 0
  async function ask(agent: string, address: string): Promise<Response> {
    const form = new URLSearchParams({ request_type: 'auth', scope: 'data.read', redirect_uri: `${agent}/callback` })
    const request = await signRequest(new Request(`${issuer}/agent/token`, { method: 'POST', body: form }), {
      signer,
      signatureKey: { scheme: 'jwks', id: agent, kid: signer.kid, wellKnown: 'aauth-agent' },
      created: clock.now,
    })
    const server = servers[sent++ % servers.length]
    return server?.handler(request, receiveRequest(request, address)) ?? Response.error()
  }
  const [storage] = storages
  if (!storage) throw new TypeError('there are two storages')
  return { ask, clock, storage, rows: (table: string) => countRows(file, table) }
}

async function documentOf(url: string, signer: Signer): Promise<Response> {
  const { origin, pathname } = new URL(url)
  if (pathname === '/jwks.json') return Response.json({ keys: [signer.jwk] })
  if (pathname !== '/.well-known/aauth-agent') return new Response(null, { status: 404 })
  return Response.json({ agent: origin, jwks_uri: `${origin}/jwks.json`, redirect_uris: [`${origin}/callback`] })
}

function countRows(file: string, table: string): number {
  const database = new Database(file, { readonly: true })
  try {
    return database.prepare<[], { rows: number }>(`SELECT count(*) AS rows FROM "${table}"`).get()?.rows ?? 0
  } finally {
    database.close()
  }
}

it('A20: new agents on one address get 1,000 requests through, on two instances together, and leave no more rows', {
  timeout: 120_000,
}, async () => {
  const { ask, clock, storage, rows } = await openCrowd()
  const counts = new Map<number, number>()
  let refused: Response | undefined
  for (let count = 0; count < 1020; count++) {
    const response = await ask(`https://a${count}.crowd.example`, '2001:db8:0:1::1')
    counts.set(response.status, (counts.get(response.status) ?? 0) + 1)
    if (response.status === 429) refused = response
  }
  expect(Object.fromEntries(counts)).toEqual({ 200: 1000, 429: 20 })
  expect(refused?.headers.get('retry-after')).toBe('60')
  const tables = () => Object.fromEntries(['auth_request', 'agent', 'attempt'].map((table) => [table, rows(table)]))
  expect(tables()).toEqual({ auth_request: 1000, agent: 1000, attempt: 1002 })

  expect((await ask('https://b.crowd.example', '2001:db8:0:1:ffff::2')).status, 'of the same subscriber').toBe(429)
  expect((await ask('https://b.crowd.example', '2001:db8:0:2::1')).status, 'of another subscriber').toBe(200)
  clock.now += 3599
  expect((await ask('https://c.crowd.example', '2001:db8:0:1::1')).status, 'within the hour').toBe(429)
  clock.now += 1
  expect((await ask('https://c.crowd.example', '2001:db8:0:1::1')).status, 'an hour later').toBe(200)

  clock.now += 86_400 + 600
  await storage.sweep()
  expect(tables()).toMatchObject({ auth_request: 0, attempt: 0 })
  clock.now += 90 * 86_400
  await storage.sweep()
  expect(tables()).toEqual({ auth_request: 0, agent: 0, attempt: 0 })
})

it('A20: an agent beyond its own limit takes nothing from the others at its address', {
  timeout: 120_000,
}, async () => {
  const { ask } = await openCrowd({ policy: () => 'deny' })
  for (let count = 0; count < 1010; count++) {
    const { status } = await ask('https://noisy.crowd.example', '192.0.2.7')
    expect(status).toBe(count < 300 ? 403 : 429)
  }
  expect((await ask('https://quiet.crowd.example', '192.0.2.7')).status).toBe(403)
})

it('A20: one subscriber makes 20 accounts an hour at most, from whichever of its addresses', async () => {
  const keys = fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) })
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  const server = createAuthServer({ issuer, keys, storage, signUp: true })
  const url = `${issuer}/account/sign-up`
  const signUpFrom = async (address: string) => {
    const user = createScriptedUser(async (input, init) => {
      const request = new Request(input, init)
      return server.handler(request, receiveRequest(request, address))
    })
    const page = await (await user.open(url)).text()
    const password = 'a password of theirs'
    return (await user.submit(page, url, { username: crypto.randomUUID(), password, action: 'sign-up' })).status
  }
  for (let count = 0; count < 20; count++) expect(await signUpFrom(`2001:db8:0:1::${count}`)).toBe(303)
  expect(await signUpFrom('2001:db8:0:1:abcd::1')).toBe(429)
  expect(await signUpFrom('2001:db8:0:2::1')).toBe(303)
})
