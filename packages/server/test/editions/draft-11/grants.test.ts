import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { createScriptedUser, signInToAccount } from '../../scripted-user.js'
import {
  askAuth,
  askPerson,
  decide,
  obtainPerson,
  openConsent,
  openPersonStage,
  type PersonStage,
  pendingIn,
  people,
  poll,
} from './person-stage.js'

const stateOf = (html: string) => /data-state="([\w-]+)"/.exec(html)?.[1]

/** A stage whose user has allowed an auth token, and has just signed in again, in a browser that comes from the agent's page. */
async function openGranted(): Promise<{
  stage: PersonStage
  person: string
  open: (page: string) => Promise<string | undefined>
}> {
  const stage = await openPersonStage()
  const person = await obtainPerson(stage)
  const first = pendingIn(await askAuth(stage, person))
  const { user, html, url } = await openConsent(stage, first.page)
  await user.submit(html, url, { consent: 'grant' })
  async function open(page: string) {
    const headers = { referer: `${stage.agent.id}/`, 'sec-fetch-site': 'cross-site' }
    const entered = await user.open(page, headers)
    const opened = await user.open(new URL(entered.headers.get('location') ?? '', page).href, headers)
    return stateOf(await opened.text())
  }
  return { stage, person, open }
}

describe('a remembered grant', () => {
  it('does not allow a request for an account, and the page shows the account as the resource’s words', async () => {
    const { stage, person, open } = await openGranted()
    const asked = () => askAuth(stage, person, { claims: { account: '<b>work</b>' } })
    expect(await open(pendingIn(await asked()).page)).toMatch(/^consent/)
    const { html } = await openConsent(stage, pendingIn(await asked()).page)
    expect(html).toMatch(/What .*api\.example.* says[\s\S]*Your account there[\s\S]*&lt;b>work&lt;\/b>/)
    expect(html).not.toContain('<b>work')
  })

  it.each(['login', 'select_account'])('does not allow a request with prompt=%s', async (prompt) => {
    const { stage, person, open } = await openGranted()
    expect(await open(pendingIn(await askAuth(stage, person, { prompt })).page)).toMatch(/^consent/)
  })

  it('allows a pending request of a user who comes from the agent’s page', async () => {
    const stage = await openPersonStage()
    const early = pendingIn(await askPerson(stage))
    const { user, html, url } = await openConsent(stage, pendingIn(await askPerson(stage)).page)
    await user.submit(html, url, { consent: 'grant' })
    const headers = { referer: `${stage.agent.id}/`, 'sec-fetch-site': 'cross-site' }
    const entered = await user.open(early.page, headers)
    const opened = await user.open(new URL(entered.headers.get('location') ?? '', early.page).href, headers)
    expect(stateOf(await opened.text())).toBe('return-to-app')
  })
})

describe('a grant for an account', () => {
  const allowFor = async (stage: PersonStage, person: string, account: string) => {
    const { location, page } = pendingIn(await askAuth(stage, person, { claims: { account } }))
    await decide(stage, page)
    return poll(stage, location)
  }

  it('is listed with its account, and removed without the others', async () => {
    const stage = await openPersonStage()
    const person = await obtainPerson(stage)
    const tokens = new Map<string, string>()
    for (const account of ['<b>work</b>', 'home']) {
      const { auth_token: token } = await (await allowFor(stage, person, account)).json()
      tokens.set(account, String(decodeToken(token)?.payload.jti))
    }
    const user = createScriptedUser(stage.fetch)
    await signInToAccount(user, stage.authServer, people.alice)
    const open = async (path: string) => (await user.open(`${stage.authServer}${path}`)).text()
    const list = await open('/account')
    expect(list.match(/<li class="entry">/g)).toHaveLength(3)
    expect(list).toContain('with your account “<bdi>&lt;b>work&lt;/b></bdi>” there')
    const grants = await stage.storage.listGrants({ live: true })
    const work = grants.find(({ account }) => account === '<b>work</b>')
    const path = `/account/agents/${work?.id}`
    expect(await open(path)).toContain('with your account “<bdi>&lt;b>work&lt;/b></bdi>” there')
    const page = await open(`${path}/remove`)
    expect(page).toContain('Only its access with your account “<bdi>&lt;b>work&lt;/b></bdi>” there ends.')
    await user.submit(page, `${stage.authServer}${path}/remove`, { action: 'remove-agent' })
    const due = await stage.storage.claimDeliveries({ edition: 'draft-11', limit: 10, lease: 60 })
    expect(due.map(({ jti }) => jti)).toEqual([tokens.get('<b>work</b>')])
    expect(await open(path)).toContain('We’re telling')
    const home = grants.find(({ account }) => account === 'home')
    expect(await open(`/account/agents/${home?.id}`)).not.toContain('We’re telling')
    expect((await askAuth(stage, person, { claims: { account: '<b>work</b>' } })).status).toBe(202)
    expect((await askAuth(stage, person, { claims: { account: 'home' } })).status).toBe(200)
    expect((await askPerson(stage)).status).toBe(200)
    expect(await stage.storage.findViolations()).toEqual([])
  })

  it('lets a page of another account list nothing as allowed before', async () => {
    const { stage, person, open } = await openGranted()
    await allowFor(stage, person, 'work')
    const states = [{ account: 'work' }, { account: 'home' }].map((claims) =>
      askAuth(stage, person, { claims, prompt: 'consent' }),
    )
    const [same, other] = (await Promise.all(states)).map(pendingIn)
    expect(await open(same?.page ?? '')).toMatch(/^consent/)
    expect((await openConsent(stage, same?.page ?? '')).html).not.toContain('New</strong>')
    expect((await openConsent(stage, other?.page ?? '')).html).toContain('Your account there')
  })
})

