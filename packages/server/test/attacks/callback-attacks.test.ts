import { describe, expect, it } from 'vitest'
import { createScriptedUser, decideAs } from '../scripted-user.js'
import { createWorld, ids, type World } from '../world.js'

interface CallbackAttack {
  id: string
  claim: string
  /** One change to a valid callback. */
  change: (callback: URL) => void
  /** The browser session that it arrives in. */
  session?: string
}

const attacks: readonly CallbackAttack[] = [
  {
    id: 'C30',
    claim: 'iss of another auth server',
    change: (url) => url.searchParams.set('iss', 'https://other.example'),
  },
  { id: 'C30', claim: 'no iss', change: (url) => url.searchParams.delete('iss') },
  { id: 'C31', claim: 'an unknown state', change: (url) => url.searchParams.set('state', 'A'.repeat(32)) },
  { id: 'C31', claim: 'no state', change: (url) => url.searchParams.delete('state') },
  { id: 'C31', claim: 'the state of another browser session', change: () => undefined, session: 'session-2' },
  { id: 'C31', claim: 'the state of a browser session, in none', change: () => undefined, session: '' },
  { id: 'C31', claim: 'both a code and an error', change: (url) => url.searchParams.set('error', 'access_denied') },
]

/** A web agent whose session 1 waits for a callback, and the valid callback. */
async function waiting(): Promise<{ world: World; callback: string; ended: Promise<number> }> {
  let found: (callback: string) => void = () => undefined
  const callback = new Promise<string>((resolve) => {
    found = resolve
  })
  const world = await createWorld({
    agent: { sessionOf: (request) => request.headers.get('cookie') || undefined },
    onConsent: async ({ fetch }, url) => found(await decideAs(createScriptedUser(fetch), url, 'grant')),
  })
  const ended = world.agent
    .forSession('session-1')
    .fetch(`${ids.resource}/data-auth`)
    .then(({ status }) => status)
  return { world, callback: await callback, ended }
}

const arrive = (world: World, callback: string, session = 'session-1') =>
  world.agent.handler(new Request(callback, { headers: session === '' ? {} : { cookie: session } }))

const codesSent = async (world: World) =>
  (await Promise.all(world.sent.map((request) => request.clone().text()))).filter((body) => body.includes('aacd_'))
    .length

describe('the agent’s callback', () => {
  it('takes a valid callback: the base case', async () => {
    const { world, callback, ended } = await waiting()
    expect(await (await arrive(world, callback)).text()).toContain('data-state="allowed"')
    expect(await ended).toBe(200)
    expect(await codesSent(world)).toBe(1)
  })

  it.each(attacks.map((attack) => [attack.id, attack.claim, attack] as const))(
    '%s: refuses %s, sends no code, and still takes the right one',
    async (_id, _claim, { change, session }) => {
      const { world, callback, ended } = await waiting()
      const changed = new URL(callback)
      change(changed)
      const refused = await arrive(world, changed.href, session)
      expect(refused.status).toBe(400)
      const page = await refused.text()
      expect(page).toContain('data-state="refused"')
      expect(page).not.toContain('aacd_')
      expect(refused.headers.get('referrer-policy')).toBe('no-referrer')
      expect(await codesSent(world)).toBe(0)
      await arrive(world, callback)
      expect(await ended).toBe(200)
    },
  )

  it('C31: refuses a callback that was used', async () => {
    const { world, callback, ended } = await waiting()
    await arrive(world, callback)
    await ended
    expect((await arrive(world, callback)).status).toBe(400)
    expect(await codesSent(world)).toBe(1)
  })
})
