import { decodeToken } from 'countersign/tokens'
import type { PolicyDecision } from 'countersign-server'
import { expect, it, onTestFinished } from 'vitest'
import { type Allowed, allow, authRequest, openRequest, ownRequest, redeem, signForm, view } from './attacks/flow.js'
import { openMapStage, people } from './attacks/stage.js'
import { words } from './pages/reading.js'

/** The page when an agent sends another request, after the user allowed it to read their data for an hour. */
async function readAgain(wait: number): Promise<string> {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const { user } = await allow(stage, undefined, { duration: '3600' }, { asked: { scope: 'data.read' } })
  stage.clock.now += wait
  const opened = await openRequest(stage, undefined, { scope: 'data.write' })
  return words((await view(stage, opened, user)).page)
}

it('shows that earlier access stays allowed, and never says that the agent will not have it', async () => {
  const read = await readAgain(60)
  expect(read).toMatch(/You allowed this agent on .*It’s now asking for more\./)
  expect(read).toContain('New Create and change your data')
  expect(read).toContain('It can still: Read: See your data Details, and what it can’t do It will not be able to')
  expect(read).not.toContain('See your data (not asked for)')
})

it('says of expired access only that the agent was allowed before', async () => {
  const read = await readAgain(3601)
  expect(read).toMatch(/You allowed this agent on [^.]*\. Asked/)
  expect(read).not.toMatch(/It can still|New Create/)
  expect(read).toContain('Delete your data (not asked for)')
  expect(read).not.toContain('See your data (not asked for)')
})

it.each([
  ['files.full_control', ['files.read', 'files.delete', 'mail.read']],
  ['Mail.ReadWrite', ['Mail.Read', 'Mail.Send', 'Mail.Delete']],
  ['write:packages', ['read:packages']],
  ['calendar.manage', ['calendar.read', 'calendar.delete']],
  ['calendar', ['calendar.read', 'mail.read']],
])('does not say that the agent will be unable to do what %s may include', async (scope, others) => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  stage.resource.document.supported_scopes = [scope, ...others, 'billing:pay']
  stage.resource.document.scope_descriptions = {}
  const { page, user } = await view(stage, await openRequest(stage, undefined, { scope }))
  const read = words(page)
  for (const other of others) expect(read).not.toContain(`${other} (not asked for)`)
  if (scope !== 'calendar' && scope !== 'files.full_control') expect(read).toContain('billing:pay (not asked for)')
  stage.resource.document.supported_scopes = ['x.read', ...others]
  const proof = scope === 'files.full_control' ? { password: people.alice.password } : {}
  const next = await allow(stage, undefined, { duration: '3600', ...proof }, { asked: { scope }, user })
  const later = words((await view(stage, await openRequest(stage, undefined, { scope: 'x.read' }), next.user)).page)
  for (const other of others) expect(later).not.toContain(`${other} (not asked for)`)
})

it('reads only valid scopes from those a resource offers, up to 150 scopes and 4,000 characters', async () => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const offered = async (scopes: string[]) => {
    stage.resource.document.supported_scopes = scopes
    stage.resource.document.scope_descriptions = {}
    const { page } = await view(stage, await openRequest(stage, undefined, { scope: 'data.read' }))
    return words(page)
  }
  const long = `mail.${'x'.repeat(124)}`
  const read = await offered([long, 'two words', 'mail.delete'])
  expect(read).toContain('mail.delete (not asked for)')
  expect(read).not.toContain('two words')
  expect(read).not.toContain('mail.xxx')
  stage.clock.now += 3600
  const tooMany = Array.from({ length: 150 }, () => 'data.read')
  expect(await offered([...tooMany, 'mail.delete'])).not.toContain('mail.delete')
})

it('describes in the server’s own words what an agent learns about the user, whatever the resource calls it', async () => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const identity = 'openid profile email'
  const own = await openRequest(stage, undefined, ownRequest(stage, identity))
  const { user, page } = await view(stage, own)
  const learns = 'Read Recognize you when you come back Read See your name and username: alice'
  expect(words(page)).toContain('Allow agent.example to sign you in?')
  expect(words(page)).toContain(`${learns} Read See your email address (you haven’t given one)`)
  expect(words(page)).not.toContain('gives no description')
  stage.resource.document.scope_descriptions = { email: 'Nothing at all' }
  const other = await openRequest(stage, undefined, { scope: `data.read ${identity}` })
  expect(words((await view(stage, other, user)).page)).toContain('Read See your email address (you haven’t given one)')
})

it.each([
  ['nothing for an agent that publishes a name', { name: 'First Agent' }, false],
  ['nothing for an agent that publishes a page about itself', { homepage: 'https://agent.example/about' }, false],
  ['an agent that publishes nothing about itself', { homepage: 'https://elsewhere.example' }, true],
])('warns of %s', async (_, document, warned) => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  delete stage.agent.document.name
  Object.assign(stage.agent.document, document)
  const { page } = await view(stage, await openRequest(stage))
  expect(words(page).includes('agent.example gives no name and has no website')).toBe(warned)
})

