import { createAuthServer, fixedKeys, type Storage, StorageError, sqliteStorage } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { newSigner } from './attacks/party.js'

const secret = 'Vb7kQ2mXr9TzLw4NcHs8JfYp3DgUa6Ee'
const agent = 'https://agent.example'
const path = `/admin/agents/${encodeURIComponent(agent)}/refresh`

async function openAdmin(options: { adminSecret?: string; storage?: Storage } = { adminSecret: secret }) {
  const storage = options.storage ?? sqliteStorage(':memory:', { sweepInterval: 0 })
  const keys = fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) })
  const server = createAuthServer({
    issuer: 'https://auth.example',
    keys,
    storage,
    onError: () => undefined,
    ...options,
  })
  return {
    storage,
    server,
    ask: (at: string = path, method = 'POST', authorization: string | undefined = `Bearer ${secret}`) =>
      server.admin(
        new Request(`http://127.0.0.1:9000${at}`, { method, headers: authorization ? { authorization } : {} }),
      ),
  }
}

describe('POST /admin/agents/{identifier}/refresh', () => {
  it('K22: has every instance fetch the agent anew, and stands in the audit', async () => {
    const { ask, storage } = await openAdmin()
    const response = await ask()
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ agent, refreshed: true })
    expect(await storage.listRefreshMarks()).toMatchObject([{ identifier: agent }])
    expect(await storage.listEvents()).toMatchObject([
      { event: 'agent.refreshed', agent, data: { by: 'operator:admin-api' } },
    ])
  })

  it.each([
    ['no secret', undefined],
    ['another secret', `Bearer ${secret.replace('V', 'W')}`],
    ['the beginning of the secret', `Bearer ${secret.slice(0, -1)}`],
    ['more than the secret', `Bearer ${secret}x`],
    ['an empty secret', 'Bearer '],
    ['another scheme', `Basic ${Buffer.from(`:${secret}`).toString('base64')}`],
    ['a secret of 10 kB', `Bearer ${'x'.repeat(10_000)}`],
  ])('is refused with %s, and so is everything else there', async (_what, authorization) => {
    const { ask, storage } = await openAdmin()
    for (const response of [
      await ask(path, 'POST', authorization ?? ''),
      await ask('/x', 'GET', authorization ?? ''),
    ]) {
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
      expect(await response.json()).toMatchObject({ error: 'invalid_token' })
    }
    expect(await storage.listEvents()).toEqual([])
  })

  it.each(['agent.example', `${agent}/`, `${agent}?x`, 'http://agent.example', '%E0%A4%A', 'HTTPS://agent.example'])(
    'is refused for %s, which is no identifier',
    async (name) => {
      const { ask, storage } = await openAdmin()
      const encoded = name.startsWith('%') ? name : encodeURIComponent(name)
      const response = await ask(`/admin/agents/${encoded}/refresh`)
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ error: 'invalid_request' })
      expect(await storage.listRefreshMarks()).toEqual([])
    },
  )

  it.each([
    ['GET', path],
    ['DELETE', path],
    ['POST', '/admin/agents'],
    ['POST', '/admin/agents//refresh'],
    ['POST', `${path}/`],
    ['POST', `/admin/agents/${agent}/refresh`],
    ['GET', '/jwks.json'],
    ['POST', '/agent/token'],
  ])('there is nothing else: %s %s', async (method, at) => {
    const { ask } = await openAdmin()
    expect((await ask(at, method)).status).toBe(404)
  })

  it('there is nothing at all without a secret', async () => {
    const { ask } = await openAdmin({})
    expect((await ask()).status).toBe(404)
    expect((await ask(path, 'POST', 'Bearer undefined')).status).toBe(404)
  })

  it('a secret that could be guessed is refused at once', async () => {
    await expect(openAdmin({ adminSecret: secret.slice(1) })).rejects.toThrow('adminSecret must have at least 32')
    await expect(openAdmin({ adminSecret: `${secret} ${secret}` })).rejects.toThrow('without blanks')
  })

  it('O03: says nothing of what fails inside', async () => {
    const error = new StorageError('unavailable', 'SELECT * FROM refresh_mark at /srv/auth.db')
    const storage = { ...sqliteStorage(':memory:', { sweepInterval: 0 }), requestRefresh: () => Promise.reject(error) }
    const response = await (await openAdmin({ adminSecret: secret, storage })).ask()
    expect(response.status).toBe(503)
    expect(await response.text()).not.toMatch(/SELECT|srv/)
  })

  it('O08: is nowhere on the public port, whoever asks', async () => {
    const { server } = await openAdmin()
    const headers = { authorization: `Bearer ${secret}` }
    const request = new Request(`https://auth.example${path}`, { method: 'POST', headers })
    expect((await server.handler(request)).status).toBe(404)
  })
})
