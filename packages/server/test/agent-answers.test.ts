import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, createAgent } from 'countersign/agent'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import type { Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createWorld, ids } from './world.js'

describe('the agent’s report of an auth server’s response', () => {
  it('states, for a key that the server does not know, what happened and when it will work', async () => {
    let prompted: () => void = () => undefined
    const world = await createWorld({ onConsent: () => prompted() })
    const restart = async (kid: string) => {
      const agent = createAgent({
        id: ids.agent,
        signer: await createSigner(await generatePrivateJwk({ kid })),
        authServers: [ids.authServer],
        onePerson: true,
        onConsent: () => prompted(),
        fetch: world.fetch,
        now: () => world.clock.now,
      })
      world.origins.set(ids.agent, (request) => agent.handler(request))
      return agent
    }
    /** Whether the user was prompted; the flow is aborted then. */
    const asks = async (agent: Agent) => {
      const abort = new AbortController()
      const asked = agent.signIn({ authServer: ids.authServer, signal: abort.signal })
      prompted = () => abort.abort(new Error('the user was prompted'))
      await expect(asked).rejects.toThrow('the user was prompted')
    }
    await asks(world.agent)
    await asks(await restart('key-2'))
    const restarted = await restart('key-3')
    const refused = restarted.signIn({ authServer: ids.authServer })
    await expect(refused).rejects.toMatchObject({ code: 'key_unknown', error: 'invalid_signature' })
    await expect(refused).rejects.toThrow(
      /found no key of this agent at https:\/\/agent\.example\. Try again in a minute/,
    )
    world.clock.now += 60
    await asks(restarted)
  })

  it('is a single warning if a resource does not know the key: the response is the caller’s', async () => {
    const world = await createWorld()
    const warnings: string[] = []
    const note = ({ message }: Error) => void warnings.push(message)
    process.on('warning', note)
    onTestFinished(() => void process.off('warning', note))
    for (const kid of ['key-1', 'key-2', 'key-3', 'key-4']) {
      const agent = createAgent({
        id: ids.agent,
        signer: await createSigner(await generatePrivateJwk({ kid })),
        authServers: [ids.authServer],
        onePerson: true,
        onConsent: () => undefined,
        fetch: world.fetch,
        now: () => world.clock.now,
      })
      world.origins.set(ids.agent, (request) => agent.handler(request))
      const { status } = await agent.fetch(`${ids.resource}/data-jwks`)
      expect(status).toBe(kid === 'key-1' || kid === 'key-2' ? 200 : 401)
    }
    await new Promise(setImmediate)
    expect(warnings.filter((message) => message.includes(`${ids.resource} found no key of this agent`))).toHaveLength(1)
  })

  it('is abandoned beyond 64 KiB', async () => {
    const world = await createWorld()
    const answer = (request: Request) => world.server.handler(request)
    for (const [length, code] of [
      [65_536, undefined],
      [65_537, 'token_request_failed'],
    ] as const) {
      world.origins.set(ids.authServer, (request) =>
        new URL(request.url).pathname === '/agent/token'
          ? new Response(`{"error":"invalid_scope"}${' '.repeat(length - 25)}`, { status: 400 })
          : answer(request),
      )
      const error: unknown = await world.agent.signIn({ authServer: ids.authServer }).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        code: 'token_request_failed',
        error: code === undefined ? 'invalid_scope' : undefined,
      })
    }
  })

  it('is not read to the end', async () => {
    const world = await createWorld()
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 16_384
        controller.enqueue(new Uint8Array(16_384).fill(0x20))
      },
    })
    const answer = (request: Request) => world.server.handler(request)
    world.origins.set(ids.authServer, (request) =>
      new URL(request.url).pathname === '/agent/token' ? new Response(endless) : answer(request),
    )
    await expect(world.agent.signIn({ authServer: ids.authServer })).rejects.toThrow('larger than 65536 bytes')
    expect(sent).toBeLessThan(200_000)
  })
})

describe('nonces at the token endpoint', () => {
  it('from callers that do not authenticate as an agent are not stored', async () => {
    let claimed = 0
    const storage = (now: () => number): Storage => {
      const inner = sqliteStorage(':memory:', { now, sweepInterval: 0 })
      return {
        ...inner,
        claimNonce(claim) {
          claimed++
          return inner.claimNonce(claim)
        },
      }
    }
    const world = await createWorld({ storage })
    const signer = await createSigner(await generatePrivateJwk())
    const { kid: _kid, alg: _alg, use: _use, ...jwk } = signer.jwk
    for (const signatureKey of [
      { scheme: 'hwk', jwk },
      { scheme: 'jwks', jwksUri: `${ids.agent}/jwks.json`, kid: 'key-1' },
    ] as const) {
      const signed = await signRequest(
        new Request(`${ids.authServer}/agent/token`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: 'request_type=auth',
        }),
        {
          profile: january.signing,
          signer: signatureKey.scheme === 'hwk' ? signer : world.agentSigner,
          signatureKey,
          created: world.clock.now,
        },
      )
      expect(signed.headers.has('nonce')).toBe(true)
      expect((await world.fetch(signed)).status).toBe(401)
    }
    expect(claimed).toBe(0)
  })
})
