import { describe, expect, it, onTestFinished } from 'vitest'
import { type OpenRequest, openRequest, view } from '../attacks/flow.js'
import { openMapStage, people, type Stage, type StageOptions } from '../attacks/stage.js'
import { interleavedStorage, noInterleaving, plan } from '../interleaving/interleave.js'
import { createScriptedUser, hiddenFields, type ScriptedUser, signInToAccount } from '../scripted-user.js'
import { secretHash } from '../secret-hash.js'
import { createSoftwarePasskey, type SoftwarePasskey } from '../software-passkey.js'

const day = 86_400
const challengePath = '/account/passkeys/challenge'

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await openMapStage(options)
  onTestFinished(() => stage.close())
  return stage
}

async function readAlice({ storage }: Stage): Promise<{ userId: string; credentialRevision: number }> {
  const { user } = (await storage.findCredential('alice')) ?? {}
  return { userId: user?.id ?? '', credentialRevision: user?.credentialRevision ?? 0 }
}

async function addPasskey(stage: Stage): Promise<SoftwarePasskey> {
  const passkey = createSoftwarePasskey(stage.authServer)
  const { credentialId, publicKey } = passkey
  await stage.storage.addPasskey({ ...(await readAlice(stage)), credentialId, publicKey, counter: 0 })
  return passkey
}

/** Alice, who signed in before the request to delete was made, and its consent page. */
async function askLater(stage: Stage, user?: ScriptedUser, scope = 'data.delete') {
  const browser = user ?? createScriptedUser(stage.fetch)
  if (!user) await signInToAccount(browser, stage.authServer, people.alice)
  stage.clock.now += 1
  const opened = await openRequest(stage, undefined, { scope })
  return { opened, ...(await view(stage, opened, browser)) }
}

const codeOf = (html: string) => /data-error-code="([^"]*)"/.exec(html)?.[1]
const isAllowed = (response: Response) => /[?&]code=/.test(response.headers.get('location') ?? '')
const passwordField = 'name="password"'

/** The fields of the form that allows with a passkey. */
const allowForm = (page: string) => hiddenFields(page, { credential: '' })

async function challengeFor(stage: Stage, user: ScriptedUser, fields: Record<string, string>): Promise<string> {
  const response = await post(stage, user, challengePath, fields)
  expect(response.status).toBe(200)
  return ((await response.json()) as { challenge: string }).challenge
}

function post(stage: Stage, user: ScriptedUser, path: string, fields: Record<string, string>): Promise<Response> {
  const headers = { origin: stage.authServer }
  return user.send(new Request(stage.authServer + path, { method: 'POST', body: new URLSearchParams(fields), headers }))
}

