import { describe, expect, it, onTestFinished } from 'vitest'
import { allow, refresh, refreshTokenOf } from '../attacks/flow.js'
import { people, type Stage, type StageOptions } from '../attacks/stage.js'
import { signInToAccount } from '../scripted-user.js'
import { allowedRequest } from '../storage/fixtures.js'
import { allowAgent, createPerson, openAccount, type Person, see, signedIn } from './person.js'

async function opened(options: StageOptions = {}): Promise<{ stage: Stage; alice: Person }> {
  const account = await openAccount(options)
  onTestFinished(() => account.stage.close())
  return account
}

const { password } = people.alice
const change = { action: 'change-password', password, new_password: 'another long password' }

describe('every page of an account', () => {
  it.each([
    ['/account', 'agents-empty'],
    ['/account/remove-all', 'remove-all-agents'],
    ['/account/activity', 'activity'],
    ['/account/security', 'security'],
    ['/account/password', 'password'],
    ['/account/yours', 'yours'],
    ['/account/close', 'close-account'],
  ])('%s is for signed-in users only', async (path, state) => {
    const { stage, alice } = await opened()
    const seen = await alice.open(path)
    expect(seen).toMatchObject({ status: 200, state })
    expect(seen.html).toContain('alice')
    expect(seen.html).not.toMatch(/aasn_|aabr_|aart_/)
    const nobody = await createPerson(stage).open(path)
    expect(nobody).toMatchObject({
      status: 303,
      location: `/account/sign-in?return_to=${encodeURIComponent(path)}`,
      html: '',
    })
    expect(await alice.post(`${path}/nothing`, {})).toMatchObject({ status: 404 })
  })

  it('is not cached by browsers and cannot be framed', async () => {
    const { stage, alice } = await opened()
    const response = await alice.browser.open(`${stage.authServer}/account`)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'; form-action 'self'$/)
  })
})

describe('every form of an account', () => {
  const actions = [
    'remove-agent',
    'remove-all-agents',
    'end-session',
    'sign-out-everywhere',
    'logout',
    'change-password',
    'add-passkey',
    'remove-passkey',
    'close-account',
  ]

  it.each(actions)(
    '%s does nothing with a missing or foreign csrf value, from another site, or for another user',
    async (action) => {
      const { stage, alice } = await opened()
      const { id } = await allowAgent(alice)
      const bob = await signedIn(stage, 'bob')
      const form = { ...change, action, agent: id, session: id, passkey: id }
      const csrf = await alice.csrfAt('/account')
      const before = await stage.storage.listEvents()
      const attempts = [
        await alice.post('/account', form),
        await alice.post('/account', { ...form, csrf: `${csrf}x` }),
        await alice.post('/account', { ...form, csrf: await bob.csrfAt('/account') }),
        await bob.post('/account', { ...form, csrf }),
      ]
      expect(attempts.map(({ status, state }) => `${status} ${state}`)).toEqual(Array(4).fill('403 csrf'))
      const events = (await stage.storage.listEvents()).slice(before.length).map(({ event }) => event)
      expect(events).toEqual(Array(4).fill('form.forged'))
      expect(await alice.open('/account')).toMatchObject({ status: 200, state: 'agents' })
    },
  )

  it('is refused if it was made for another user in the same browser', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    const csrf = await alice.csrfAt('/account')
    await alice.submit('/account', { action: 'logout' })
    await signInToAccount(alice.browser, stage.authServer, people.bob)
    const seen = await alice.post('/account', { action: 'remove-agent', agent: id, csrf })
    expect(seen).toMatchObject({ status: 409, state: 'account_changed' })
    expect(await stage.storage.listGrants({ live: true })).toHaveLength(1)
    const left = await see(await alice.browser.submit(seen.html, stage.authServer, { action: 'logout' }))
    expect(left).toMatchObject({ status: 303, location: '/account/sign-in?return_to=%2Faccount' })
    expect(await alice.follow(left)).toMatchObject({ status: 200, state: 'sign-in' })
  })

  it('leads to the sign-in page if the session is gone', async () => {
    const { alice } = await opened()
    const csrf = await alice.csrfAt('/account')
    await alice.submit('/account', { action: 'logout' })
    const seen = await alice.post('/account', { action: 'remove-all-agents', csrf })
    expect(seen).toMatchObject({ status: 303, location: '/account/sign-in' })
  })

  it.each(['toString', 'nothing', ''])('is refused for the action %j', async (action) => {
    const { alice } = await opened()
    const csrf = await alice.csrfAt('/account')
    expect(await alice.post('/account', { action, csrf })).toMatchObject({ status: 400, state: 'bad_form' })
  })
})

