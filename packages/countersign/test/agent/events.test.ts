import type { CountersignEvent } from 'countersign'
import { expect, it, vi } from 'vitest'
import { ids, openStage, settled } from './stage.js'

/** A stage, and the events of its agent; durations are left out because they vary. */
function openTold(options: Parameters<typeof openStage>[0] = {}) {
  const told: object[] = []
  const onEvent = (event: CountersignEvent): void => {
    const { duration, ...rest } = { duration: 0, ...event }
    expect(duration).toBeGreaterThanOrEqual(0)
    told.push(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)))
  }
  return { stage: openStage({ onEvent, ...options }), told }
}

const lookup = { kind: 'lookup', role: 'agent', host: 'auth.example', outcome: 'found', cached: false }
const request = { kind: 'request', role: 'agent' }

it('an agent reports a request with all its steps, its lookups, and the callback', async () => {
  const { stage, told } = openTold()
  const response = stage.agent.for('browser').fetch(`${ids.api}/events?of=alice`)
  await expect.poll(() => stage.asked.length).toBe(1)
  const [consent] = stage.asked
  if (consent) await stage.answer(consent)
  expect((await response).status).toBe(200)
  expect(told).toEqual([
    { ...lookup, what: 'document' },
    // The wording of the agent’s own requests.
    { ...lookup, what: 'document', host: 'api.example', outcome: 'refused', reason: expect.any(String) as string },
    { ...lookup, what: 'document', cached: true },
    { ...request, route: '/callback', method: 'GET', outcome: 'ok', status: 200 },
    { ...request, route: 'fetch', method: 'GET', host: 'api.example', outcome: 'ok', status: 200 },
  ])
})

it('an agent reports a sign-in by name', async () => {
  const { stage, told } = openTold()
  stage.token.code = async () => ({ auth_token: await stage.authToken({ aud: ids.agent }) })
  const claims = stage.agent.for('browser').signIn({ authServer: ids.authServer })
  await expect.poll(() => stage.asked.length).toBe(1)
  await stage.answer(stage.asked[0] ?? expect.fail())
  await claims
  expect(told.at(-1)).toEqual({ ...request, route: 'sign-in', outcome: 'ok' })
})

it('an agent reports what it rejected and why, what was rejected by others, and what failed', async () => {
  const { stage, told } = openTold({ authServers: () => false })
  const { fetch } = stage.agent.for('browser')
  await expect(fetch(`${ids.api}/events`)).rejects.toThrow()
  stage.api = async () => new Response(null, { status: 401, headers: { 'agent-auth': 'httpsig; identity=?1' } })
  expect((await fetch(`${ids.api}/events`)).status).toBe(401)
  stage.api = async () => {
    throw new TypeError('no network')
  }
  await expect(fetch(`${ids.api}/events`)).rejects.toThrow('no network')
  await stage.agent.handler(new Request(`${ids.agent}/callback?code=a&state=b`))
  await stage.agent.handler(new Request(`${ids.agent}/nowhere`))
  const asked = { ...request, route: 'fetch', method: 'GET', host: 'api.example' }
  expect(told).toEqual([
    {
      kind: 'refusal',
      role: 'agent',
      code: 'auth_server_refused',
      reason: expect.stringContaining('api.example sends users to https://auth.example') as string,
    },
    { ...asked, outcome: 'auth_server_refused' },
    { ...asked, outcome: 'challenged', status: 401 },
    { ...asked, outcome: 'failed' },
    { ...request, route: '/callback', method: 'GET', outcome: 'refused', status: 400 },
    { ...request, route: 'none', method: 'GET', outcome: 'refused', status: 404 },
  ])
})

it.each<[string, () => void | Promise<void>]>([
  [
    'throws',
    () => {
      throw new Error('the listener is broken')
    },
  ],
  ['rejects', () => Promise.reject(new Error('the listener is broken'))],
])('a listener that %s does not affect requests, and causes one warning', async (how, onEvent) => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const id = `https://agent-${how}.example`
  const stage = openStage({ onEvent, id })
  stage.api = async () => new Response('data')
  for (let sent = 0; sent < 3; sent++)
    expect(await (await stage.agent.for('browser').fetch(`${ids.api}/events`)).text()).toBe('data')
  await settled()
  expect(warned.mock.calls).toEqual([['onEvent: it failed: Error: the listener is broken', 'CountersignWarning']])
  warned.mockRestore()
})

it('a listener that never settles is not awaited', async () => {
  const stage = openStage({ onEvent: () => new Promise<void>(() => undefined) })
  stage.api = async () => new Response('data')
  expect(await (await stage.agent.for('browser').fetch(`${ids.api}/events`)).text()).toBe('data')
})

it('a listener that is not a function is a TypeError', () => {
  expect(() => openStage({ onEvent: 'log' as never })).toThrow(new TypeError('onEvent must be a function'))
})
