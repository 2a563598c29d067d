import { createResource, type ResourceOptions } from 'countersign/resource'
import { protectMcp } from 'countersign/resource/mcp'
import { createTestWorld, type TestAccessTokenFault, type TestAccessTokenOptions } from 'countersign/testing'
import { expect, it } from 'vitest'

const url = 'https://api.test/mcp'

async function openWorld(options: Partial<ResourceOptions> = {}) {
  const world = await createTestWorld()
  const scopes = { 'notes.read': 'See your notes', 'notes.write': 'Change your notes' }
  const resource = createResource({ id: 'https://api.test', scopes, ...world.forResource, ...options })
  const tools = { read_note: 'notes.read', write_note: 'notes.write' }
  const mcp = protectMcp(resource, { accept: ['aauth', 'oauth'], path: '/mcp', tools })
  world.origins.set(
    resource.id,
    mcp.around((_, { authInfo: { clientId, scopes: granted, extra } }) =>
      Response.json({ clientId, granted, sub: extra.sub, proof: extra.proof }),
    ),
  )
  const send = (token: string, tool = 'read_note') =>
    world.fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: tool } }),
    })
  const call = async (given: Partial<TestAccessTokenOptions>, tool?: string) =>
    send(await world.accessToken(url, { scope: 'notes.read', ...given }), tool)
  return { world, send, call }
}

it('is accepted for its scopes, with the user and the client', async () => {
  const { world, call } = await openWorld()
  const alice = world.person('Alice')
  const client = 'https://code.test/client.json'
  expect(await (await call({ person: alice, client })).json()).toEqual({
    clientId: client,
    granted: ['notes.read'],
    sub: alice.sub,
    proof: 'bearer',
  })
  const [one, other] = await Promise.all([call({}), call({})].map(async (response) => (await response).json()))
  expect(one).toMatchObject({ clientId: 'https://client.test/oauth/client.json' })
  expect(one).not.toEqual(other)
})

it('lacks the scopes that the user did not allow', async () => {
  const { call } = await openWorld()
  const refused = await call({}, 'write_note')
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
    403,
    expect.stringContaining('scope="notes.read notes.write"'),
  ])
})

it('expires after 600 seconds', async () => {
  const { world, send } = await openWorld()
  const token = await world.accessToken(url, { scope: 'notes.read' })
  world.advance(599)
  expect((await send(token)).status).toBe(200)
  world.advance(1)
  expect((await send(token)).status).toBe(401)
})

it.each<TestAccessTokenFault>(['expired-token', 'wrong-audience', 'wrong-issuer', 'forged-token', 'revoked-token'])(
  'is refused with the fault %s',
  async (fault) => {
    const { call } = await openWorld({ denyList: {} })
    expect((await call({})).status).toBe(200)
    const refused = await call({ fault })
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringMatching(/^Bearer error="invalid_token"/),
    ])
  },
)

it('is revoked by its user', async () => {
  const { world, send } = await openWorld({ denyList: {} })
  const person = world.person('Alice')
  const token = await world.accessToken(url, { scope: 'notes.read', person })
  await person.revoke('https://other.test/client.json')
  world.advance(5)
  expect((await send(token)).status).toBe(200)
  await person.revoke('https://client.test/oauth/client.json')
  world.advance(5)
  expect((await send(token)).status).toBe(401)
})

it('cannot be for a resource outside the world, or have an unknown fault', async () => {
  const world = await createTestWorld()
  await expect(world.accessToken('/mcp', { scope: 'a' })).rejects.toThrow('the URL of the endpoint, such as')
  await expect(world.accessToken('https://api.example/mcp', { scope: 'a' })).rejects.toThrow(
    'resource must be an https',
  )
  const fault = 'narrow-token' as TestAccessTokenFault
  await expect(world.accessToken(url, { scope: 'a', fault })).rejects.toThrow('an access token cannot have this fault')
})