describe('another user’s data', () => {
  it('is not found', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    const bob = await signedIn(stage, 'bob')
    const credential = await stage.storage.findCredential('alice')
    // Newer than the password, which therefore still proves the user’s identity.
    stage.clock.now += 1
    await stage.storage.addPasskey({
      userId: credential?.user.id ?? '',
      credentialRevision: credential?.user.credentialRevision ?? 0,
      credentialId: 'alices-passkey',
      publicKey: new Uint8Array(32),
      counter: 0,
    })
    for (const path of [`agents/${id}`, `agents/${id}/remove`, 'passkeys/alices-passkey/remove']) {
      expect(await alice.open(`/account/${path}`)).toMatchObject({ status: 200 })
      expect(await bob.open(`/account/${path}`)).toMatchObject({ status: 404, state: 'not_found' })
    }
    const unnamed = await alice.open('/account/passkeys/alices-passkey/remove')
    expect(unnamed.html).toMatch(/\balices-p\b/)
    const csrf = await bob.csrfAt('/account')
    const [session] = await stage.storage.listSessions({ userId: credential?.user.id ?? '' })
    const forms = [
      { action: 'remove-agent', agent: id },
      { action: 'end-session', session: session?.id ?? '' },
      { action: 'remove-passkey', passkey: 'alices-passkey' },
    ]
    for (const form of forms) {
      expect(await bob.post('/account', { ...form, csrf })).toMatchObject({ status: 404, state: 'not_found' })
    }
    expect(await stage.storage.listGrants({ live: true })).toHaveLength(1)
    expect(await stage.storage.listPasskeys(credential?.user.id ?? '')).toHaveLength(1)
    expect(await alice.open('/account')).toMatchObject({ status: 200 })
  })

  it.each(['none', '%2e%2e', "'%20OR%201=1%20--", '*', '%00', '%E0%A4%A', 'toString'])(
    'nor are ids that do not exist: agents/%s',
    async (id) => {
      const { alice } = await opened()
      expect(await alice.open(`/account/agents/${id}`)).toMatchObject({ status: 404, state: 'not_found' })
    },
  )
})

