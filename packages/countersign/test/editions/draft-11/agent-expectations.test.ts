import { draft11Tokens } from 'countersign/editions/draft-11'
import { describe, expect, it } from 'vitest'
import { ids, openStage, problem, requirement, type Stage, trace, unauthorized } from './agent-stage.js'

const data = `${ids.resource}/data`

/** Our agent's first request, at a resource that announces what it needs. */
function openAnnounced(mode: string | undefined, options: Parameters<typeof openStage>[0] = {}): Stage {
  const stage = openStage(options)
  if (mode !== undefined) stage.resourceDocument.access_mode = mode
  return stage
}

/** A person server at which the user has already let the agent act. */
function grant(stage: Stage): void {
  stage.personServer.token = async (seen) => Response.json({ person_token: await stage.personToken(seen) })
}

describe('an agent that holds no token for a resource', () => {
  it.each(['person-token', 'auth-token'])('comes with a person token if the document announces %s', async (mode) => {
    const stage = openAnnounced(mode)
    grant(stage)
    const body = JSON.stringify({ a: 1 })
    const response = await stage.agent.fetch(data, { method: 'POST', body, headers: { 'content-type': 'text/plain' } })
    expect(await response.text()).toBe('data')
    expect(trace(stage)).toEqual([
      'POST ps.example/token agent',
      'POST api.example/data person',
      'POST ps.example/authorize agent',
      'GET ps.example/pending agent',
      'POST api.example/data auth',
    ])
    expect(JSON.parse(stage.seen[0]?.body ?? '')).toEqual({ resource: ids.resource, prompt: 'none', capabilities: [] })
  })

  it.each(['agent-token', 'session-token', 'something-new', '', undefined])(
    'comes with its agent token if the document announces %s',
    async (mode) => {
      const stage = openAnnounced(mode)
      grant(stage)
      stage.api = () => new Response('data')
      expect((await stage.agent.fetch(data)).status).toBe(200)
      expect(trace(stage)).toEqual(['GET api.example/data agent'])
    },
  )

  it('comes with its agent token if there is no document, and looks for it once an hour', async () => {
    const stage = openStage()
    const wanted: string[] = []
    const agent = stage.newAgent({
      async fetch(input, init) {
        const { url } = new Request(input, init)
        if (!url.includes('/.well-known/aauth-resource.json')) return stage.fetch(input, init)
        wanted.push(url)
        return new Response(null, { status: 404 })
      },
    })
    stage.api = () => new Response('data')
    for (const later of [0, 3500]) {
      stage.clock.now += later
      expect((await agent.fetch(data)).status).toBe(200)
    }
    expect(wanted).toHaveLength(1)
    stage.clock.now += 200
    await agent.fetch(data)
    expect(wanted).toHaveLength(2)
    expect(trace(stage)).toEqual(Array(3).fill('GET api.example/data agent'))
  })

  it('comes with its agent token if it has no person server', async () => {
    const stage = openAnnounced('auth-token', { authServers: [] })
    stage.api = () => new Response('data')
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect(trace(stage)).toEqual(['GET api.example/data agent'])
  })

  it('comes with its agent token to a route that once required it', async () => {
    const stage = openAnnounced('auth-token')
    grant(stage)
    stage.api = ({ typ }) =>
      typ === draft11Tokens.agent.typ ? new Response('data') : unauthorized(requirement('requirement=agent-token'))
    expect((await stage.agent.fetch(data)).status).toBe(200)
    stage.clock.now += 4000
    stage.seen.length = 0
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect(trace(stage)).toEqual(['GET api.example/data agent'])
  })

  it.each<[string, (stage: Stage) => void]>([
    ['needs the user', ({ personServer }) => (personServer.token = () => problem(403, 'user_unreachable'))],
    ['fails', ({ personServer }) => (personServer.token = () => problem(500, 'server_error'))],
    ['cannot be reached', ({ personServer }) => (personServer.token = () => Promise.reject(new TypeError('down')))],
    [
      'issues a token that is not for this agent',
      (stage) =>
        (stage.personServer.token = async (seen) =>
          Response.json({ person_token: await stage.personToken(seen, { aud: 'https://other.example' }) })),
    ],
    ['defers its response, although no one is to be prompted', () => undefined],
  ])('prompts no one and comes with its agent token if the person server %s', async (_if, arrange) => {
    const stage = openAnnounced('auth-token')
    arrange(stage)
    stage.api = () => new Response('data')
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect(trace(stage).filter((each) => each.includes('api.example/'))).toEqual(['GET api.example/data agent'])
    expect([stage.asked, stage.pending.size]).toEqual([[], 0])
  })

  it('requests one token for requests that are sent at the same time, and an aborted one does not keep the others from it', async () => {
    const stage = openAnnounced('person-token')
    let issue: () => void = () => undefined
    const issued = new Promise<void>((resolve) => {
      issue = resolve
    })
    stage.personServer.token = async (seen) => {
      await issued
      return Response.json({ person_token: await stage.personToken(seen) })
    }
    stage.api = ({ typ }) => new Response(typ)
    const abort = new AbortController()
    const first = stage.agent.fetch(data, { signal: abort.signal })
    const others = ['/a', '/b'].map((path) => stage.agent.fetch(ids.resource + path))
    await expect.poll(() => stage.seen.length).toBe(1)
    abort.abort(new Error('closed'))
    await expect(first).rejects.toThrow('closed')
    issue()
    const typ = 'aa-person+jwt'
    expect(await Promise.all(others.map(async (response) => (await response).text()))).toEqual([typ, typ])
    expect(trace(stage).filter((each) => each.startsWith('POST'))).toEqual(['POST ps.example/token agent'])
  })

  it('comes with a person token where a token for the user was required before, and not elsewhere', async () => {
    const stage = openStage()
    await stage.agent.fetch(data)
    stage.clock.now += 4000
    stage.seen.length = 0
    grant(stage)
    const { api } = stage
    stage.api = (seen) => (seen.url.endsWith('/open') ? new Response('open') : api(seen))
    await stage.agent.fetch(`${ids.resource}/open`)
    await stage.agent.fetch(data)
    expect(trace(stage).filter((each) => each.includes('api.example/'))).toEqual([
      'GET api.example/open agent',
      'GET api.example/data person',
      'GET api.example/data auth',
    ])
  })
})
