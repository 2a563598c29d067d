import { january, parseChallenge } from 'countersign/editions'
import { createTestWorld, type TestAgent, type TestWorld } from 'countersign/testing'
import { describe, expect, it } from 'vitest'
import { api, openApi } from './world-api.js'

interface Stage {
  world: TestWorld
  agent: TestAgent
  /** Another agent. */
  other: TestAgent
  /** The URL to which the browser of the agent's user was redirected. */
  back: () => URLSearchParams
}

async function openStage(): Promise<Stage> {
  const world = await createTestWorld()
  openApi(world)
  const [agent, other] = [await world.agent(), await world.agent()]
  let back = new URLSearchParams()
  world.origins.set(agent.id, (request) => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== '/callback') return agent.handler(request)
    back = searchParams
    return new Response('came back')
  })
  return { world, agent, other, back: () => back }
}

async function post({ world }: Stage, agent: TestAgent, form: Record<string, string>) {
  const response = await agent.send('no-token', `${world.authServer}/agent/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
  })
  return (await response.json()) as Record<string, string>
}

const redirectOf = (agent: TestAgent) => `${agent.id}/callback`

async function resourceTokenFor(agent: TestAgent): Promise<string> {
  const response = await agent.send('no-token', `${api}/events`)
  return parseChallenge(response.headers.get(january.headers.challenge) ?? '').resourceToken ?? ''
}

/** A code that the agent's user allowed, and its request token. */
async function getCode(stage: Stage): Promise<{ code: string; requestToken: string }> {
  const { world, agent, back } = stage
  const asked = await post(stage, agent, {
    request_type: 'auth',
    resource_token: await resourceTokenFor(agent),
    redirect_uri: redirectOf(agent),
  })
  const requestToken = asked.request_token ?? ''
  const query = new URLSearchParams({ request_token: requestToken, redirect_uri: redirectOf(agent), state: 's' })
  await agent.person.open(`${world.authServer}/agent/auth?${query}`)
  expect(back().get('state')).toBe('s')
  expect(back().get('iss')).toBe(world.authServer)
  return { code: back().get('code') ?? '', requestToken }
}

describe('a code', () => {
  it('yields a token once', async () => {
    const stage = await openStage()
    const { code } = await getCode(stage)
    const form = { request_type: 'code', code }
    expect(await post(stage, stage.agent, form)).toMatchObject({ token_type: 'Bearer', expires_in: 600 })
    expect(await post(stage, stage.agent, form)).toMatchObject({ error: 'invalid_grant' })
  })

  it.each<[string, (stage: Stage, code: string) => Promise<Record<string, string>>]>([
    ['to another agent', (stage, code) => post(stage, stage.other, { request_type: 'code', code })],
    [
      'after a minute',
      (stage, code) => {
        stage.world.advance(60)
        return post(stage, stage.agent, { request_type: 'code', code })
      },
    ],
    [
      'with another redirect URI',
      (stage, code) =>
        post(stage, stage.agent, { request_type: 'code', code, redirect_uri: `${stage.agent.id}/elsewhere` }),
    ],
    [
      'with another request token',
      (stage, code) => post(stage, stage.agent, { request_type: 'code', code, request_token: 'another' }),
    ],
  ])('yields nothing %s', async (_how, exchangeCode) => {
    const stage = await openStage()
    const { code } = await getCode(stage)
    expect(await exchangeCode(stage, code)).toMatchObject({ error: 'invalid_grant' })
  })
})

it('yields nothing for another agent’s refresh token', async () => {
  const stage = await openStage()
  const { code } = await getCode(stage)
  const { refresh_token: token = '' } = await post(stage, stage.agent, { request_type: 'code', code })
  const form = { request_type: 'refresh', refresh_token: token }
  expect(await post(stage, stage.other, form)).toMatchObject({ error: 'invalid_grant' })
  expect(await post(stage, stage.agent, form)).toMatchObject({ expires_in: 600 })
})

it('rejects a resource token for another agent', async () => {
  const stage = await openStage()
  const { agent, other } = stage
  const form = { request_type: 'auth', resource_token: await resourceTokenFor(agent), redirect_uri: redirectOf(other) }
  expect(await post(stage, other, form)).toMatchObject({ error: 'invalid_resource_token' })
})

it('rejects a replayed request', async () => {
  const stage = await openStage()
  const { world, agent } = stage
  const sent: Request[] = []
  const answer = world.origins.get(world.authServer)
  world.origins.set(world.authServer, (request) => {
    if (request.method === 'POST') sent.push(request.clone())
    return answer?.(request) ?? new Response('', { status: 404 })
  })
  await getCode(stage)
  const copy = await world.fetch(sent[0] as Request)
  expect(copy.status).toBe(401)
  expect(await copy.json()).toMatchObject({ error: 'invalid_signature' })
  expect(agent.person.asked).toHaveLength(1)
})

it('lets no one decide with another redirect URI', async () => {
  const stage = await openStage()
  const { world, agent } = stage
  const asked = await post(stage, agent, {
    request_type: 'auth',
    resource_token: await resourceTokenFor(agent),
    redirect_uri: redirectOf(agent),
  })
  const query = new URLSearchParams({
    request_token: asked.request_token ?? '',
    redirect_uri: 'https://elsewhere.test/callback',
  })
  expect((await agent.person.open(`${world.authServer}/agent/auth?${query}`)).status).toBe(400)
  expect(agent.person.asked).toEqual([])
})
