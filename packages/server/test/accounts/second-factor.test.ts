import { createPasswordLink, type Storage } from 'countersign-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openRequest, view } from '../attacks/flow.js'
import { openMapStage, people, type StageOptions } from '../attacks/stage.js'
import { createScriptedUser, signInToAccount } from '../scripted-user.js'
import { createSoftwarePasskey } from '../software-passkey.js'
import { codeAt, type Factor, secretOn, setUpFactor, setUpPath, submitOn } from './authenticator.js'
import { createPerson, type Person, type Seen, signedIn } from './person.js'

const signInPath = '/account/sign-in'
const securityPath = '/account/security'
const alicePassword = { action: 'login', ...people.alice }

async function open(options: StageOptions = {}) {
  const stage = await openMapStage(options)
  onTestFinished(() => stage.close())
  return stage
}

const required = { accounts: { secondFactor: 'required' } } as const
const forRisk = { accounts: { secondFactor: 'for-risk' } } as const

async function protectedAlice(options: StageOptions = {}) {
  const stage = await open(options)
  const alice = await signedIn(stage)
  return { stage, alice, factor: await setUpFactor(alice) }
}

/** Another browser, after Alice's password. */
async function afterPassword(
  { stage }: Pick<Person, 'stage'>,
  path = signInPath,
): Promise<{ other: Person; step: Seen }> {
  const other = createPerson(stage)
  const step = await other.submit(path, alicePassword)
  expect(step).toMatchObject({ status: 200, state: 'second-step' })
  return { other, step }
}

const enter = (other: Person, step: Seen, code: string) => submitOn(other, step.html, { action: 'second-step', code })

const isIn = async (person: Person) => (await person.open('/account')).status === 200

/** A code that is not one of those that are accepted now. */
function wrongCode({ secret }: Factor, now: number): string {
  const right = [-30, 0, 30].map((seconds) => codeAt(secret, now + seconds))
  return ['111111', '222222', '333333', '444444'].find((code) => !right.includes(code)) ?? ''
}

describe('setting up a second factor', () => {
  it('takes one code, and shows ten recovery codes once', async () => {
    const { stage, alice, factor } = await protectedAlice()
    expect(new Set(factor.recoveryCodes).size).toBe(10)
    const { html } = await alice.open(securityPath)
    expect(html).toContain('10 recovery codes are left.')
    for (const code of factor.recoveryCodes) expect(html).not.toContain(code)
    const stored = await stage.storage.findSecondFactor((await stage.storage.findCredential('alice'))?.user.id ?? '')
    expect(JSON.stringify(stored)).not.toContain(factor.secret)
  })

  it('needs a code of the new app, and keeps the secret for another try', async () => {
    const stage = await open()
    const alice = await signedIn(stage)
    const { html } = await alice.open(setUpPath)
    expect(html).toMatch(/<svg class="qr"[^>]*>/)
    expect(html).not.toContain('style=')
    const again = await submitOn(alice, html, { action: 'set-up-factor', code: '000 000' })
    expect(again).toMatchObject({ status: 400, problem: 'wrong_code' })
    expect(secretOn(again.html)).toBe(secretOn(html))
    expect(await alice.open(securityPath)).toMatchObject({ html: expect.stringContaining('Set up two-step sign-in') })
    expect((await afterPasswordIn(alice)).status).toBe(303)
  })

  it('needs a recent sign-in', async () => {
    const stage = await open()
    const alice = await signedIn(stage)
    const { html } = await alice.open(setUpPath)
    stage.clock.now += 601
    expect((await alice.open(setUpPath)).location).toContain('/account/confirm')
    const code = codeAt(secretOn(html), stage.clock.now)
    expect((await submitOn(alice, html, { action: 'set-up-factor', code })).location).toContain('/account/confirm')
  })

  it('offers another secret after an hour', async () => {
    const stage = await open()
    const alice = await signedIn(stage)
    const { html } = await alice.open(setUpPath)
    stage.clock.now += 3600
    await alice.submit('/account/confirm', { action: 'reauthenticate', password: people.alice.password })
    const code = codeAt(secretOn(html), stage.clock.now)
    const again = await submitOn(alice, html, { action: 'set-up-factor', code })
    expect(again).toMatchObject({ status: 200, state: 'set-up-factor' })
    expect(secretOn(again.html)).not.toBe(secretOn(html))
  })

  it('V27: in two tabs, the page that was opened first does not replace the factor of the other', async () => {
    const stage = await open()
    const alice = await signedIn(stage)
    const { html } = await alice.open(setUpPath)
    const factor = await setUpFactor(alice)
    const code = codeAt(secretOn(html), stage.clock.now)
    expect((await submitOn(alice, html, { action: 'set-up-factor', code })).problem).toBe('sign_in_changed')
    const { other, step } = await afterPassword(alice)
    expect((await enter(other, step, factor.next())).status).toBe(303)
  })

  it('accepts only a form that was made for the same user', async () => {
    const stage = await open()
    const [alice, bob] = [await signedIn(stage), await signedIn(stage, 'bob')]
    const offered = await bob.open(setUpPath)
    const secret = /name="secret" value="([^"]*)"/.exec(offered.html)?.[1] ?? ''
    const { html } = await alice.open(setUpPath)
    const code = codeAt(secretOn(offered.html), stage.clock.now)
    const refused = await submitOn(
      alice,
      html.replace(/name="secret" value="[^"]*"/, `name="secret" value="${secret}"`),
      {
        action: 'set-up-factor',
        code,
      },
    )
    expect(refused).toMatchObject({ status: 200, state: 'set-up-factor' })
    expect(await stage.storage.listEvents({ event: 'factor.added' })).toEqual([])
  })
})

