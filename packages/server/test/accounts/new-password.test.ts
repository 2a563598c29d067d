import { createPasswordLink } from 'countersign-server'
import { expect, it, onTestFinished } from 'vitest'
import { openMapStage, people, type Stage, type StageOptions } from '../attacks/stage.js'
import { hiddenFields } from '../scripted-user.js'
import { createSoftwarePasskey } from '../software-passkey.js'
import { createPerson, type Person, signedIn } from './person.js'

const fresh = 'another long password'
const form = { new_password: fresh }
const page = '/account/new-password'

async function opened(options: StageOptions = {}): Promise<Stage> {
  const stage = await openMapStage(options)
  onTestFinished(() => stage.close())
  return stage
}

/** The path of a new link for a user. */
async function linkFor({ storage, authServer: issuer }: Stage, username: 'alice' | 'bob' = 'alice'): Promise<string> {
  const [user] = await storage.listUsers({ query: username })
  const created = await createPasswordLink(storage, {
    issuer,
    userId: user?.id ?? '',
    purpose: 'reset',
    by: 'operator',
  })
  if (created.outcome !== 'created') throw new Error(created.outcome)
  expect(created.url.startsWith(`${issuer}/account/link?token=aalk_`)).toBe(true)
  return created.url.slice(issuer.length)
}

/** Signs in with a password; returns the status. */
async function signInWith(person: Person, password: string): Promise<number> {
  const { status } = await person.submit('/account/sign-in', { action: 'login', username: 'alice', password })
  return status
}

it('V21: a one-time link sets the password without signing anyone in, and ends all sessions', async () => {
  const stage = await opened()
  const elsewhere = await signedIn(stage)
  const path = await linkFor(stage)
  const alice = createPerson(stage)
  const shown = await alice.follow(await alice.open(path))
  expect(shown).toMatchObject({ status: 200, state: 'new-password' })
  expect(shown.html).toMatch(/<bdi[^>]*>alice</)
  const done = await alice.submit(page, form)
  expect(await alice.follow(done)).toMatchObject({ status: 200, state: 'password-set' })
  expect(await elsewhere.open('/account')).toMatchObject({ status: 303 })
  expect(await alice.open('/account')).toMatchObject({ status: 303 })
  expect(await signInWith(alice, people.alice.password)).toBe(401)
  expect(await signInWith(alice, fresh)).toBe(303)
})

/** An invitation that a new user has opened, and its page's fields for a passkey. */
async function opensInvitation(stage: Stage, username = 'carol') {
  const { storage, authServer: issuer } = stage
  const { id: userId } = await storage.createUser({ username })
  const created = await createPasswordLink(storage, { issuer, userId, purpose: 'invite' })
  if (created.outcome !== 'created') throw new Error(created.outcome)
  const user = createPerson(stage)
  await user.open(created.url.slice(issuer.length))
  const { html } = await user.open(page)
  const fields = { ...hiddenFields(html, { credential: '' }), name: 'Laptop' }
  const challengeOf = async (given: Record<string, string> = fields) => {
    const options = await user.post('/account/passkeys/options', given)
    return options.status === 200 ? (JSON.parse(options.html) as { challenge: string }).challenge : undefined
  }
  return { user, userId, html, fields, challengeOf }
}

it('V21: an invitation adds a passkey instead of a password, once, and only with the challenge of this invitation', async () => {
  const stage = await opened()
  const { user, userId, html, fields, challengeOf } = await opensInvitation(stage)
  expect(html).toContain('data-passkey="create"')
  const passkey = createSoftwarePasskey(stage.authServer)
  const other = await opensInvitation(stage, 'dave')
  for (const challenge of ['AAAA', await other.challengeOf()]) {
    const refused = await user.post(page, { ...fields, credential: passkey.register(challenge ?? '') })
    expect(refused).toMatchObject({ status: 400, state: 'new-password', problem: 'passkey_failed' })
  }
  expect(await challengeOf({ ...fields, link: 'another' })).toBeUndefined()
  const credential = passkey.register((await challengeOf()) ?? '')
  const done = await user.post(page, { ...fields, credential })
  expect(await user.follow(done)).toMatchObject({ status: 200, state: 'passkey-set' })
  expect(await stage.storage.listPasskeys(userId)).toMatchObject([{ name: 'Laptop' }])
  expect(await stage.storage.findCredential('carol')).toBeUndefined()
  expect(await user.post(page, { ...fields, credential })).toMatchObject({ problem: 'link_invalid' })
  expect(await user.submit('/account/sign-in', {})).toMatchObject({ state: 'sign-in' })
  expect(await stage.storage.findViolations()).toEqual([])
})

it('V21: a link for a new password adds no passkey', async () => {
  const stage = await opened()
  const alice = createPerson(stage)
  await alice.open(await linkFor(stage))
  const { html } = await alice.open(page)
  expect(html).not.toContain('data-passkey')
  const fields = hiddenFields(html, form)
  expect(await alice.post('/account/passkeys/options', fields)).toMatchObject({ problem: 'link_invalid' })
  const credential = createSoftwarePasskey(stage.authServer).register('AAAA')
  expect(await alice.post(page, { ...fields, credential })).toMatchObject({ problem: 'link_invalid' })
})

it('V21: setting a password signs out the browser, even if another user was signed in', async () => {
  const stage = await opened()
  const bob = await signedIn(stage, 'bob')
  await bob.open(await linkFor(stage))
  const done = await bob.submit(page, form)
  expect(await bob.follow(done)).toMatchObject({ status: 200, state: 'password-set' })
  expect(await bob.open('/account')).toMatchObject({ status: 303 })
  expect(await stage.storage.listEvents({ event: 'session.ended' })).toHaveLength(1)
})

