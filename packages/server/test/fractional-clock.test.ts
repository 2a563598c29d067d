import { decodeToken } from 'countersign/tokens'
import { expect, it } from 'vitest'
import { createScriptedUser, decideAs } from './scripted-user.js'
import { createWorld, ids } from './world.js'

it.each([0.001, 0.5, 0.999])('a clock with a fraction of %d s works for all parties', async (fraction) => {
  const lifetimes: number[] = []
  const world = await createWorld({
    server: { lifetimes: { authToken: 600 }, durations: ['until-removed'] },
    resource: {
      denyList: {},
      claimNonce: ({ lifetime }) => {
        lifetimes.push(lifetime)
        return true
      },
    },
    onConsent: async ({ fetch }, url) => {
      const user = createScriptedUser(fetch)
      void user.open(await decideAs(user, url, 'grant'))
    },
  })
  const answers: Response[] = []
  const answering = world.origins.get(ids.authServer)
  world.origins.set(ids.authServer, async (request) => {
    const response = (await answering?.(request)) ?? new Response(null, { status: 500 })
    answers.push(response.clone())
    return response
  })
  const post = () => world.agent.fetch(`${ids.resource}/data-auth`, { method: 'POST', body: 'hello' })
  world.clock.now += fraction
  expect((await post()).status).toBe(200)
  world.clock.now += 601
  expect((await post()).status).toBe(200)
  world.clock.now += 500 - fraction
  expect((await post()).status).toBe(200)

  const tokens: string[] = []
  for (const request of world.sent) {
    const text = `${[...request.headers.values()].join(' ')} ${decodeURIComponent(await request.clone().text())}`
    for (const [, created = ''] of text.matchAll(/;created=([^\s;]+)/g)) expect(created).toMatch(/^\d{10}$/)
    tokens.push(...(text.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? []))
  }
  for (const answer of answers) tokens.push(...((await answer.text()).match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? []))
  const kinds = new Set<string>()
  for (const token of tokens) {
    const { header, payload } = decodeToken(token) ?? {}
    const kind = String(header?.typ)
    kinds.add(kind)
    for (const time of ['iat', 'exp'] as const) expect(Number.isInteger(payload?.[time]), `${kind} ${time}`).toBe(true)
  }
  expect(kinds).toEqual(new Set(['auth+jwt', 'resource+jwt', 'revocations+jwt']))
  expect(lifetimes.length).toBeGreaterThanOrEqual(3)
  expect(lifetimes.every(Number.isInteger)).toBe(true)
  const grants = await world.storage.listGrants({ live: true })
  expect(grants.length).toBeGreaterThan(0)
  for (const value of grants.flatMap((grant) => Object.values(grant)))
    if (typeof value === 'number') expect(Number.isInteger(value)).toBe(true)
})