describe('C24: Delete, Spend or Full control in a session that is older than the request', () => {
  it('requires the password, a second after signing in', async () => {
    const stage = await open()
    const { user, page, opened } = await askLater(stage)
    expect(page).toContain(passwordField)
    const refused = await user.submit(page, opened.url, { consent: 'grant' })
    expect(refused.status).toBe(401)
    expect(isAllowed(await user.submit(page, opened.url, { consent: 'grant', password: people.alice.password }))).toBe(
      true,
    )
  })

  it('accepts not even the right password after too many wrong ones', async () => {
    const stage = await open()
    const { user, page, opened } = await askLater(stage)
    const tryPassword = async (password: string) => {
      const response = await user.submit(page, opened.url, { consent: 'grant', password })
      return { status: response.status, code: codeOf(await response.text()) }
    }
    const wrong = () => tryPassword('wrong')
    for (let guesses = 1; (await wrong()).code === 'wrong_password'; guesses++) expect(guesses).toBeLessThan(50)
    const throttled = { status: 429, code: 'throttled' }
    expect([await wrong(), await tryPassword(people.alice.password)]).toEqual([throttled, throttled])
  })

  it('a password proves one Allow: another open request still requires it', async () => {
    const stage = await open()
    const first = await askLater(stage)
    const second = await askLater(stage, first.user, 'data.delete data.read')
    const { password } = people.alice
    expect(isAllowed(await first.user.submit(first.page, first.opened.url, { consent: 'grant', password }))).toBe(true)
    const refused = await second.user.submit(second.page, second.opened.url, { consent: 'grant' })
    expect(refused.status).toBe(401)
  })

  it('is not accepted for a revision other than the one in the form', async () => {
    const stage = await open()
    const { user, page, opened } = await askLater(stage)
    const fields = { ...hiddenFields(page, { consent: 'grant' }), consent: 'grant', password: 'wrong' }
    const { revision: _, ...unnamed } = fields as Record<string, string>
    for (const form of [{ ...unnamed, revision: '7' }, unnamed]) {
      const response = await post(stage, user, '/agent/auth', form)
      expect(response.status).toBe(303)
      expect(response.headers.get('location')).toContain(opened.requestToken)
    }
    expect(await stage.storage.listEvents({ event: 'signin.failed' })).toEqual([])
  })

  it('requires the passkey if there is one, and not the password', async () => {
    const stage = await open()
    const passkey = await addPasskey(stage)
    stage.clock.now += 2 * day
    const { user, page } = await askLater(stage)
    expect(page).not.toContain(passwordField)
    const form = allowForm(page)
    const byPassword = await post(stage, user, '/agent/auth', { ...form, password: people.alice.password })
    expect(byPassword.status).toBe(401)
    expect(codeOf(await byPassword.text())).toBe('passkey_failed')
    const credential = passkey.respond(await challengeFor(stage, user, form))
    expect(isAllowed(await post(stage, user, '/agent/auth', { ...form, credential }))).toBe(true)
    expect(await stage.storage.listGrants()).toMatchObject([{ scope: 'data.delete', remembered: false }])
  })
})

