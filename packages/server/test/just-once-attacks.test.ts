import { createHash } from 'node:crypto'
import type { PublicJwk } from 'countersign'
import { january } from 'countersign/editions'
import { createMemoryNonces } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { importVerificationKey, signMessage, signRequest } from 'countersign/signatures'
import { decodeToken, verifyToken } from 'countersign/tokens'
import { type PolicyDecision, policyOfRules } from 'countersign-server'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { prompted, refused, remove, reuse, secondInstance, tokenOf } from './just-once.js'
import { ids, protectedApi, type World } from './world.js'

/** The clock of each world when it starts. */
const start = 1_800_000_000
const memoryNonces = (now = start) => createMemoryNonces({ now: () => now })
const usedUp = { status: 401, error: 'expired_auth_token', asksAgain: true }
const otherCall = { status: 403, error: 'insufficient_scope', asksAgain: true }

/** Sends a body with a digest of another algorithm. */
async function withSha512({ agentSigner, clock }: World, jwt: string, body: string): Promise<Request> {
  const digest = `sha-512=:${createHash('sha512').update(body).digest('base64')}:`
  const fields = { 'content-type': 'text/plain;charset=UTF-8', 'content-digest': digest, nonce: 'A'.repeat(22) }
  const message = { method: 'DELETE', authority: new URL(ids.resource).host, path: '/data', fields }
  const signatureKey = { scheme: 'jwt', jwt } as const
  const signing = { profile: january.signing, signer: agentSigner, signatureKey, created: clock.now }
  const headers = { ...fields, ...(await signMessage(message, signing)) }
  return new Request(`${ids.resource}/data`, { method: 'DELETE', headers, body })
}

