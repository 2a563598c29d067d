import { expect } from 'vitest'
import type { Attack, Outcome } from './attack.js'
import { type Asked, allow, authRequest, openRequest, signForm, type Viewer, view } from './flow.js'
import { delegateOf, type Identity, identityOf } from './party.js'
import { people, type Stage } from './stage.js'

const scope = 'data.read data.write'

/** Has Alice deny the agent a request. */
async function deny(stage: Stage, asked: Asked = { scope }, user?: Viewer['user']): Promise<Viewer['user']> {
  const opened = await openRequest(stage, identityOf(stage.agent), asked)
  const viewer = await view(stage, opened, user)
  const denied = await viewer.user.submit(viewer.page, opened.url, { consent: 'deny' })
  expect(denied.headers.get('location')).toContain('error=access_denied')
  return viewer.user
}

interface Again {
  by?: Identity
  asked?: Asked
  /** @default Alice, who denied the first request */
  person?: (typeof people)[keyof typeof people]
}

/** Alice denies a request, and opens another one. */
function afterDenial(
  claim: string,
  again: (stage: Stage, user: Viewer['user']) => Promise<Again> | Again,
  expected: Outcome,
): Attack {
  return {
    id: 'C40',
    claim,
    when: async (stage) => {
      const user = await deny(stage)
      const { by = identityOf(stage.agent), asked = { scope }, person } = await again(stage, user)
      const opened = await openRequest(stage, by, asked)
      if (!person) return () => user.open(opened.url)
      const { user: other } = await view(stage, await openRequest(stage, by, asked), undefined, person)
      return () => other.open(opened.url)
    },
    expected,
  }
}

const turnedDown = (seconds: number): Outcome => ({
  status: 429,
  page: 'request_too_soon',
  headers: { 'retry-after': new RegExp(`^${seconds}$`) },
  audit: ['request.bound', 'request.denied_again'],
  also(stage, body) {
    const [, back = ''] = /href="([^"]*callback[^"]*)"/.exec(body) ?? []
    const { origin, searchParams } = new URL(back.replaceAll('&amp;', '&'))
    expect(origin).toBe(stage.agent.id)
    expect(searchParams.get('error')).toBe('access_denied')
    expect(searchParams.get('error_description')).toContain(`${seconds} seconds`)
  },
})
const asks = (state: string): Outcome => ({ status: 200, page: state, audit: ['request.bound'] })

/** An agent that asks a user again for what they denied. */
export const denialAttacks: readonly Attack[] = [
  afterDenial('asks again at once', () => ({}), turnedDown(600)),
  afterDenial(
    'asks for the same in another order',
    () => ({ asked: { scope: 'data.write data.read' } }),
    turnedDown(600),
  ),
  afterDenial('asks for the same twice', () => ({ asked: { scope: `${scope} data.read` } }), turnedDown(600)),
  afterDenial('asks for the same and more', () => ({ asked: { scope: `other ${scope}` } }), turnedDown(600)),
  afterDenial(
    'asks for a part of it with something else, for the fourth time',
    async (stage, user) => {
      for (const other of ['a', 'b']) await deny(stage, { scope: `data.write ${other}` }, user)
      return { asked: { scope: 'data.write c' } }
    },
    turnedDown(600),
  ),
  afterDenial(
    'asks as another delegate',
    async (stage) => ({ by: await delegateOf(stage.agent, 'device-2', stage.clock.now) }),
    turnedDown(600),
  ),
  {
    id: 'C40',
    claim: 'spells its identifier in another way',
    when: async (stage) => {
      await deny(stage)
      const { id } = stage.agent
      const by = identityOf({ ...stage.agent, id: `${id}/` })
      const request = await authRequest(stage, by, { scope, redirectUri: `${id}/callback` })
      return async () => stage.fetch(await signForm(stage, request))
    },
    expected: { status: 401, error: 'invalid_signature' },
  },
  afterDenial(
    'asks again a moment before it may',
    (stage) => {
      stage.clock.now += 599
      return {}
    },
    turnedDown(1),
  ),
  afterDenial(
    'asks after a second denial, which doubles the wait, while turned-down requests do not',
    async (stage, user) => {
      const { url } = await openRequest(stage, identityOf(stage.agent), { scope })
      expect((await user.open(url)).status).toBe(429)
      stage.clock.now += 600
      await deny(stage, { scope }, user)
      return {}
    },
    turnedDown(1200),
  ),
  afterDenial(
    'asks when it may: the user sees the request',
    (stage) => {
      stage.clock.now += 600
      return {}
    },
    asks('consent-first-time'),
  ),
  afterDenial(
    'asks for less: the user sees the request',
    () => ({ asked: { scope: 'data.read' } }),
    asks('consent-first-time'),
  ),
  afterDenial('asks another user, who sees the request', () => ({ person: people.bob }), asks('consent-first-time')),
  afterDenial(
    'another agent asks: the user sees the request',
    (stage) => ({ by: identityOf(stage.otherAgent) }),
    asks('consent-first-time'),
  ),
  afterDenial(
    'asks at another resource: the user sees the request',
    (stage) => ({ asked: { scope, resource: stage.otherResource } }),
    asks('consent-first-time'),
  ),
  afterDenial(
    'asks after the user allowed the same: the user sees the request',
    async (stage, user) => {
      stage.clock.now += 600
      await allow(stage, identityOf(stage.agent), {}, { asked: { scope }, user })
      await deny(stage, { scope: 'other' }, user)
      return {}
    },
    asks('consent-known'),
  ),
]