async function afterPasswordIn({ stage }: Person) {
  return createPerson(stage).submit(signInPath, alicePassword)
}

describe('signing in with a second factor', () => {
  it('takes the password and then a code on the same page, and continues to where the user was going', async () => {
    const { alice, factor } = await protectedAlice()
    const { other, step } = await afterPassword(alice, `${signInPath}?return_to=%2Faccount%2Factivity`)
    expect(await isIn(other)).toBe(false)
    expect((await enter(other, step, factor.next())).location).toBe('/account/activity')
    expect(await isIn(other)).toBe(true)
  })

  it('continues to the consent page of the request', async () => {
    const { stage, factor } = await protectedAlice()
    const { url } = await openRequest(stage)
    const other = createPerson(stage)
    const path = url.slice(stage.authServer.length)
    const step = await other.submit(path, alicePassword)
    expect(step).toMatchObject({ status: 200, state: 'second-step' })
    const entered = await enter(other, step, factor.next())
    expect(await other.follow(entered)).toMatchObject({ status: 200, state: 'consent-first-time' })
  })

  it('accepts codes one step early or late, and no others', async () => {
    const { stage, alice, factor } = await protectedAlice()
    stage.clock.now += 300
    for (const [seconds, status] of [
      [-60, 401],
      [60, 401],
      [-30, 303],
      [30, 303],
    ] as const) {
      const { other, step } = await afterPassword(alice)
      expect((await enter(other, step, codeAt(factor.secret, stage.clock.now + seconds))).status).toBe(status)
    }
  })

  it('accepts what users type: spaces, and the digits of their script', async () => {
    const { stage, alice, factor } = await protectedAlice()
    const digits = (zero: number) => (code: string) =>
      code.replaceAll(/\d/g, (digit) => String.fromCharCode(zero + Number(digit)))
    const spaced = (code: string) => ` ${code.slice(0, 3)} ${code.slice(3)}`
    for (const write of [spaced, digits(0x660), digits(0x6f0), digits(0xff10)]) {
      const { other, step } = await afterPassword(alice)
      expect((await enter(other, step, write(factor.next()))).status).toBe(303)
    }
    const { other, step } = await afterPassword(alice)
    const [recovery = ''] = factor.recoveryCodes
    expect((await enter(other, step, recovery.replaceAll('-', ' ').toLowerCase())).status).toBe(303)
    expect(await stage.storage.listEvents({ event: 'factor.code_used' })).toHaveLength(1)
  })

  it('V25: refuses a code that was used, also the one that set up the factor, and one used in parallel', async () => {
    const { stage, alice, factor } = await protectedAlice()
    const first = await afterPassword(alice)
    const replayed = await enter(first.other, first.step, codeAt(factor.secret, stage.clock.now))
    expect(replayed).toMatchObject({ status: 401, problem: 'wrong_code' })
    const code = factor.next()
    const tries = await Promise.all([0, 1, 2, 3].map(() => afterPassword(alice)))
    const seen = await Promise.all(tries.map(({ other, step }) => enter(other, step, code)))
    expect(seen.map(({ status }) => status).sort((a, b) => a - b)).toEqual([303, 401, 401, 401])
  })

  it('V25: accepts each recovery code once, and says how many are left', async () => {
    const { alice, factor } = await protectedAlice()
    const [recovery = ''] = factor.recoveryCodes
    for (const status of [303, 401]) {
      const { other, step } = await afterPassword(alice)
      expect((await enter(other, step, recovery)).status).toBe(status)
    }
    expect((await alice.open(securityPath)).html).toContain('9 recovery codes are left.')
    expect((await alice.open('/account/activity')).html).toContain('You used a recovery code.')
  })

  it('V25: refuses the codes of another account', async () => {
    const { stage, alice } = await protectedAlice()
    const bob = await setUpFactor(await signedIn(stage, 'bob'))
    for (const code of [bob.next(), ...bob.recoveryCodes.slice(0, 1)]) {
      const { other, step } = await afterPassword(alice)
      expect(await enter(other, step, code)).toMatchObject({ status: 401, problem: 'wrong_code' })
    }
  })

  it('V25: counts wrong codes like wrong passwords, and a right password between them resets nothing', async () => {
    const { stage, alice, factor } = await protectedAlice()
    const wrong = wrongCode(factor, stage.clock.now)
    for (let guesses = 1; guesses <= 5; guesses++) {
      const { other, step } = await afterPassword(alice)
      expect(await enter(other, step, wrong)).toMatchObject({ status: 401, problem: 'wrong_code' })
    }
    const throttled = await createPerson(stage).submit(signInPath, alicePassword)
    expect(throttled).toMatchObject({ status: 429, problem: 'throttled' })
    stage.clock.now += 900
    const { other, step } = await afterPassword(alice)
    expect((await enter(other, step, factor.next())).status).toBe(303)
  })

  it('V25: stops within one page after five wrong codes, also for the right one', async () => {
    const { stage, alice, factor } = await protectedAlice()
    const { other, step } = await afterPassword(alice)
    const wrong = wrongCode(factor, stage.clock.now)
    const codes = Array.from({ length: 30 }, () => wrong)
    const seen = await Promise.all(codes.map((code) => enter(other, step, code)))
    expect(seen.filter(({ problem }) => problem === 'wrong_code')).toHaveLength(5)
    const right = await enter(other, step, codeAt(factor.secret, stage.clock.now))
    expect(right).toMatchObject({ status: 429, problem: 'throttled' })
    expect(await isIn(other)).toBe(false)
    expect((await alice.open('/account/activity')).html).toContain('Failed sign-in attempt.')
  })

  it('V26: cannot be continued later, in another browser, or after a change to how the user signs in', async () => {
    const { stage, alice, factor } = await protectedAlice()
    const { other, step } = await afterPassword(alice)
    const stranger = await afterPassword(alice)
    const pending = /name="pending" value="([^"]*)"/.exec(step.html)?.[1] ?? ''
    const stolen = stranger.step.html.replace(/name="pending" value="[^"]*"/, `name="pending" value="${pending}"`)
    const refused = await submitOn(stranger.other, stolen, { action: 'second-step', code: factor.next() })
    expect(refused).toMatchObject({ status: 401, state: 'sign-in', problem: 'step_expired' })
    const { user } = (await stage.storage.findCredential('alice')) ?? {}
    await stage.storage.endSessions({ userId: user?.id ?? '' })
    expect((await enter(other, step, factor.next())).problem).toBe('sign_in_changed')
    const late = await afterPassword(alice)
    stage.clock.now += 600
    expect((await enter(late.other, late.step, factor.next())).problem).toBe('step_expired')
  })

  it('V26: is not bypassed by a new password from a link', async () => {
    const { stage, alice } = await protectedAlice()
    const { user } = (await stage.storage.findCredential('alice')) ?? {}
    const link = { issuer: stage.authServer, userId: user?.id ?? '', purpose: 'reset', by: 'operator' } as const
    const created = await createPasswordLink(stage.storage, link)
    if (created.outcome !== 'created') throw new Error(created.outcome)
    const other = createPerson(stage)
    await other.follow(await other.open(created.url.slice(stage.authServer.length)))
    const password = 'another long password'
    const set = await other.submit('/account/new-password', { new_password: password })
    expect(await other.follow(set)).toMatchObject({ state: 'password-set' })
    const step = await other.submit(signInPath, { ...alicePassword, password })
    expect(step).toMatchObject({ status: 200, state: 'second-step' })
    expect(await isIn(other)).toBe(false)
    expect((await alice.open('/account')).status).toBe(303)
  })
})

