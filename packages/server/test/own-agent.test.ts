import { createResource } from 'countersign/resource'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from './scripted-user.js'
import { createWorld, ids, type World } from './world.js'

const allowing = async (world: World, url: string) => {
  const user = createScriptedUser(world.fetch)
  void user.open(await decideAs(user, url, 'grant'))
}

describe('an agent that is its own resource (S§3.5)', () => {
  it('signs a user in and gets access to itself with one token that names no agent', async () => {
    const world = await createWorld({ onConsent: allowing })
    const claims = await world.agent.signIn({ authServer: ids.authServer, scope: 'openid profile notes.read' })
    expect(claims).toMatchObject({ iss: ids.authServer, aud: ids.agent, name: 'testuser', scope: 'notes.read' })
    expect(claims).not.toHaveProperty('agent')
  })

  it('is accepted by its own API, if that allows it, and nowhere else', async () => {
    const world = await createWorld({ onConsent: allowing })
    const own = { id: ids.agent, signer: world.agentSigner, authServer: ids.authServer, fetch: world.fetch }
    const refused: unknown[] = []
    const serve = (ownAgent: boolean) => {
      const api = createResource({ ...own, ownAgent, now: () => world.clock.now })
      world.origins.set(ids.agent, async (request) => {
        if (new URL(request.url).pathname !== '/notes') return world.agent.handler(request)
        try {
          const { agent, sub } = await api.verify(request, { require: 'authorization', scope: 'notes.read' })
          return Response.json({ agent, sub })
        } catch (error) {
          refused.push(error)
          return new Response(null, { status: 401 })
        }
      })
    }
    const claims = await world.agent.signIn({ authServer: ids.authServer, scope: 'openid notes.read' })
    serve(true)
    const response = await world.agent.fetch(`${ids.agent}/notes`)
    expect(await response.json()).toEqual({ agent: ids.agent, sub: claims.sub })
    serve(false)
    expect((await world.agent.fetch(`${ids.agent}/notes`)).status).toBe(401)
    expect(refused).toMatchObject([{ code: 'auth_token_invalid' }])
  })

  it('refuses an auth server that is not accepted', async () => {
    const world = await createWorld({ agent: { authServers: [] } })
    await expect(world.agent.signIn({ authServer: ids.authServer })).rejects.toMatchObject({
      code: 'auth_server_refused',
    })
  })
})