describe('My agents', () => {
  it('shows who may act, where, on what, since when, last use and expiry', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    const list = await alice.open('/account')
    expect(list).toMatchObject({ status: 200, state: 'agents' })
    for (const text of [
      'agent.example',
      'api.example',
      '“<bdi>First Agent</bdi>”',
      'See your data',
      `/account/agents/${id}"`,
    ]) {
      expect(list.html).toContain(text)
    }
    expect(list.html).not.toContain('Delete your data')
    const detail = await alice.open(`/account/agents/${id}`)
    expect(detail).toMatchObject({ status: 200, state: 'agent' })
    for (const text of [stage.agent.id, stage.resource.id, 'data.read']) expect(detail.html).toContain(text)
    expect(detail.html).toContain('You gave ')
  })

  it('shows the name the agent had when it was allowed', async () => {
    const { stage, alice } = await opened()
    await allowAgent(alice)
    stage.agent.document.name = 'Another Name'
    expect((await alice.open('/account')).html).toContain('First Agent')
  })

  it('revokes an agent after a confirmation, shows until when its tokens work, and treats a second click as no error', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    await allowAgent(alice, stage.otherAgent)
    const asked = await alice.open(`/account/agents/${id}/remove`)
    expect(asked).toMatchObject({ status: 200, state: 'remove-agent' })
    expect(await stage.storage.listGrants({ live: true })).toHaveLength(2)
    const csrf = await alice.csrfAt('/account')
    const first = await alice.post('/account', { action: 'remove-agent', agent: id, csrf })
    const second = await alice.post('/account', { action: 'remove-agent', agent: id, csrf })
    for (const answer of [first, second]) {
      const seen = await alice.follow(answer)
      expect(seen).toMatchObject({ status: 200, state: 'agents-removed' })
      expect(seen.html).toContain('other-agent.example')
      expect(seen.html.match(/<time [^>]*data-shows="time"/g)).toHaveLength(2)
    }
    expect(await stage.storage.listGrants({ live: true })).toHaveLength(1)
  })

  it('revokes active grants even after hundreds of grants at the same resource', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    const { agent = '', resource = '', userId = '' } = (await stage.storage.findGrant(id)) ?? {}
    const user = await stage.storage.findUser(userId)
    for (let count = 0; count <= 500; count++) {
      await allowedRequest(stage.storage, { agent, resource }, { grantLifetime: 60 }, user)
    }
    stage.clock.now += 60
    const csrf = await alice.csrfAt(`/account/agents/${id}/remove`)
    await alice.post('/account', { action: 'remove-agent', agent: id, csrf })
    expect(await stage.storage.findGrant(id)).toMatchObject({ revokedAt: stage.clock.now, revokedBy: userId })
    const again = await alice.post('/account', { action: 'remove-agent', agent: id, csrf })
    expect(await alice.follow(again)).toMatchObject({ status: 200, state: 'agents-removed' })
  })

  it('shows revoked and expired access as such, and no longer offers to revoke it', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    const csrf = await alice.csrfAt('/account')
    await alice.post('/account', { action: 'remove-agent', agent: id, csrf })
    const removedAt = stage.clock.now
    stage.clock.now += 60
    const seen = await alice.open(`/account/agents/${id}`)
    expect(seen).toMatchObject({ status: 200, state: 'agent-ended' })
    expect(seen.html).toContain('You removed its access')
    expect(seen.html).not.toContain('/remove"')
    expect(await alice.open(`/account/agents/${id}/remove`)).toMatchObject({
      status: 303,
      location: `/account/agents/${id}`,
    })
    const again = await alice.follow(await alice.post('/account', { action: 'remove-agent', agent: id, csrf }))
    expect(again.html).toContain(`<time datetime="${new Date(removedAt * 1000).toISOString()}"`)

    await allow(stage, undefined, { duration: '3600' }, { user: alice.browser })
    const [short] = await stage.storage.listGrants({ live: true })
    stage.clock.now += 3600
    const ranOut = await alice.open(`/account/agents/${short?.id}`)
    expect(ranOut.html).toContain('Its access ended')
  })

  it('leaves expired permissions out of what an agent may still do', async () => {
    const { stage, alice } = await opened()
    await allow(stage, undefined, { duration: '3600' }, { user: alice.browser, asked: { scope: 'data.write' } })
    const [short] = await stage.storage.listGrants({ live: true })
    await allow(stage, undefined, { duration: 'until-removed' }, { user: alice.browser, asked: { scope: 'data.read' } })
    stage.clock.now += 3600
    const seen = await alice.open(`/account/agents/${short?.id}`)
    expect(seen).toMatchObject({ status: 200, state: 'agent' })
    expect(seen.html).toContain('data.read')
    expect(seen.html).not.toContain('data.write')
  })

  it('shows when an agent’s access expires', async () => {
    const { stage, alice } = await opened()
    await allow(stage, undefined, { duration: '3600' }, { user: alice.browser })
    const [grant] = await stage.storage.listGrants({ live: true })
    const end = new Date((stage.clock.now + 3600) * 1000).toISOString()
    for (const path of ['/account', `/account/agents/${grant?.id}`]) {
      const { html } = await alice.open(path)
      expect(html).toContain(`<time datetime="${end}"`)
      expect(html).not.toContain('Stays until you remove it.')
    }
  })

  it('shows permissions that expire before the rest of an agent’s access', async () => {
    const { stage, alice } = await opened()
    await allow(stage, undefined, { duration: 'until-removed' }, { user: alice.browser, asked: { scope: 'data.read' } })
    await allow(stage, undefined, { duration: '3600' }, { user: alice.browser, asked: { scope: 'data.write' } })
    const end = new Date((stage.clock.now + 3600) * 1000).toISOString()
    const list = await alice.open('/account')
    const items = [...list.html.matchAll(/<li data-risk[^>]*>([\s\S]*?)<\/li>/g)].map(([, item = '']) => item)
    expect(items.map((item) => [item.includes('See your data'), item.includes(end)])).toEqual(
      expect.arrayContaining([
        [true, false],
        [false, true],
      ]),
    )
    expect(list.html).toContain('Stays until you remove it.')
  })

  it('revokes all access, after which the agents’ tokens no longer work', async () => {
    const { stage, alice } = await opened()
    const { allowed } = await allowAgent(alice)
    const later = await allow(stage, allowed.by, {}, { user: alice.browser, asked: { scope: 'data.write' } })
    const token = await refreshTokenOf(stage, later)
    const removed = await alice.submit('/account/remove-all', { action: 'remove-all-agents' })
    expect(await alice.follow(removed)).toMatchObject({ status: 200, state: 'agents-removed' })
    expect((await refresh(stage, allowed.by, token)).status).toBe(400)
    expect(await alice.open('/account')).toMatchObject({ state: 'agents-empty' })
  })

  it('counts an agent once, no matter at how many resources it has access', async () => {
    const { stage, alice } = await opened()
    await allowAgent(alice)
    await allow(stage, undefined, {}, { user: alice.browser, asked: { resource: stage.otherResource } })
    const { html } = await alice.open('/account/remove-all')
    expect(html).toContain('This agent will no longer have access:')
    for (const place of ['api.example', 'mail.example']) expect(html).toContain(place)
    expect((await alice.open('/account/close')).html).toContain('1 agent loses access')
  })

  it('shows that an agent blocked by the operator gets no new access, for as long as the block lasts', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    const told = async () =>
      Promise.all(
        ['/account', `/account/agents/${id}`].map(async (path) =>
          (await alice.open(path)).html.includes('An administrator has blocked this agent'),
        ),
      )
    expect(await told()).toEqual([false, false])
    await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: true, by: 'operator' })
    expect(await told()).toEqual([true, true])
    await stage.storage.setAgentBlocked({ agent: stage.agent.id, blocked: false, by: 'operator' })
    expect(await told()).toEqual([false, false])
  })

  it('lists an agent that was allowed several times once, and revokes all of its grants', async () => {
    const { stage, alice } = await opened()
    const ask = (scope: string, duration: string) =>
      allow(stage, undefined, { duration }, { user: alice.browser, asked: { scope } })
    const first = await ask('data.read', '3600')
    const token = await refreshTokenOf(stage, first)
    await ask('data.write', '3600')
    expect(await stage.storage.listGrants({ live: true })).toHaveLength(2)
    const list = await alice.open('/account')
    expect(list.html.match(/class="entry"/g)).toHaveLength(1)
    for (const text of ['See your data', 'Create and change your data']) expect(list.html).toContain(text)
    expect((await alice.open('/account/close')).html).toContain('1 agent loses access')
    const remove = /href="(\/account\/agents\/[^"]*\/remove)"/.exec(list.html)?.[1] ?? ''
    const removed = await alice.follow(await alice.submit(remove, { action: 'remove-agent' }))
    expect(removed).toMatchObject({ status: 200, state: 'agents-removed' })
    expect(await stage.storage.listGrants({ live: true })).toEqual([])
    expect((await refresh(stage, first.by, token)).status).toBe(400)
    expect(await alice.open('/account')).toMatchObject({ state: 'agents-empty' })
  })

  it('can be searched', async () => {
    const { stage, alice } = await opened()
    await allowAgent(alice)
    await allowAgent(alice, stage.otherAgent)
    const found = await alice.open('/account?filter=OTHER-agent')
    expect(found.html).toContain('other-agent.example')
    expect(found.html).not.toContain('First Agent')
    const nothing = await alice.open('/account?filter=%3Cscript%3E')
    expect(nothing.html).not.toContain('<script>')
    expect(nothing).toMatchObject({ status: 200, state: 'agents' })
  })

  it('no longer shows expired access', async () => {
    const { stage, alice } = await opened()
    await allow(stage, undefined, { duration: '3600' }, { user: alice.browser })
    expect(await alice.open('/account')).toMatchObject({ state: 'agents' })
    stage.clock.now += 3600
    expect(await alice.open('/account')).toMatchObject({ state: 'agents-empty' })
  })
})