describe('changing a second factor', () => {
  it('V27: needs the password and a code, also for the password and the passkeys', async () => {
    const { stage, alice, factor } = await protectedAlice()
    stage.clock.now += 601
    for (const path of [setUpPath, '/account/second-factor/remove', '/account/password'])
      expect((await alice.open(path)).location).toContain('/account/confirm')
    const path = `/account/confirm?return_to=${encodeURIComponent('/account/second-factor/remove')}`
    const proof = { action: 'reauthenticate', password: people.alice.password }
    const wrong = wrongCode(factor, stage.clock.now)
    expect(await alice.submit(path, { ...proof, code: wrong })).toMatchObject({ status: 401, problem: 'wrong_code' })
    const proved = await alice.submit(path, { ...proof, code: factor.next() })
    expect(proved).toMatchObject({ status: 303, location: '/account/second-factor/remove' })
    const removed = await submitOn(alice, (await alice.follow(proved)).html, { action: 'remove-factor' })
    expect((await alice.follow(removed)).html).toContain('Two-step sign-in is off.')
    expect((await afterPasswordIn(alice)).status).toBe(303)
  })

  it('V27: is refused in a session that began with the password alone', async () => {
    const stage = await open()
    const [old, alice] = [await signedIn(stage), await signedIn(stage)]
    const proof = { action: 'reauthenticate', password: people.alice.password }
    expect((await old.submit('/account/confirm', proof)).status).toBe(303)
    const csrf = await old.csrfAt(securityPath)
    await setUpFactor(alice)
    for (const action of ['add-passkey', 'set-up-factor', 'new-recovery-codes', 'remove-factor'])
      expect((await old.post('/account', { csrf, action })).location).toContain('/account/confirm')
    expect((await old.open('/account/second-factor/remove')).location).toContain('/account/confirm')
    expect(await stage.storage.listEvents({ event: ['factor.removed', 'factor.codes_replaced'] })).toEqual([])
  })

  it('V27: is refused in a session that changed the password without a code', async () => {
    const stage = await open()
    const old = await signedIn(stage)
    const password = 'another long password'
    const change = { action: 'change-password', password: people.alice.password, new_password: password }
    expect((await old.submit('/account/password', change)).status).toBe(303)
    const alice = createPerson(stage)
    await alice.submit(signInPath, { ...alicePassword, password })
    await setUpFactor(alice)
    expect((await old.open('/account/second-factor/remove')).location).toContain('/account/confirm')
  })

  it('replaces the recovery codes, and the old ones stop working', async () => {
    const { alice, factor } = await protectedAlice()
    const shown = await alice.submit(securityPath, { action: 'new-recovery-codes' })
    expect(shown).toMatchObject({ status: 200, state: 'recovery-codes' })
    const [fresh = ''] = [...shown.html.matchAll(/<code>([0-9A-Z-]{19})<\/code>/g)].map(([, code = '']) => code)
    for (const [code, status] of [
      [factor.recoveryCodes[0] ?? '', 401],
      [fresh, 303],
    ] as const) {
      const { other, step } = await afterPassword(alice)
      expect((await enter(other, step, code)).status).toBe(status)
    }
  })

  it('replaces the app, and its old codes stop working', async () => {
    const { stage, alice, factor } = await protectedAlice()
    expect((await alice.open(securityPath)).html).toContain('Use another app or phone')
    const replaced = await setUpFactor(alice)
    expect(replaced.secret).not.toBe(factor.secret)
    for (const [secret, status] of [
      [factor.secret, 401],
      [replaced.secret, 303],
    ] as const) {
      stage.clock.now += 30
      const { other, step } = await afterPassword(alice)
      expect((await enter(other, step, codeAt(secret, stage.clock.now))).status).toBe(status)
    }
  })
})