describe('R07: a token for one call', () => {
  it.each([
    [
      'the same call again',
      '/data',
      { method: 'DELETE' },
      { status: 401, error: 'expired_auth_token', asksAgain: true },
    ],
    ['another query', '/data?all', { method: 'DELETE' }, { status: 403, error: 'insufficient_scope', asksAgain: true }],
    [
      'a body',
      '/data',
      { method: 'DELETE', body: 'all' },
      { status: 403, error: 'insufficient_scope', asksAgain: true },
    ],
    ['another path', '/read', { method: 'GET' }, { status: 403, error: 'insufficient_scope', asksAgain: true }],
    ['another method', '/data', { method: 'GET' }, { status: 403, error: 'insufficient_scope', asksAgain: false }],
  ])('refuses %s', async (_what, path, init, expected) => {
    const { world } = await prompted()
    await remove(world)
    const replay = await reuse(world, tokenOf(world), path, init)
    expect(await refused(await world.fetch(replay))).toEqual(expected)
  })

  it('allows one of many uses on two instances with one nonce store', async () => {
    const claimNonce = memoryNonces()
    const { world } = await prompted(undefined, { resource: { claimNonce } })
    const instances = [protectedApi(world.resource), await secondInstance(world, { claimNonce })]
    let jwt = ''
    world.origins.set(ids.resource, async (request) => {
      jwt = /jwt="([^"]+)"/.exec(request.headers.get('signature-key') ?? '')?.[1] ?? ''
      return jwt === '' ? (instances[0]?.(request) ?? new Response()) : new Response('held back')
    })
    await remove(world)
    const uses = await Promise.all(
      Array.from({ length: 20 }, async (_, at) => {
        const request = await reuse(world, jwt, '/data', { method: 'DELETE' })
        return (await instances[at % 2]?.(request))?.status
      }),
    )
    expect(uses.filter((status) => status === 200)).toHaveLength(1)
    expect(uses.filter((status) => status === 401)).toHaveLength(19)
  })

  it.each([
    ['keeps nonces in memory', undefined, undefined],
    ['shares a store in memory with others', memoryNonces(), memoryNonces(start + 1)],
  ])('refuses a second use after a restart of a resource that %s', async (_what, before, after) => {
    const { world } = await prompted(undefined, before && { resource: { claimNonce: before } })
    expect((await remove(world)).status).toBe(200)
    world.clock.now += 1
    const restarted = await secondInstance(world, after && { claimNonce: after })
    const replay = await reuse(world, tokenOf(world), '/data', { method: 'DELETE' })
    expect(await refused(await restarted(replay))).toEqual(usedUp)
  })

  it('refuses a second use after a restart of a resource whose store is durable', async () => {
    const claimNonce = memoryNonces()
    const { world } = await prompted(undefined, { resource: { claimNonce } })
    await remove(world)
    const restarted = await secondInstance(world, { claimNonce })
    const replay = await reuse(world, tokenOf(world), '/data', { method: 'DELETE' })
    expect(await refused(await restarted(replay))).toEqual(usedUp)
  })

  it('is accepted by a resource that started after its own store', async () => {
    const claimNonce = memoryNonces()
    const { world } = await prompted(undefined, { resource: { claimNonce } })
    const restarted = await secondInstance(world, { claimNonce })
    world.origins.set(ids.resource, async (request) => {
      const response = await restarted(request)
      world.clock.now += 1
      return response
    })
    expect((await remove(world)).status).toBe(200)
  })

  it('is offered only for the host of the resource’s identifier', async () => {
    const other = 'https://other.example'
    const hosts = [ids.resource, other].map((origin) => new URL(origin).host) as [string, string]
    const { world, pages } = await prompted(undefined, { resource: { authorities: hosts } })
    world.origins.set(other, protectedApi(world.resource))
    await remove(world)
    const { agentSigner: signer, clock } = world
    const send = async (init: RequestInit) => {
      const signatureKey = { scheme: 'jwt', jwt: tokenOf(world) } as const
      const options = { profile: january.signing, signer, signatureKey, created: clock.now }
      return world.fetch(await signRequest(new Request(`${other}/data`, init), options))
    }
    const response = await send({ method: 'DELETE' })
    const [, resourceToken = ''] = /resource_token="([^"]+)"/.exec(response.headers.get('agent-auth') ?? '') ?? []
    expect(await refused(response)).toEqual(otherCall)
    expect(decodeToken(resourceToken)?.payload).not.toHaveProperty('call')
    expect(pages).toHaveLength(1)
  })

  it('covers the body, as it was sent', async () => {
    const { world, pages } = await prompted()
    const body = '{"id": 1}'
    expect((await remove(world, '/data', { body })).status).toBe(200)
    expect(pages[0]).toContain('we can’t see it')
    const jwt = tokenOf(world)
    for (const other of ['{"id":1}', '{"id": 2}', undefined]) {
      const changed = await reuse(world, jwt, '/data', { method: 'DELETE', ...(other ? { body: other } : {}) })
      expect(await refused(await world.fetch(changed)), other).toEqual(otherCall)
    }
    expect(await refused(await world.fetch(await withSha512(world, jwt, body)))).toEqual(otherCall)
    const same = await reuse(world, jwt, '/data', { method: 'DELETE', body })
    expect(await refused(await world.fetch(same))).toEqual(usedUp)
  })

  it('has no refresh token, whatever the durations', async () => {
    const { world } = await prompted('once', {
      server: { durations: ['until-removed'], lifetimes: { authToken: 60 } },
    })
    const responses: Record<string, unknown>[] = []
    world.origins.set(ids.authServer, async (request) => {
      const response = await world.server.handler(request)
      if (request.url.endsWith('/agent/token')) responses.push((await response.clone().json()) as object as never)
      return response
    })
    expect((await remove(world)).status).toBe(200)
    const issued = responses.find((each) => 'auth_token' in each)
    expect(issued).not.toHaveProperty('refresh_token')
    expect(issued).toMatchObject({ expires_in: 60 })
  })

  it('neither extends nor replaces what was allowed for longer', async () => {
    const { world, pages } = await prompted()
    const read = () => world.agent.fetch(`${ids.resource}/read`)
    expect((await read()).status).toBe(200)
    expect((await remove(world)).status).toBe(200)
    expect(decodeToken(tokenOf(world))?.payload).toMatchObject({ scope: 'data.read data.delete', call: {} })
    expect((await read()).status).toBe(200)
    expect(pages).toHaveLength(2)
    expect(await world.agent.tokens()).toMatchObject([{ scope: ['data.read'] }])
    expect((await remove(world)).status).toBe(200)
    expect(pages).toHaveLength(3)
    const grants = await world.storage.listGrants()
    expect(grants.map(({ scope, call }) => `${scope}${call ? ' once' : ''}`).toSorted()).toEqual([
      'data.read',
      'data.read data.delete once',
      'data.read data.delete once',
    ])
  })

  it('is not replaced by an hour if “once” is posted to a page that does not offer it', async () => {
    const { world, decisions } = await prompted('once')
    const abort = new AbortController()
    const waiting = world.agent.fetch(`${ids.resource}/read`, { signal: abort.signal })
    await expect.poll(() => decisions.length).toBe(1)
    expect(decisions[0]?.status).toBe(400)
    expect(await decisions[0]?.text()).toContain('data-error-code="bad_form"')
    expect(await world.storage.listGrants()).toEqual([])
    abort.abort()
    await expect(waiting).rejects.toThrow()
  })

  it('is required by a policy that changed after the page was shown', async () => {
    let decision: PolicyDecision = 'ask'
    const beforeAllow = () => {
      decision = 'ask-once'
    }
    const { world, pages } = await prompted('3600', { server: { policy: () => decision } }, beforeAllow)
    expect((await remove(world)).status).toBe(200)
    expect(pages[0]).toContain('value="3600"')
    expect(decodeToken(tokenOf(world))?.payload).toHaveProperty('call')
  })

  it('is required by a policy for whatever deletes or spends, and for nothing else', async () => {
    const policy = policyOfRules([{ agent: '*', decision: 'ask-once' }])
    const { world, pages } = await prompted(undefined, { server: { policy } })
    const app = new Hono()
    for (const scope of ['payments.create', 'notes.create', 'admin'])
      app.post(`/${scope}`, aauth(world.resource, { require: 'authorization', scope }), (c) => c.text(''))
    app.all('*', (c) => world.resource.handler(c.req.raw))
    world.origins.set(ids.resource, async (request) => app.fetch(request))
    const isLimited: Record<string, boolean> = {}
    for (const scope of ['payments.create', 'notes.create', 'admin']) {
      await world.agent.forget()
      expect((await world.agent.fetch(`${ids.resource}/${scope}`, { method: 'POST' })).status).toBe(200)
      isLimited[scope] = 'call' in (decodeToken(tokenOf(world))?.payload ?? {})
    }
    expect(isLimited).toEqual({ 'payments.create': true, 'notes.create': false, admin: false })
    expect(pages).toHaveLength(3)
  })

  it('allows its scope until it expires at a resource that ignores the call, and no longer', async () => {
    const { world } = await prompted(undefined, { server: { lifetimes: { authToken: 60 } } })
    expect((await remove(world)).status).toBe(200)
    const jwks = (await (await world.fetch(`${ids.authServer}/jwks.json`)).json()) as { keys: PublicJwk[] }
    const key = await importVerificationKey(jwks.keys[0])
    const verify = (now: number) =>
      verifyToken(january.tokens.auth, tokenOf(world), {
        audience: ids.resource,
        issuers: [ids.authServer],
        now: () => now,
        findKey: () => ({ key }) as never,
      })
    expect((await verify(start + 59)).claims).toMatchObject({ scope: 'data.delete' })
    await expect(verify(start + 60 + 61)).rejects.toMatchObject({ code: 'auth_token_expired' })
  })
})