describe('activity', () => {
  it('lists the user’s own events, newest first, and no one else’s', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    await alice.submit(`/account/agents/${id}/remove`, { action: 'remove-agent' })
    await alice.open('/account/download')
    const bob = await signedIn(stage, 'bob')
    await allowAgent(bob, stage.otherAgent)
    const seen = await alice.open('/account/activity')
    const entries = [...seen.html.matchAll(/<li>([\s\S]*?)<\/li>/g)]
      .map(([, item = '']) => item.replace(/<[^>]*>/g, '').trim())
      .filter((text) => /\d{1,2}:\d{2}/.test(text))
    expect(entries).toHaveLength(6)
    expect(entries[0]).toMatch(/download/i)
    expect(entries[1]).toContain('agent.example')
    expect(seen.html).not.toContain('other-agent.example')
    expect((await bob.open('/account/activity')).html).not.toContain('"host">agent.example')
  })

  it('does not show a grant as revoked to which another decision adds', async () => {
    const { stage, alice } = await opened()
    await allowAgent(alice)
    const asked = { scope: 'data.read data.write' }
    await allow(stage, undefined, { duration: 'until-removed' }, { user: alice.browser, asked })
    expect(await stage.storage.listEvents({ event: 'grant.revoked' })).toEqual([])
    expect((await alice.open('/account/activity')).html).not.toMatch(/removed/i)
  })

  it('continues on further pages', async () => {
    const { stage, alice } = await opened()
    const userId = (await stage.storage.findCredential('alice'))?.user.id
    for (let event = 0; event < 60; event++) {
      stage.clock.now += 1
      await stage.storage.recordEvent({ event: 'signin.failed', userId })
    }
    const first = await alice.open('/account/activity')
    const older = /href="(\/account\/activity\?before=[^"]*)"/.exec(first.html)?.[1] ?? ''
    const second = await alice.open(older)
    const count = (html: string) => [...html.matchAll(/<h2 data-day/g)].length
    expect(count(first.html)).toBe(50)
    expect(count(second.html)).toBe(12)
    expect(count((await alice.open('/account/activity?before=1')).html)).toBe(50)
    for (const cursor of ['x', '1~', '~', '9999999999999~x', '1~%27%20OR%201=1']) {
      expect(await alice.open(`/account/activity?before=${cursor}`)).toMatchObject({ status: 200 })
    }
  })
})