it('a permission to delete is renewed without a page until its grant ends, and no token outlives it', async () => {
  const stage = await openPersonStage()
  const asked = pendingIn(await askPerson(stage))
  await decide(stage, asked.page, 'grant', { duration: '2592000' })
  const { person_token: first } = await (await poll(stage, asked.location)).json()
  const deleting = { claims: { scope: 'data.delete' } }
  const pending = pendingIn(await askAuth(stage, first, deleting))
  const { user, html, url } = await openConsent(stage, pending.page)
  expect(html).not.toContain('value="86400"')
  await user.submit(html, url, { consent: 'grant' })
  expect((await poll(stage, pending.location)).status).toBe(200)
  const permissions = (await stage.storage.listGrants({ live: true })).flatMap((grant) => grant.permissions)
  const end = permissions.find(({ name }) => name === 'data.delete')?.expiresAt ?? 0
  stage.clock.now += 3000
  const again = await askAuth(stage, first, deleting)
  expect(again.status).toBe(200)
  expect(decodeToken((await again.json()).auth_token)?.payload.exp).toBe(end)
  stage.clock.now = end
  const { person_token: second } = await (await askPerson(stage)).json()
  expect((await askAuth(stage, second, deleting)).status).toBe(202)
})

it('a rule that grants prompts the user, and its requests are counted per hour and per day', async () => {
  const outcomes: string[] = []
  const windows: number[][] = []
  const stage = await openPersonStage({
    policy: () => ({ grant: 'internal' }),
    onEvent: (event) => {
      if (event.kind === 'decision' && event.by === 'policy') outcomes.push(event.outcome)
    },
    wrap: (storage) => ({
      ...storage,
      countRequest(counted) {
        windows.push(counted.attempts.map(({ window }) => window))
        return storage.countRequest(counted)
      },
    }),
  })
  const person = await obtainPerson(stage)
  expect((await askAuth(stage, person)).status).toBe(202)
  expect(outcomes).toEqual(['asked', 'asked'])
  expect(windows).toHaveLength(2)
  for (const each of windows) expect(each).toEqual(expect.arrayContaining([3600, 86_400]))
})

it('the ids of tokens are random, even those of one grant: they have nothing in common', async () => {
  const { stage, person } = await openGranted()
  const again = await (await askPerson(stage)).json()
  const auth = await (await askAuth(stage, person)).json()
  const elsewhere = await obtainPerson(stage, { resource: stage.otherResource.id })
  const tokens = [person, again.person_token, auth.auth_token, elsewhere]
  const ids = tokens.map((token) => String(decodeToken(token)?.payload.jti))
  for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/)
  expect(new Set(ids.map((id) => id.slice(0, 8))).size).toBe(4)
  for (const id of ids)
    expect(await stage.storage.findIssue(id)).toMatchObject({ edition: 'draft-11', revokedAt: null })
})

describe('the extension of a permission', () => {
  it('extends the permission to act as the user with it, so that the agent gets a token without another decision', async () => {
    const { stage } = await openGranted()
    const { storage, clock } = stage
    const user = createScriptedUser(stage.fetch)
    await signInToAccount(user, stage.authServer, people.alice)
    const grants = await storage.listGrants({ live: true })
    const { id = '', expiresAt } = grants.find(({ scope }) => scope.includes('data.read')) ?? {}
    const url = `${stage.authServer}/account/agents/${id}/extend?permission=data.read`
    const page = await (await user.open(url)).text()
    expect(page).toContain('Act as you there')
    await user.submit(page, url, { action: 'extend-permission', duration: '86400' })
    const end = clock.now + 86_400
    expect(expiresAt).toBeLessThan(end)
    expect((await storage.findGrant(id))?.permissions.map((permission) => permission.expiresAt)).toEqual([end, end])
    clock.now = (expiresAt ?? 0) + 1
    const { person_token: again } = (await (await askPerson(stage)).json()) as { person_token: string }
    expect((await askAuth(stage, again)).status).toBe(200)
  })
})
