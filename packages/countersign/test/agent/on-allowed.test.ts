import { type AgentError, memoryStore } from 'countersign/agent'
import { expect, it } from 'vitest'
import { ended, ids, openStage, type Stage } from './stage.js'

const data = `${ids.api}/data`

type Allowed = [session: string, resource: string, scope: string]

function openReporting(options: Parameters<typeof openStage>[0] = {}): Stage & { allowed: Allowed[] } {
  const allowed: Allowed[] = []
  // The stage itself, because its peers read what is set on it.
  return Object.assign(openStage({ onAllowed: (...each) => void allowed.push(each), ...options }), { allowed })
}

async function askedConsent({ asked }: Stage): Promise<Stage['asked'][number]> {
  await expect.poll(() => asked.length).toBe(1)
  return asked[0] ?? expect.fail()
}

it('reports what a user has allowed, before the waiting request is sent', async () => {
  const stage = openReporting()
  const end = stage.agent.for('s1').fetch(data)
  const consent = await askedConsent(stage)
  stage.api = (_path, { scheme }) => {
    if (scheme === 'jwt') expect(stage.allowed).toEqual([['s1', ids.api, 'data.read']])
    return scheme === 'jwt' ? new Response('data') : stage.challenge('data.read')
  }
  await stage.answer(consent)
  expect(await (await end).text()).toBe('data')
  await stage.agent.for('s1').fetch(data)
  expect(stage.allowed).toEqual([['s1', ids.api, 'data.read']])
})

it('reports it after a restart, in the process that receives the decision', async () => {
  const store = memoryStore()
  const before = openReporting({ onConsent: undefined, store })
  let url = ''
  await before.agent
    .for('s1')
    .fetch(data)
    .catch((error: AgentError) => {
      url = error.consent?.url ?? ''
    })
  const after = openReporting({ onConsent: undefined, store })
  await after.answer({ url, session: 's1' } as Stage['asked'][number])
  expect([before.allowed, after.allowed]).toEqual([[], [['s1', ids.api, 'data.read']]])
})

it('reports neither a denial nor access that needed no decision', async () => {
  const stage = openReporting()
  const end = ended(stage.agent.for('s1').fetch(data))
  await stage.answer(await askedConsent(stage), { error: 'access_denied' })
  expect(await end).toBe('access_denied')
  stage.token.auth = async () => ({ auth_token: await stage.authToken(), expires_in: 600 })
  expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
  expect(stage.allowed).toEqual([])
})

it.each([
  [
    'throws',
    () => {
      throw new Error('no')
    },
  ],
  ['rejects', async () => Promise.reject(new Error('no'))],
])('a function that %s does not stop the request', async (_how, onAllowed) => {
  const stage = openReporting({ onAllowed })
  const end = ended(stage.agent.for('s1').fetch(data))
  await stage.answer(await askedConsent(stage))
  expect(await end).toBe('data')
})

it('must be a function', () => {
  expect(() => openStage({ onAllowed: 'log' as never })).toThrow(new TypeError('onAllowed must be a function'))
})