it('V21: opening a link does not use it, so that previews and scanners do no harm', async () => {
  const stage = await opened()
  const path = await linkFor(stage)
  for (const scanner of [createPerson(stage), createPerson(stage)]) {
    await scanner.follow(await scanner.open(path))
    const url = stage.authServer + path
    expect((await scanner.browser.send(new Request(url, { method: 'HEAD' }))).status).toBe(303)
    expect((await scanner.browser.send(new Request(url, { method: 'POST' }))).status).toBe(405)
  }
  const alice = createPerson(stage)
  await alice.open(path)
  expect(await alice.submit(page, form)).toMatchObject({ status: 303 })
})

it('V21: a link works once, for 20 minutes, and looks the same afterwards as one that never existed', async () => {
  const stage = await opened()
  const [used, expired, opened20MinutesAgo] = [await linkFor(stage, 'bob'), await linkFor(stage), await linkFor(stage)]
  const bob = createPerson(stage)
  await bob.open(used)
  const shown = await bob.open(page)
  expect(await bob.submit(page, form)).toMatchObject({ status: 303 })
  const late = createPerson(stage)
  await late.open(opened20MinutesAgo)
  const filled = await late.open(page)
  stage.clock.now += 1200
  const send = (person: Person, { html }: { html: string }) => person.browser.submit(html, stage.authServer, form)
  expect((await send(bob, shown)).status).toBe(410)
  expect((await send(late, filled)).status).toBe(410)
  const never = `/account/link?token=aalk_${'x'.repeat(43)}`
  const texts: string[] = []
  for (const path of [used, expired, never, '/account/link?token=x', '/account/link', page]) {
    const seen = await createPerson(stage).open(path)
    expect(seen, path).toMatchObject({ status: 410, state: 'link_invalid' })
    texts.push(seen.html.replaceAll(/<code>.*?<\/code>|[0-9a-f-]{36}/g, ''))
  }
  expect(new Set(texts).size).toBe(1)
  expect(await signInWith(createPerson(stage), people.alice.password)).toBe(303)
})

it('V21: neither a page nor a log contains the secret, no cache keeps it, and no other site receives it', async () => {
  const reported: unknown[] = []
  const stage = await opened({
    onEvent: (event) => void reported.push(event),
    onError: (...error) => reported.push(error),
  })
  const path = await linkFor(stage)
  const secret = path.slice(path.indexOf('aalk_'))
  const alice = createPerson(stage)
  const responses: Response[] = [await alice.browser.open(stage.authServer + path)]
  expect(responses[0]?.headers.get('location')).toBe(page)
  expect(responses[0]?.headers.getSetCookie().join()).toMatch(
    /__Host-countersign-link=aalk_[^;]+; Max-Age=1200;.*HttpOnly/,
  )
  responses.push(await alice.browser.open(stage.authServer + page))
  const html = (await responses[1]?.text()) ?? ''
  expect(html).not.toContain(secret)
  responses.push(await alice.browser.submit(html, stage.authServer, { new_password: 'short' }))
  responses.push(await alice.browser.submit(html, stage.authServer, form))
  expect(responses.map(({ status }) => status)).toEqual([303, 200, 400, 303])
  for (const { headers } of responses) {
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('location') ?? '').not.toContain(secret)
  }
  expect(responses[3]?.headers.getSetCookie().join()).toMatch(/countersign-link=; Max-Age=0/)
  const logged = JSON.stringify([reported, await stage.storage.listEvents()])
  expect(logged).toContain('"/account/link"')
  expect(logged).not.toContain(secret)
})

it('V21: a form that was opened with one link does not use another, which the same browser opened since', async () => {
  const stage = await opened()
  const alice = createPerson(stage)
  await alice.open(await linkFor(stage))
  const { html } = await alice.open(page)
  await alice.open(await linkFor(stage, 'bob'))
  const response = await alice.browser.submit(html, stage.authServer, form)
  expect(response.status).toBe(410)
  for (const { username, password } of Object.values(people)) {
    const credentials = { action: 'login', username, password }
    expect(await createPerson(stage).submit('/account/sign-in', credentials)).toMatchObject({ status: 303 })
  }
})

it('refuses a form from elsewhere, and a weak password, and then still accepts a better one', async () => {
  const stage = await opened()
  const alice = createPerson(stage)
  await alice.open(await linkFor(stage))
  expect(await alice.post(page, form)).toMatchObject({ status: 403, state: 'csrf' })
  for (const [password, problem] of [
    ['short', 'new_password_too_short'],
    ['password1', 'new_password_common'],
    ['x'.repeat(1025), 'new_password_too_long'],
  ] as const)
    expect(await alice.submit(page, { new_password: password })).toMatchObject({ status: 400, problem })
  expect(await alice.submit(page, form)).toMatchObject({ status: 303 })
})

it('C24: a password that a link set proves nothing for a day if the user has a passkey', async () => {
  const stage = await opened()
  const [user] = await stage.storage.listUsers({ query: 'alice' })
  if (!user) throw new Error('no alice')
  await stage.storage.addPasskey({
    userId: user.id,
    credentialRevision: user.credentialRevision,
    credentialId: 'alices-passkey',
    publicKey: new Uint8Array(32),
    counter: 0,
  })
  stage.clock.now += 90_000
  const alice = createPerson(stage)
  await alice.open(await linkFor(stage))
  await alice.submit(page, form)
  expect(await signInWith(alice, fresh)).toBe(303)
  // The session does not count as proof: the page asks for the passkey.
  const seen = await alice.open('/account/close')
  expect(seen).toMatchObject({ status: 303, location: expect.stringContaining('/account/confirm') })
})