describe('C24: a password of a user who has a passkey', () => {
  const { password } = people.alice

  /** A request to delete, and a user with both factors who signs in with the password after it was made. */
  async function signInAfterwards() {
    const stage = await open()
    const passkey = await addPasskey(stage)
    stage.clock.now += 2 * day
    const opened = await openRequest(stage, undefined, { scope: 'data.delete' })
    stage.clock.now += 60
    const user = createScriptedUser(stage.fetch)
    await signInToAccount(user, stage.authServer, people.alice)
    return { stage, passkey, user, opened }
  }

  /** Expects that Allow without a proof is refused, and that the page requires the passkey. */
  async function expectPasskeyNeeded({
    stage,
    user,
    opened,
  }: {
    stage: Stage
    user: ScriptedUser
    opened: OpenRequest
  }) {
    const { page } = await view(stage, opened, user)
    expect(page).toContain('data-passkey')
    expect(page).not.toContain(passwordField)
    expect((await post(stage, user, '/agent/auth', allowForm(page))).status).toBe(401)
    expect(await stage.storage.listGrants()).toEqual([])
  }

  it('signs in during the flow, but proves nothing', async () => {
    await expectPasskeyNeeded(await signInAfterwards())
  })

  it('is neither requested nor accepted by the account pages', async () => {
    const { stage, user, opened } = await signInAfterwards()
    const confirm = await (await user.open(`${stage.authServer}/account/confirm?return_to=/account`)).text()
    expect(confirm).not.toContain(passwordField)
    const fields = { ...hiddenFields(confirm, { credential: '' }), action: 'reauthenticate', password }
    expect((await post(stage, user, '/account/confirm', fields)).status).toBe(401)
    await expectPasskeyNeeded({ stage, user, opened })
  })

  it('cannot remove the passkey, add another, change the password or close the account', async () => {
    const { stage, passkey, user } = await signInAfterwards()
    const confirmation = (path: string) => `/account/confirm?return_to=${encodeURIComponent(path)}`
    const pages = [`/account/passkeys/${passkey.credentialId}/remove`, '/account/close', '/account/password']
    for (const path of pages)
      expect((await user.open(stage.authServer + path)).headers.get('location')).toBe(confirmation(path))
    const security = await (await user.open(`${stage.authServer}/account/security`)).text()
    expect(security).not.toContain('value="add-passkey"')
    const { csrf = '' } = hiddenFields(security, {})
    const forms = {
      'add-passkey': { name: 'mine', credential: '{}' },
      'remove-passkey': { passkey: passkey.credentialId },
      'close-account': { password },
      'change-password': { password, new_password: 'another long password' },
    }
    for (const [action, fields] of Object.entries(forms)) {
      const turned = await post(stage, user, '/account', { csrf, action, ...fields })
      expect(turned.headers.get('location'), action).toMatch(/^\/account\/confirm\?/)
    }
    expect((await post(stage, user, '/account/passkeys/options', { csrf })).status).toBe(403)
    expect(await stage.storage.listPasskeys((await readAlice(stage)).userId)).toHaveLength(1)
    expect(await stage.storage.listEvents({ event: 'password.changed' })).toEqual([])

    const page = await (await user.open(stage.authServer + confirmation('/account/security'))).text()
    const proof = hiddenFields(page, { credential: '' })
    const credential = passkey.respond(await challengeFor(stage, user, proof))
    expect((await post(stage, user, '/account', { ...proof, action: 'passkey', credential })).status).toBe(303)
    const removal = await (await user.open(stage.authServer + String(pages[0]))).text()
    await user.submit(removal, `${stage.authServer}/account`, { action: 'remove-passkey' })
    expect(await stage.storage.listPasskeys((await readAlice(stage)).userId)).toEqual([])
  })

  it('can end other sessions after a recent sign-in', async () => {
    const { stage, user } = await signInAfterwards()
    const { userId } = await readAlice(stage)
    const [own] = await stage.storage.listSessions({ userId })
    await signInToAccount(createScriptedUser(stage.fetch), stage.authServer, people.alice)
    const security = await (await user.open(`${stage.authServer}/account/security`)).text()
    const { csrf = '' } = hiddenFields(security, {})
    const other = (await stage.storage.listSessions({ userId })).find(({ id }) => id !== own?.id)?.id ?? ''
    expect((await post(stage, user, '/account', { csrf, action: 'end-session', session: other })).status).toBe(303)
    expect(await stage.storage.listSessions({ userId })).toMatchObject([{ id: own?.id }])
    expect((await post(stage, user, '/account', { csrf, action: 'sign-out-everywhere' })).status).toBe(303)
    expect(await stage.storage.listSessions({ userId })).toEqual([])
  })

  it('takes effect in a passkey session if it is changed there', async () => {
    const { stage, passkey, user, opened } = await signInAfterwards()
    for (const [name] of user.cookies) if (name.endsWith('session')) user.cookies.delete(name)
    const signIn = hiddenFields(await (await user.open(opened.url)).text(), { credential: '' })
    const credential = passkey.respond(await challengeFor(stage, user, signIn))
    expect((await post(stage, user, '/agent/auth', { ...signIn, action: 'passkey', credential })).status).toBe(303)
    // As strong as the proof that would be required.
    expect((await view(stage, opened, user)).page).not.toContain('data-passkey')
    const later = await openRequest(stage, undefined, { scope: 'data.delete' })
    stage.clock.now += 60
    const action = 'change-password'
    const page = await (await user.open(`${stage.authServer}/account/password`)).text()
    const fields = { ...hiddenFields(page, { action }), action, password, new_password: 'another long password' }
    expect((await post(stage, user, '/account', fields)).status).toBe(303)
    await expectPasskeyNeeded({ stage, user, opened: later })
  })
})

