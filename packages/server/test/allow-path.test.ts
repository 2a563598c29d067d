import { createAgent } from 'countersign/agent'
import { createResource } from 'countersign/resource'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, signInToAccount } from './scripted-user.js'
import { createWorld, ids, scopes, type World } from './world.js'

const agentId = `${ids.agent}/~helper`

async function createPathWorld(server: { allowPath?: boolean }) {
  let page = ''
  const decide = async ({ fetch, agent }: World, url: string) => {
    const user = createScriptedUser(fetch)
    await signInToAccount(user, ids.authServer, { username: 'testuser', password: 'testpass' })
    page = await (await user.open(url)).text()
    const callback = (await user.submit(page, url, { consent: 'grant' })).headers.get('location') ?? ''
    await agent.handler(new Request(callback))
  }
  const world = await createWorld({ agent: { id: agentId, allowPath: true }, server, onConsent: decide })
  const resource = createResource({
    id: ids.resource,
    signer: world.agentSigner,
    authServer: ids.authServer,
    scopes,
    allowPath: true,
    fetch: world.fetch,
    now: () => world.clock.now,
  })
  world.origins.set(ids.resource, async (request) => {
    try {
      const { agent } = await resource.verify(request, { require: 'authorization', scope: 'data.read' })
      return Response.json({ agent })
    } catch (error) {
      return new URL(request.url).pathname === '/data' ? resource.toResponse(error) : resource.handler(request)
    }
  })
  return { world, shown: () => page }
}

describe('an agent whose identifier has a path (W10)', () => {
  it('is refused by an auth server that is not configured for them, and never fetched', async () => {
    const { world } = await createPathWorld({})
    await expect(world.agent.fetch(`${ids.resource}/data`)).rejects.toMatchObject({ error: 'invalid_signature' })
    const asker = world.sent.findLastIndex(({ url }) => url === `${ids.authServer}/agent/token`)
    expect(world.sent.slice(asker + 1)).toEqual([])
  })

  it('is accepted if both are configured, and pages show host and path', async () => {
    const { world, shown } = await createPathWorld({ allowPath: true })
    const response = await world.agent.fetch(`${ids.resource}/data`)
    expect(await response.json()).toEqual({ agent: agentId })
    expect(/<h1>[\s\S]*?<\/h1>/.exec(shown())?.[0]).toContain('agent.example/~helper')
    const stored = await world.storage.listGrants({ live: true })
    expect(stored).toMatchObject([{ agent: agentId }])
  })

  it('is rejected with a hint by every role that gets one without allowPath', async () => {
    const { agentSigner: signer } = await createWorld()
    const agent = { signer, authServers: [], onePerson: true, onConsent: () => undefined }
    expect(() => createAgent({ ...agent, id: agentId })).toThrow('set allowPath')
    expect(createAgent({ ...agent, id: agentId, allowPath: true }).id).toBe(agentId)
    const resource = { signer, authServer: ids.authServer }
    expect(() => createResource({ ...resource, id: `${ids.resource}/v1` })).toThrow('set allowPath')
    expect(createResource({ ...resource, id: `${ids.resource}/v1`, allowPath: true }).id).toBe(`${ids.resource}/v1`)
  })
})