describe('C24: something risky', () => {
  const risky = { scope: 'data.delete' }

  it('needs the password and a code', async () => {
    const { stage, alice, factor } = await protectedAlice()
    stage.clock.now += 1
    const opened = await openRequest(stage, undefined, risky)
    const { page, user } = await view(stage, opened, alice.browser)
    expect(page).toContain('name="code"')
    const allow = async (code: string) =>
      (await user.submit(page, opened.url, { consent: 'grant', password: people.alice.password, code })).status
    expect(await allow(wrongCode(factor, stage.clock.now))).toBe(401)
    expect(await stage.storage.listGrants()).toEqual([])
    expect(await allow(factor.next())).toBe(303)
    expect(await stage.storage.listGrants()).toMatchObject([{ scope: 'data.delete' }])
  })

  it('needs a code also after a sign-in for the request, if it was with the password alone', async () => {
    const stage = await open()
    const opened = await openRequest(stage, undefined, risky)
    const { user } = await view(stage, opened)
    await setUpFactor(await signedIn(stage))
    const page = await (await user.open(opened.url)).text()
    expect(page).toContain('name="code"')
    expect((await user.submit(page, opened.url, { consent: 'grant' })).status).toBe(401)
    expect(await stage.storage.listGrants()).toEqual([])
  })

  it('for-risk: needs a second factor to be set up, and returns to the request', async () => {
    const stage = await open(forRisk)
    const opened = await openRequest(stage, undefined, risky)
    const { page, user } = await view(stage, opened)
    expect(page).toContain('you need to set up two-step sign-in')
    const turned = await user.submit(page, opened.url, { consent: 'grant' })
    expect(turned.headers.get('location')).toContain(setUpPath)
    expect(await stage.storage.listGrants()).toEqual([])
    const alice = createPerson(stage, user)
    await setUpFactor(alice, turned.headers.get('location') ?? '')
    const back = await user.open(opened.url)
    const allowed = await user.submit(await back.text(), opened.url, { consent: 'grant' })
    expect(allowed.headers.get('location')).toMatch(/[?&]code=/)
  })

  it('for-risk: what is not risky needs no second factor, and anything can be denied', async () => {
    const stage = await open(forRisk)
    const opened = await openRequest(stage)
    const { page, user } = await view(stage, opened)
    expect((await user.submit(page, opened.url, { consent: 'grant' })).headers.get('location')).toMatch(/[?&]code=/)
    const second = await openRequest(stage, undefined, risky)
    const shown = await view(stage, second, user)
    const denied = await user.submit(shown.page, second.url, { consent: 'deny' })
    expect(denied.headers.get('location')).toContain('error=access_denied')
  })
})