describe('C24: a sign-in during a request', () => {
  /** Two open requests to delete, and a user who signs in at the sign-in page of the first. */
  async function signInOnTheWay(how: 'password' | 'passkey') {
    const stage = await open()
    const passkey = how === 'passkey' ? await addPasskey(stage) : undefined
    stage.clock.now += 2 * day
    const ask = () => openRequest(stage, undefined, { scope: 'data.delete' })
    const [first, second] = [await ask(), await ask()]
    stage.clock.now += 60
    const user = createScriptedUser(stage.fetch)
    const page = await (await user.open(first.url)).text()
    if (passkey) {
      const form = hiddenFields(page, { credential: '' })
      const credential = passkey.respond(await challengeFor(stage, user, form))
      expect((await post(stage, user, '/agent/auth', { ...form, action: 'passkey', credential })).status).toBe(303)
    } else expect((await user.submit(page, first.url, { ...people.alice, action: 'login' })).status).toBe(303)
    return { stage, user, first, second }
  }

  it.each(['password', 'passkey'] as const)('proves that request with a %s, and no other open request', async (how) => {
    const { stage, user, first, second } = await signInOnTheWay(how)
    const other = await view(stage, second, user)
    expect(other.page).toContain(how === 'passkey' ? 'data-passkey' : passwordField)
    const form = how === 'passkey' ? allowForm(other.page) : hiddenFields(other.page, { consent: 'grant' })
    const allowOther = () => post(stage, user, '/agent/auth', { ...form, consent: 'grant' })
    expect((await allowOther()).status).toBe(401)
    expect(isAllowed(await user.submit((await view(stage, first, user)).page, first.url, { consent: 'grant' }))).toBe(
      true,
    )
    expect((await allowOther()).status).toBe(401)
    expect(await stage.storage.listGrants()).toHaveLength(1)
  })

  it.each([true, false])(
    'proves it through the account’s sign-in page only if that leads there: %s',
    async (leadsThere) => {
      const stage = await open()
      const opened = await openRequest(stage, undefined, { scope: 'data.delete' })
      stage.clock.now += 60
      const user = createScriptedUser(stage.fetch)
      const { pathname, search } = new URL(opened.url)
      const returnTo = encodeURIComponent(leadsThere ? pathname + search : '/account')
      const url = `${stage.authServer}/account/sign-in?return_to=${returnTo}`
      await user.submit(await (await user.open(url)).text(), url, { ...people.alice, action: 'login' })
      expect((await view(stage, opened, user)).page.includes(passwordField)).toBe(!leadsThere)
    },
  )
})