describe('the result of an action', () => {
  const noticeOf = ({ location }: { location: string | null }) => location ?? ''

  it('is shown on its own page, to the browser and session that performed it, for ten minutes', async () => {
    const { stage, alice } = await opened()
    const { id } = await allowAgent(alice)
    const bob = await signedIn(stage, 'bob')
    const told = noticeOf(await alice.submit(`/account/agents/${id}/remove`, { action: 'remove-agent' }))
    expect(told).toMatch(/^\/account\?notice=/)
    for (let time = 0; time < 2; time++) expect(await alice.open(told)).toMatchObject({ state: 'agents-removed' })
    expect(await bob.open(told)).toMatchObject({ status: 200, state: 'agents-empty' })
    for (const forged of [
      told.slice(0, -1),
      told.replace('removed', 'removee'),
      '/account?notice=removed',
      told.split('.')[0] ?? '',
    ]) {
      expect(await alice.open(forged)).toMatchObject({ status: 200, state: 'agents-empty' })
    }
    stage.clock.now += 600
    expect(await alice.open(told)).toMatchObject({ state: 'agents-removed' })
    stage.clock.now += 1
    expect(await alice.open(told)).toMatchObject({ status: 200, state: 'agents-empty' })
    stage.clock.now -= 601
    const { username, password } = people.bob
    await alice.submit('/account', { action: 'logout' })
    await alice.submit('/account/sign-in', { username, password, action: 'login' })
    expect(await alice.open(told)).toMatchObject({ state: 'agents-empty' })
  })

  it('is not a form value', async () => {
    const { alice } = await opened()
    const { id } = await allowAgent(alice)
    const told = noticeOf(await alice.submit(`/account/agents/${id}/remove`, { action: 'remove-agent' }))
    const csrf = new URL(told, 'https://auth.example').searchParams.get('notice') ?? ''
    expect(await alice.post('/account/language', { action: 'language', language: 'ar', csrf })).toMatchObject({
      status: 403,
      problem: 'csrf',
    })
  })

  it('the signed-out page is shown only when signed out, and otherwise redirects to My agents or to sign-in', async () => {
    const { alice } = await opened()
    const told = noticeOf(await alice.submit('/account', { action: 'logout' }))
    expect(await alice.open(told)).toMatchObject({ status: 200, state: 'signed-out' })
    expect(await alice.open('/account/signed-out')).toMatchObject({ status: 303, location: '/account/sign-in' })
    await alice.submit('/account/sign-in', { ...people.alice, action: 'login' })
    expect(await alice.open(told)).toMatchObject({ status: 303, location: '/account' })
  })
})

