import { createAgent, createWebAgent } from 'countersign/agent'
import { createTestWorld } from 'countersign/testing'
import { draft11TestEdition } from 'countersign/testing/draft-11'
import { createHeldCalls, type ToolConsent, type ToolResult } from 'countersign/tools'
import { describe, expect, it } from 'vitest'
import { api, openApi } from '../testing/world-api.js'

const order = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"cups": 2}\n' } as const

/** Tools that call an API of draft -11, and the links that their user was shown. */
async function open() {
  const world = await createTestWorld({ edition: draft11TestEdition })
  const { served } = openApi(world)
  const bodies: string[] = []
  const shown: ToolConsent[] = []
  const calls = createHeldCalls({ showLink: (consent) => void shown.push(consent) })
  const options = { id: 'https://agent.test', ...world.forAgent, onConsent: calls.onConsent }
  const handle = world.origins.get(api)
  world.origins.set(api, async (request) => {
    const body = await request.clone().text()
    const response = (await handle?.(request)) ?? new Response()
    if (response.ok && request.method === 'POST') bodies.push(body)
    return response
  })
  return { world, served, bodies, shown, calls, options }
}

async function openForOne() {
  const opened = await open()
  const agent = createAgent({ ...opened.options, onePerson: true })
  opened.world.origins.set(agent.id, (request) => agent.handler(request))
  return { ...opened, call: opened.calls.through(agent.fetch) }
}

const jsonOf = async (result: ToolResult) =>
  result.state === 'answered' ? ((await result.response.json()) as object) : result.state

describe('a held call to an API of draft -11', () => {
  it('waits for both decisions, and is sent byte for byte, once', async () => {
    const { world, call, calls, shown, served, bodies } = await openForOne()
    const user = world.person('Alice')
    expect((await call(`${api}/events`, order)).state).toBe('waiting')
    expect(shown).toMatchObject([{ resource: api }])
    await user.open(shown[0]?.url ?? '')
    await expect.poll(() => shown.length).toBe(2)
    expect((await call(`${api}/events`, order)).state).toBe('waiting')
    expect(served).toEqual([])
    await user.open(shown[1]?.url ?? '')
    expect(await calls.settled()).toBe(true)
    expect(served).toEqual(['/events'])
    expect(bodies).toEqual([order.body])
    expect(await jsonOf(await call(`${api}/events`, order))).toMatchObject({ sub: user.sub, scope: ['events.read'] })
    expect(served).toHaveLength(1)
    expect(user.asked.map(({ scope }) => scope)).toEqual(['', 'events.read'])
  })

  it('is resumed together with another one that waits for the same decisions', async () => {
    const { world, call, calls, shown, served } = await openForOne()
    const user = world.person('Alice')
    const waiting = await Promise.all([call(`${api}/events`), call(`${api}/events?page=2`)])
    expect(waiting.map(({ state }) => state)).toEqual(['waiting', 'waiting'])
    for (const at of [0, 1]) {
      await expect.poll(() => shown.length).toBe(at + 1)
      await user.open(shown[at]?.url ?? '')
    }
    expect(await calls.settled()).toBe(true)
    expect(served).toHaveLength(2)
    expect(user.asked).toHaveLength(2)
  })

  it.each([0, 1])('is dropped if the user denies decision %i', async (denied) => {
    const { world, call, calls, shown, served } = await openForOne()
    const user = world.person('Bob', { allows: denied === 0 ? [] : ['events.write'] })
    await call(`${api}/events`)
    for (let at = 0; at <= denied; at++) {
      await expect.poll(() => shown.length).toBe(at + 1)
      await user.open(shown[at]?.url ?? '')
    }
    expect(await calls.settled()).toBe(true)
    expect(await call(`${api}/events`)).toMatchObject({ state: 'denied', error: { code: 'access_denied' } })
    expect(served).toEqual([])
  })

  it('is held for its own session of a web agent', async () => {
    const { world, calls, shown, served, options } = await open()
    const sessionOf = (request: Request) => /sid=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1]
    const agent = createWebAgent({ ...options, sessionOf })
    world.origins.set(agent.id, (request) => agent.handler(request))
    const callOf = (session: string) => calls.through(agent.for(session).fetch, session)
    expect((await callOf('s1')(`${api}/events`)).state).toBe('waiting')
    expect((await callOf('s2')(`${api}/events`)).state).toBe('waiting')
    expect(shown.map(({ session }) => session)).toEqual(['s1', 's2'])
    calls.forget('s2')
    expect(await calls.settled('s2')).toBe(false)
    expect(served).toEqual([])
  })
})