describe('C24: a passkey assertion that allows one thing', () => {
  const wider: [string, (form: Record<string, string>, other: OpenRequest) => Record<string, string>][] = [
    ['signing in', (form) => Object.fromEntries(Object.entries(form).filter(([name]) => name !== 'consent'))],
    ['another revision', (form) => ({ ...form, revision: '1' })],
    ['another request', (form, { requestToken }) => ({ ...form, request_token: requestToken })],
  ]
  it.each(wider)('is valid for nothing else: a challenge for %s', async (_claim, change) => {
    const stage = await open()
    const passkey = await addPasskey(stage)
    stage.clock.now += 2 * day
    const first = await askLater(stage)
    const second = await askLater(stage, first.user, 'data.delete data.read')
    const form = allowForm(second.page)
    const challenge = await challengeFor(stage, first.user, change(form, first.opened))
    const credential = passkey.respond(challenge)
    const response = await post(stage, first.user, '/agent/auth', { ...form, credential })
    expect(response.status).toBe(401)
    expect(codeOf(await response.text())).toBe('passkey_failed')
    expect(await stage.storage.listGrants()).toEqual([])
  })

  it('signs no one in', async () => {
    const stage = await open()
    const passkey = await addPasskey(stage)
    stage.clock.now += 2 * day
    const { user, page } = await askLater(stage)
    const credential = passkey.respond(await challengeFor(stage, user, allowForm(page)))
    for (const [name] of user.cookies) if (name.endsWith('session')) user.cookies.delete(name)
    const url = `${stage.authServer}/account/sign-in`
    const signIn = await (await user.open(url)).text()
    const fields = { ...hiddenFields(signIn, { credential: '' }), action: 'passkey', credential }
    expect((await post(stage, user, '/account/sign-in', fields)).status).toBe(401)
  })

  it('is not accepted from another session of the same user in that browser', async () => {
    const stage = await open()
    const passkey = await addPasskey(stage)
    stage.clock.now += 2 * day
    const user = createScriptedUser(stage.fetch)
    await signInToAccount(user, stage.authServer, people.alice)
    const other = createScriptedUser(stage.fetch)
    for (const [name, value] of user.cookies) if (!name.endsWith('session')) other.cookies.set(name, value)
    await signInToAccount(other, stage.authServer, people.alice)
    const { page, opened } = await askLater(stage, user)
    const credential = passkey.respond(await challengeFor(stage, user, allowForm(page)))
    const form = allowForm((await view(stage, opened, other)).page)
    const response = await post(stage, other, '/agent/auth', { ...form, credential })
    expect(response.status).toBe(401)
    expect(codeOf(await response.text())).toBe('passkey_failed')
  })

  it('is used once, even if the Allow was not recorded', async () => {
    const interleaving = noInterleaving()
    const stage = await open({ wrap: (storage) => interleavedStorage(storage, interleaving) })
    const passkey = await addPasskey(stage)
    stage.clock.now += 2 * day
    const { user, page, opened } = await askLater(stage)
    const form = allowForm(page)
    const credential = passkey.respond(await challengeFor(stage, user, form))
    const tokenHash = secretHash(opened.requestToken)
    const browserHash = (await stage.storage.findAuthRequest(tokenHash))?.browserHash ?? ''
    const by = { ...(await readAlice(stage)), browserHash, tokenHash }
    plan(interleaving, 1, () => stage.storage.extendRequest({ ...by, seconds: 600, maxExtensions: 12 }))
    const changed = await post(stage, user, '/agent/auth', { ...form, credential })
    expect(changed.status).toBe(303)
    expect(isAllowed(changed)).toBe(false)
    const again = await post(stage, user, '/agent/auth', { ...form, credential })
    expect(codeOf(await again.text())).toBe('passkey_failed')
    expect(await stage.storage.listGrants()).toEqual([])
  })
})

describe('C24: a factor added in the last 24 hours next to an older one', () => {
  it('proves nothing: a new passkey does not replace the password', async () => {
    const stage = await open()
    stage.clock.now += 10 * day
    await addPasskey(stage)
    const { page } = await askLater(stage)
    expect(page).toContain(passwordField)
    expect(page).not.toContain('data-passkey')
    stage.clock.now += day
    expect((await askLater(stage)).page).toContain('data-passkey')
  })

  it('signs in, but the session proves nothing', async () => {
    const stage = await open()
    stage.clock.now += 10 * day
    const passkey = await addPasskey(stage)
    const opened = await openRequest(stage, undefined, { scope: 'data.delete' })
    stage.clock.now += 60
    const user = createScriptedUser(stage.fetch)
    const url = `${stage.authServer}/account/sign-in`
    const signIn = hiddenFields(await (await user.open(url)).text(), { credential: '' })
    const credential = passkey.respond(await challengeFor(stage, user, signIn))
    const signedIn = await post(stage, user, '/account/sign-in', { ...signIn, action: 'passkey', credential })
    expect(signedIn.status).toBe(303)
    expect((await view(stage, opened, user)).page).toContain(passwordField)
    const security = await user.open(`${stage.authServer}/account/security`)
    expect(security.headers.get('location')).toContain('/account/confirm')
  })

  it('includes a password that an operator set: the older passkey is required', async () => {
    const stage = await open()
    await addPasskey(stage)
    stage.clock.now += 10 * day
    const { userId } = await readAlice(stage)
    const passwordHash = (await stage.storage.findCredential('alice'))?.passwordHash ?? ''
    await stage.storage.setPasswordHash({ userId, passwordHash, by: 'operator' })
    const opened = await openRequest(stage, undefined, { scope: 'data.delete' })
    const { page } = await view(stage, opened)
    expect(page).toContain('data-passkey')
    expect(page).not.toContain(passwordField)
  })
})