describe('the password', () => {
  it('can be changed, which ends every other session', async () => {
    const { stage, alice } = await opened()
    const elsewhere = await signedIn(stage)
    stage.clock.now += 3600
    const changed = await alice.follow(await alice.submit('/account/password', change))
    expect(changed).toMatchObject({ status: 200, state: 'security' })
    expect(changed.html).toContain('Your password was changed.')
    expect(await alice.open('/account')).toMatchObject({ status: 200 })
    expect(await elsewhere.open('/account')).toMatchObject({ status: 303 })
    const again = createPerson(stage)
    expect(await again.submit('/account/sign-in', { ...people.alice, action: 'login' })).toMatchObject({ status: 401 })
    const fresh = { username: 'alice', password: change.new_password, action: 'login' }
    expect(await again.submit('/account/sign-in', fresh)).toMatchObject({ status: 303 })
  })

  it.each([
    ['wrong_password', { password: 'wrong' }],
    ['wrong_password', { password: '' }],
    ['wrong_password', { password: people.bob.password }],
    ['new_password_same', { new_password: password }],
    ['new_password_too_short', { new_password: 'short' }],
    ['new_password_too_long', { new_password: 'x'.repeat(1025) }],
    ['new_password_common', { new_password: 'QWERTY123' }],
  ])('is not changed and shows %s for %o', async (problem, fields) => {
    const { stage, alice } = await opened()
    const seen = await alice.submit('/account/password', { ...change, ...fields })
    expect(seen).toMatchObject({ status: 400, state: 'password', problem })
    const again = createPerson(stage)
    expect(await again.submit('/account/sign-in', { ...people.alice, action: 'login' })).toMatchObject({ status: 303 })
  })

  it('is not changed by a form without a new password', async () => {
    const { alice } = await opened()
    const seen = await alice.submit('/account/password', { action: 'change-password', password })
    expect(seen).toMatchObject({ status: 400, state: 'password', problem: 'new_password_too_short' })
  })
})

it.each([
  ['/account/password', change],
  ['/account/close', { action: 'close-account', password }],
])('the form at %s refuses even the right password after too many wrong ones', async (path, form) => {
  const { stage, alice } = await opened()
  const guess = () => alice.submit(path, { ...form, password: 'wrong' })
  for (let guesses = 1; (await guess()).problem === 'wrong_password'; guesses++) expect(guesses).toBeLessThan(50)
  const throttled = { status: 429, problem: 'throttled' }
  expect([await guess(), await alice.submit(path, form)]).toMatchObject([throttled, throttled])
  const { html } = await alice.open(path)
  const { headers } = await alice.browser.submit(html, stage.authServer + path, form)
  expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
  stage.clock.now += 86_400
  expect(await (await signedIn(stage)).submit(path, form)).toMatchObject({ status: 303 })
})

describe('sessions', () => {
  const sessionForms = (html: string) => [...html.matchAll(/name="session" value="([^"]*)"/g)].map(([, id]) => id ?? '')

  it('are listed, and one in another browser can be ended', async () => {
    const { stage, alice } = await opened()
    const elsewhere = await signedIn(stage)
    await signedIn(stage, 'bob')
    const [id = '', ...more] = sessionForms((await alice.open('/account/security')).html)
    expect(more).toEqual([])
    const csrf = await alice.csrfAt('/account')
    const ended = await alice.follow(await alice.post('/account', { action: 'end-session', session: id, csrf }))
    expect(ended).toMatchObject({ status: 200, state: 'security' })
    expect(sessionForms(ended.html)).toEqual([])
    expect(await elsewhere.open('/account')).toMatchObject({ status: 303 })
    expect(await alice.open('/account')).toMatchObject({ status: 200 })
  })

  it('can all be ended at once', async () => {
    const { stage, alice } = await opened()
    const elsewhere = await signedIn(stage)
    const bob = await signedIn(stage, 'bob')
    const seen = await alice.follow(await alice.submit('/account/security', { action: 'sign-out-everywhere' }))
    expect(seen).toMatchObject({ status: 200, state: 'signed-out' })
    expect(await alice.open('/account')).toMatchObject({ status: 303 })
    expect(await elsewhere.open('/account')).toMatchObject({ status: 303 })
    expect(await bob.open('/account')).toMatchObject({ status: 200 })
  })

  it('expire after a day without use, and after two weeks regardless of use', async () => {
    const { stage, alice } = await opened()
    for (let hour = 0; hour < 13 * 24; hour += 12) {
      stage.clock.now += 12 * 3600
      expect(await alice.open('/account')).toMatchObject({ status: 200 })
    }
    stage.clock.now += 24 * 3600
    expect(await alice.open('/account')).toMatchObject({ status: 303 })
    const again = await signedIn(stage)
    stage.clock.now += 86_401
    expect(await again.open('/account')).toMatchObject({ status: 303 })
  })
})

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/

