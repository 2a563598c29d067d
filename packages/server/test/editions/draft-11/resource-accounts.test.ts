import { createAgent } from 'countersign/agent'
import { draft11Agent, draft11ResourceWith } from 'countersign/editions/draft-11'
import { createResource } from 'countersign/resource'
import { describe, expect, it } from 'vitest'
import { openMapStage, openProxiedPostgresStage, openProxiedStage } from '../../attacks/stage.js'
import { createScriptedUser } from '../../scripted-user.js'
import { scopes } from '../../world.js'
import { openConsent, openPersonStage } from './person-stage.js'

describe.each([
  ['one server, in process', openMapStage],
  ['two instances over HTTP on one SQLite file', openProxiedStage],
  ['two instances over HTTP on one PostgreSQL database', openProxiedPostgresStage],
] as const)('an agent, an API with accounts and %s', (_name, open) => {
  it('what the user allows for one account is remembered for that account only', async () => {
    const stage = await openPersonStage({ open })
    const { resource: own, authServer, clock, origins, fetch } = stage
    const shared = { authServers: [authServer], fetch, now: () => clock.now }
    const of = ({ path }: { path: string }) => /^\/(work|home)$/.exec(path)?.[1]
    const api = createResource({
      ...shared,
      edition: draft11ResourceWith({ accounts: { has: () => true, of } }),
      id: own.id,
      signer: own.signer,
      scopes,
    })
    origins?.set(own.id, async (request) => {
      if (api.publishedPaths.has(new URL(request.url).pathname)) return api.handler(request)
      try {
        return Response.json((await api.verify(request, { require: 'authorization', scope: 'data.read' })).claims)
      } catch (error) {
        return api.toResponse(error)
      }
    })
    const shown: string[] = []
    const newAgent = () =>
      createAgent({
        ...shared,
        edition: draft11Agent,
        id: stage.agent.id,
        signer: stage.agent.signer,
        onePerson: true,
        async onConsent({ url: page }) {
          const user = createScriptedUser(fetch)
          const { html, url } = await openConsent(stage, page, { user })
          shown.push(/Your account there[\s\S]*?<bdi>([^<]*)<\/bdi>/.exec(html)?.[1] ?? '')
          await user.submit(html, url, { consent: 'grant', duration: 'until-removed' })
        },
      })
    const accountAt = async (agent: ReturnType<typeof newAgent>, path: string) => {
      const { account } = (await (await agent.fetch(own.id + path)).json()) as { account?: string }
      return account
    }
    const agent = newAgent()
    origins?.set(stage.agent.id, agent.handler)
    expect(await accountAt(agent, '/work')).toBe('work')
    expect(await accountAt(agent, '/home')).toBe('home')
    expect(shown, 'for acting as the user, and for each account').toHaveLength(3)
    // Another process has no tokens, and the user is not prompted again.
    expect(await accountAt(newAgent(), '/work')).toBe('work')
    expect(shown).toEqual(['', 'work', 'home'])
    const grants = await stage.storage.listGrants({ live: true })
    expect(grants.map(({ account }) => account ?? '').sort()).toEqual(['', 'home', 'work'])
  })
})
