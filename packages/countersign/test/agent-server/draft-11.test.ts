import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { type AgentServerOptions, createAgentServer, memoryDelegates } from 'countersign/agent-server'
import { createDelegate } from 'countersign/delegate'
import { draft11Agent } from 'countersign/editions/draft-11'
import { draft11AgentServer } from 'countersign/editions/draft-11/agent-server'
import { createTestWorld, type TestUser } from 'countersign/testing'
import { draft11TestEdition } from 'countersign/testing/draft-11'
import { decodeToken } from 'countersign/tokens'
import { expect, it } from 'vitest'
import { api, openApi } from '../testing/world-api.js'

const id = 'https://agent.test'
const newSigner = async () => createSigner(await generatePrivateJwk())

/** An agent provider in a test world. A credential is the name under which its installation is enrolled. */
async function openProvider(options: Partial<AgentServerOptions> = {}) {
  const world = await createTestWorld({ edition: draft11TestEdition })
  openApi(world)
  const server = createAgentServer({
    edition: draft11AgentServer,
    id,
    signer: await newSigner(),
    redirectUris: ['http://127.0.0.1/callback', 'https://agent.test/done'],
    about: { name: 'Planner' },
    delegates: memoryDelegates(),
    enroll: ({ credential = '' }) => ({ name: credential }),
    now: world.now,
    fetch: world.fetch,
    ...options,
  })
  world.origins.set(id, (request) => server.handler(request))
  async function install(name: string, user: TestUser) {
    const delegate = createDelegate({
      id,
      signer: await newSigner(),
      credential: () => name,
      authServer: world.authServer,
      fetch: world.fetch,
      now: world.now,
    })
    const { fetch, now, authServer } = world
    const agent = createAgent({
      edition: draft11Agent,
      ...delegate,
      authServers: [authServer],
      onePerson: true,
      onConsent: async ({ url }) => void (await user.open(url)),
      fetch,
      now,
    })
    return { delegate, agent }
  }
  return { world, server, install }
}

it('is an agent provider, whose installations each act for one user', async () => {
  const { world, install } = await openProvider()
  const [alice, bob] = [world.person('Alice'), world.person('Bob')]
  const [laptop, phone] = [await install('laptop-7', alice), await install('phone.1', bob)]
  for (const [{ agent }, { sub }] of [
    [laptop, alice],
    [phone, bob],
  ] as const)
    expect(await (await agent.fetch(`${api}/events`)).json()).toMatchObject({ sub })
  expect([alice.asked.length, bob.asked.length]).toEqual([2, 2])
  const jwt = await laptop.delegate.agentToken()
  const { header, payload } = decodeToken(jwt) ?? {}
  expect(header).toMatchObject({ typ: 'aa-agent+jwt', alg: 'Ed25519' })
  expect(payload).toMatchObject({ iss: id, sub: 'aauth:laptop-7@agent.test', ps: world.authServer })
  expect(payload).not.toHaveProperty('aud')
  expect(await laptop.delegate.agentToken()).toBe(jwt)
  const document = await world.fetch(`${id}/.well-known/aauth-agent.json`)
  expect(await document.json()).toEqual({
    issuer: id,
    jwks_uri: `${id}/jwks.json`,
    name: 'Planner',
    callback_endpoint: 'https://agent.test/done',
    localhost_callback_allowed: true,
  })
})

it('renews tokens before they expire, but not those of a revoked installation', async () => {
  const { world, server, install } = await openProvider()
  const { agent, delegate } = await install('laptop-7', world.person('Alice'))
  const first = await delegate.agentToken()
  world.advance(3400)
  expect(await delegate.agentToken()).not.toBe(first)
  expect((await agent.fetch(`${api}/events`)).status).toBe(200)
  await server.revoke('laptop-7')
  world.advance(3700)
  await expect(agent.fetch(`${api}/events`)).rejects.toMatchObject({
    code: 'agent_token_refused',
    error: 'revoked_delegate',
  })
})

it('issues the current token each time, and installations use the last one while it does not respond', async () => {
  const { world, install } = await openProvider()
  const { delegate } = await install('laptop-7', world.person('Alice'))
  const first = await delegate.agentToken()
  world.advance(300)
  const second = await delegate.agentToken()
  expect(second).not.toBe(first)
  world.origins.set(id, async () => {
    throw new TypeError('fetch failed')
  })
  world.advance(3200)
  expect(await delegate.agentToken()).toBe(second)
  world.advance(400)
  await expect(delegate.agentToken()).rejects.toMatchObject({ code: 'agent_server_unreachable' })
})

it('issues tokens that name only the auth servers that it allows, and refuses other settings', async () => {
  const { world, install } = await openProvider({ audiences: ['https://other.test'] })
  const { delegate } = await install('laptop-7', world.person('Alice'))
  await expect(delegate.agentToken()).rejects.toMatchObject({ error: 'audience_denied' })
  await expect(openProvider({ redirectUris: ['com.example.app:/callback'] })).rejects.toThrow('redirectUris')
  const named = await openProvider()
  const { delegate: misnamed } = await named.install('lap+top', named.world.person('Bob'))
  await expect(misnamed.agentToken()).rejects.toMatchObject({
    cause: { message: expect.stringContaining('the name must be 1 to 255 letters') },
  })
})
