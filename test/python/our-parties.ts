import { createSigner, generatePrivateJwk } from 'countersign'
import { createResource } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Hono } from 'hono'
import type { Loopback } from '../peer/loopback.js'

type Listen = Loopback['listen']

/** Our auth server, with one user. */
export async function startAuthServer(listen: Listen, now: () => number): Promise<string> {
  return listen(async (issuer) => {
    const signer = await createSigner(await generatePrivateJwk())
    const server = createAuthServer({
      issuer,
      keys: fixedKeys({ signer, secret: new Uint8Array(32).fill(7) }),
      storage: sqliteStorage(':memory:', { now, sweepInterval: 0 }),
      lifetimes: { authToken: 600 },
      allowInsecureLoopback: true,
      now,
    })
    await server.addUser({ username: 'testuser', password: 'testpass' })
    return (request, received) => server.handler(request, received)
  })
}

/** An API of ours. */
export async function startResource(listen: Listen, issuer: string, now: () => number): Promise<string> {
  return listen(async (id) => {
    const signer = await createSigner(await generatePrivateJwk())
    const options = { id, signer, authServer: issuer, nonce: 'required' as const, allowInsecureLoopback: true, now }
    const created = createResource({ ...options, scopes: { 'data.read': 'Read', 'data.write': 'Write' } })
    const app = new Hono()
    const read = aauth(created, { require: 'authorization', scope: 'data.read' })
    const write = aauth(created, { require: 'authorization', scope: 'data.write' })
    app.get('/data', read, (c) => {
      const { agent, delegate, scope } = c.var.aauth
      return c.json({ agent, delegate, scope, query: c.req.query() })
    })
    app.post('/data', write, async (c) => c.json({ received: await c.req.text(), scope: c.var.aauth.scope }))
    app.get('/who', aauth(created, { require: 'identity' }), (c) => c.json(c.var.aauth.agent))
    app.all('*', (c) => created.handler(c.req.raw))
    return async (request) => app.fetch(request)
  })
}