describe('required', () => {
  it('V26: is set up before anything else, also before a decision, and the user ends where they were', async () => {
    const stage = await open(required)
    const alice = await signedIn(stage)
    for (const path of ['/account', '/account/activity', securityPath, '/account/download'])
      expect((await alice.open(path)).location).toBe(`${setUpPath}?return_to=${encodeURIComponent(path)}`)
    const { url } = await openRequest(stage)
    const turned = await alice.browser.open(url)
    expect(turned.headers.get('location')).toContain(setUpPath)
    const page = await alice.open(turned.headers.get('location') ?? '')
    expect(page.html).toContain('asks everyone to set this up')
    await setUpFactor(alice, turned.headers.get('location') ?? '')
    expect((await alice.browser.open(url)).status).toBe(200)
    expect(await isIn(alice)).toBe(true)
  })

  it('V26: cannot be turned off by a user without a passkey', async () => {
    const stage = await open(required)
    const alice = await signedIn(stage)
    await setUpFactor(alice)
    expect((await alice.open(securityPath)).html).not.toContain('/account/second-factor/remove')
    expect(await alice.open('/account/second-factor/remove')).toMatchObject({ status: 403, problem: 'policy_forbids' })
    const refused = await alice.post('/account', { csrf: await alice.csrfAt(securityPath), action: 'remove-factor' })
    expect(refused).toMatchObject({ status: 403, problem: 'policy_forbids' })
    expect(await stage.storage.listEvents({ event: 'factor.removed' })).toEqual([])
  })

  it('refuses every form of a user without a second factor, except to sign out', async () => {
    const stage = await open(required)
    const alice = await signedIn(stage)
    const csrf = await alice.csrfAt(setUpPath)
    const refused = await alice.post('/account', { csrf, action: 'remove-all-agents' })
    expect(refused.location).toContain(setUpPath)
    expect((await alice.post('/account', { csrf, action: 'logout' })).location).toContain('/account/signed-out')
  })

  it('refuses a decision on a page that was opened before', async () => {
    let factor: Awaited<ReturnType<Storage['findSecondFactor']>> = { sealedSecret: '', addedAt: 0, recoveryCodes: 0 }
    const wrap = (storage: Storage): Storage =>
      Object.assign(Object.create(storage) as Storage, { findSecondFactor: async () => factor })
    const stage = await open({ ...required, wrap })
    const { url } = await openRequest(stage)
    const browser = createScriptedUser(stage.fetch)
    factor = undefined
    await signInToAccount(browser, stage.authServer, people.alice)
    factor = { sealedSecret: '', addedAt: 0, recoveryCodes: 0 }
    const page = await (await browser.open(url)).text()
    factor = undefined
    for (const consent of ['grant', 'deny']) {
      const refused = await browser.submit(page, url, { consent })
      expect(refused.headers.get('location')).toContain(setUpPath)
    }
    expect(await stage.storage.listEvents({ event: ['request.allowed', 'request.denied'] })).toEqual([])
  })

  it('a passkey counts as both factors, and a password alone does not replace it', async () => {
    const stage = await open(required)
    const { user } = (await stage.storage.findCredential('alice')) ?? {}
    const { credentialId, publicKey } = createSoftwarePasskey(stage.authServer)
    const read = { userId: user?.id ?? '', credentialRevision: user?.credentialRevision ?? 0 }
    await stage.storage.addPasskey({ ...read, credentialId, publicKey, counter: 0 })
    const alice = createPerson(stage, createScriptedUser(stage.fetch))
    const step = await alice.submit(signInPath, alicePassword)
    expect(step).toMatchObject({ status: 200, state: 'second-step' })
    expect(step.html).not.toContain('name="code"')
    expect(step.html).toContain('data-passkey="get"')
    expect(await isIn(alice)).toBe(false)
  })
})