describe('the download', () => {
  it.each([
    ['Zoë 1/2', 'countersign-Zo-1-2-'],
    ['"; filename="x', 'countersign--filename-x-'],
    ['../../etc', 'countersign-..-..-etc-'],
    ['प्रिया', 'countersign--'],
  ])('of %s is a file whose name needs no escaping', async (username, begins) => {
    const { stage } = await opened({ accounts: { signUp: true } })
    const person = createPerson(stage)
    const form = { action: 'sign-up', username, password: 'a long enough word' }
    expect(await person.submit('/account/sign-up', form)).toMatchObject({ status: 303 })
    const response = await person.browser.open(`${stage.authServer}/account/download`)
    const [, name = ''] =
      /^attachment; filename="([^"]*)"$/.exec(response.headers.get('content-disposition') ?? '') ?? []
    expect(name.startsWith(begins), name).toBe(true)
  })

  it('contains all of the user’s data, and no credentials', async () => {
    const { stage, alice } = await opened()
    const { allowed } = await allowAgent(alice)
    const bob = await signedIn(stage, 'bob')
    await allowAgent(bob, stage.otherAgent)
    const response = await alice.browser.open(`${stage.authServer}/account/download`)
    const day = new Date(stage.clock.now * 1000).toISOString().slice(0, 10)
    const disposition = `attachment; filename="countersign-alice-${day}.json"`
    expect(response.headers.get('content-disposition')).toBe(disposition)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({
      user: { username: 'alice' },
      grants: [{ agent: stage.agent.id, resource: stage.resource.id, scope: 'data.read' }],
      sessions: [{ createdAt: expect.stringMatching(isoTime), expiresAt: expect.stringMatching(isoTime) }],
      exportedAt: new Date(stage.clock.now * 1000).toISOString(),
      activity: expect.arrayContaining([expect.objectContaining({ at: expect.stringMatching(isoTime) })]),
    })
    expect(text).not.toMatch(/: null|: \d{9,}/)
    const secrets = [...stage.secrets, ...alice.browser.cookies.values(), allowed.requestToken, allowed.code]
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([])
    expect(text).not.toMatch(/argon2|passwordHash|tokenHash|idHash|bob|other-agent/)
  })
})

describe('closing the account', () => {
  it('requires the password, ends all sessions and grants, and frees the username', async () => {
    const { stage, alice } = await opened({ accounts: { signUp: true } })
    await allowAgent(alice)
    const elsewhere = await signedIn(stage)
    for (const [wrong, status] of [
      ['wrong', 401],
      ['', 401],
    ] as const) {
      const form = { action: 'close-account', password: wrong }
      expect(await alice.submit('/account/close', form)).toMatchObject({ status, problem: 'wrong_password' })
    }
    const closed = await alice.follow(await alice.submit('/account/close', { action: 'close-account', password }))
    expect(closed).toMatchObject({ status: 200, state: 'account-closed' })
    expect(await alice.open('/account')).toMatchObject({ status: 303 })
    expect(await elsewhere.open('/account')).toMatchObject({ status: 303 })
    const form = { ...people.alice, action: 'login' }
    expect(await createPerson(stage).submit('/account/sign-in', form)).toMatchObject({ status: 401 })
    expect(await stage.storage.listGrants({ live: true })).toEqual([])
    const again = { action: 'sign-up', username: 'alice', password: 'a new long password' }
    const newcomer = createPerson(stage)
    expect(await newcomer.submit('/account/sign-up', again)).toMatchObject({ status: 303 })
    expect((await newcomer.open('/account/activity')).html).not.toContain('agent.example')
  })
})