it.each([
  ['permissions to read', 'data.read calendar.view', '86400', '2592000'],
  ['a known change', 'data.read events.create', '86400', '2592000'],
  ['a name without a known word', 'data.read data.frobnicate', '3600', '3600'],
  ['a broad permission', 'calendar.manage', '3600', '3600'],
  ['a permission to read and write', 'Mail.ReadWrite', '3600', '3600'],
])('preselects a duration for %s', async (_, scope, first, later) => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const selected = (page: string) => /value="([^"]*)" checked/.exec(page)?.[1]
  const asked = { scope }
  const { page, user } = await view(stage, await openRequest(stage, undefined, asked))
  expect(selected(page), 'the first time').toBe(first)
  await allow(stage, undefined, { duration: '3600' }, { asked, user })
  const next = await view(stage, await openRequest(stage, undefined, asked), user)
  expect(selected(next.page), 'the second time').toBe(later)
})

it.each([
  ['the shortest, if all are longer', [7 * 86_400, 'until-removed'], String(7 * 86_400)],
  ['the longest that is not too long', [3600, 7200, 43_200, 604_800], '43200'],
] as const)('preselects %s', async (_, durations, expected) => {
  const stage = await openMapStage({ durations: [...durations] })
  onTestFinished(() => stage.close())
  const { page } = await view(stage, await openRequest(stage, undefined, { scope: 'data.read' }))
  expect(page).toContain(`value="${expected}" checked`)
})

it('allows a request for the shortest duration if the form contains none that is offered', async () => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const opened = await openRequest(stage, undefined, { scope: 'data.read' })
  const { user, page } = await view(stage, opened)
  await user.submit(page, opened.url, { consent: 'grant', duration: '5000000' })
  expect(await stage.storage.listGrants()).toMatchObject([{ expiresAt: stage.clock.now + 3600 }])
})

it('never allows dangerous access until it is revoked, even if no other duration can be chosen', async () => {
  const stage = await openMapStage({ durations: ['until-removed'] })
  onTestFinished(() => stage.close())
  const opened = await openRequest(stage, undefined, { scope: 'events:delete' })
  const { user, page } = await view(stage, opened)
  expect(page).not.toContain('until-removed')
  await user.submit(page, opened.url, { consent: 'grant', duration: 'until-removed' })
  const [grant] = await stage.storage.listGrants()
  expect(grant).toMatchObject({ expiresAt: stage.clock.now + 3600, remembered: false })
})

it('uses the operator’s risks, and refuses to start with a pattern that matches nothing', async () => {
  const stage = await openMapStage({
    risks: [
      ['data.delete', 'change'],
      ['see', 'control'],
    ],
  })
  onTestFinished(() => stage.close())
  const { page } = await view(stage, await openRequest(stage, undefined, { scope: 'data.delete see:data' }))
  expect(words(page)).toMatch(/Full control see:data .*Change Delete your data/)
  await expect(openMapStage({ risks: [['*.read', 'read']] })).rejects.toThrow(
    'risks[0]: must be a pair: a word or a full permission name',
  )
})

it('still prompts if a rule now grants to the agent itself, and returns the user’s decision', async () => {
  let decision: PolicyDecision = 'ask'
  const stage = await openMapStage({ policy: () => decision })
  onTestFinished(() => stage.close())
  const opened = [await openRequest(stage), await openRequest(stage, undefined, { scope: 'data.write' })] as const
  decision = { grant: 'own-agents' }
  const { user, page } = await view(stage, opened[0])
  expect(page).toContain('data-state="consent-first-time"')
  const denied = await user.submit(page, opened[0].url, { consent: 'deny' })
  const told = new URL(denied.headers.get('location') ?? '').searchParams
  expect([told.get('error'), told.get('error_description')]).toEqual(['access_denied', 'The user denied the request.'])
  const next = await view(stage, opened[1], user)
  const allowed = await user.submit(next.page, opened[1].url, { consent: 'grant' })
  expect(allowed.headers.get('location')).toContain('code=')
})

it.each([
  ['email', 'email'],
  ['profile', 'name'],
])('does not include the %s claim if the page says that it is not passed on', async (scope, claim) => {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  const choices = { duration: 'until-removed' }
  const claimsOf = async (allowed: Allowed) => {
    const { auth_token: token } = (await (await redeem(stage, allowed)).json()) as { auth_token: string }
    return decodeToken(token)?.payload
  }
  const withheld = await allow(stage, undefined, choices, { asked: { scope: `data.read ${scope}` } })
  expect(words(withheld.page)).toContain('(asked for, but we won’t pass it on)')
  expect(await claimsOf(withheld)).toMatchObject({ scope: 'data.read' })
  const { user } = withheld
  const openid = await allow(stage, undefined, choices, { asked: { scope: 'openid' }, user })
  expect(words(openid.page)).toContain(
    'It can still: Read: See your data Details, and what it can’t do It will not be able to',
  )
  expect(await claimsOf(openid)).not.toHaveProperty(claim)
  const { url } = await openRequest(stage, undefined, { scope: `openid ${scope}` })
  const opened = await user.open(url, { referer: `${stage.agent.id}/`, 'sec-fetch-site': 'cross-site' })
  expect(opened.status).toBe(200)
  expect(words(await opened.text())).toContain(`New See your`)
})

it.each(['email', 'profile', 'profile email'])(
  'is not shown for %s alone, which would grant nothing',
  async (scope) => {
    const stage = await openMapStage()
    onTestFinished(() => stage.close())
    const response = await stage.fetch(await signForm(stage, await authRequest(stage, undefined, { scope })))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'invalid_scope' })
  },
)
