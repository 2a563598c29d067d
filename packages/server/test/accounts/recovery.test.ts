import { setImmediate } from 'node:timers/promises'
import type { EmailMessage, SentEmail } from 'countersign-server'
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest'
import { fetchFrom, openMapStage, type Stage, type StageOptions } from '../attacks/stage.js'
import { createScriptedUser } from '../scripted-user.js'
import { allowedRequest } from '../storage/fixtures.js'
import { createPerson, type Person, sendEmailsSoon, signedIn } from './person.js'

const fresh = 'another long password'
const address = 'alice@home.example'

beforeEach(sendEmailsSoon)

/** A server that sends emails, and the messages it sent. */
async function opened(options: StageOptions = {}) {
  const sent: EmailMessage[] = []
  const stage = await openMapStage({
    sendEmail: async (message) => {
      sent.push(message)
      return { outcome: 'sent' }
    },
    ...options,
  })
  onTestFinished(() => stage.close())
  return { stage, sent }
}

/** Sets, and by default confirms, a user's address. */
async function setAddress({ storage }: Stage, username = 'alice', email = address, confirmed = true): Promise<string> {
  const [user] = await storage.listUsers({ query: username })
  const userId = user?.id ?? ''
  await storage.editUser({ userId, email })
  if (confirmed) await storage.confirmEmail({ userId, email, language: 'en' })
  return userId
}

const forget = (person: Person, username = 'alice') => person.submit('/account/forgot', { username })

/** Waits until the queue is empty, and returns the outcomes. */
async function settled({ storage }: Stage, most = 1): Promise<string[]> {
  const event = ['email.sent', 'email.unsent']
  await expect.poll(() => storage.listEvents({ event }), { timeout: 30_000 }).toHaveLength(most)
  return (await storage.listEvents({ event })).map(({ event: name, data }) =>
    [name, data?.outcome, data?.reason].filter(Boolean).join(' '),
  )
}

const linkIn = (message: EmailMessage | undefined) => /https:\S+/.exec(message?.text ?? '')?.[0] ?? ''

const pathOf = (url: string) => new URL(url).pathname + new URL(url).search

it('V22: a user who forgot their password gets a link at their confirmed address, and sets a new one with it', async () => {
  const { stage, sent } = await opened({ name: 'Home Accounts' })
  await setAddress(stage)
  const alice = createPerson(stage)
  const signIn = await alice.open('/account/sign-in')
  expect(signIn.html).toContain('href="/account/forgot"')
  const requested = await forget(alice)
  expect(requested).toMatchObject({ status: 303, location: '/account/link-sent' })
  expect(await alice.follow(requested)).toMatchObject({ status: 200, state: 'link-sent' })
  expect(await settled(stage)).toEqual(['email.sent'])
  const [message] = sent
  expect(message).toMatchObject({
    to: address,
    fromName: 'Home Accounts',
    subject: 'Your new password for Home Accounts',
  })
  expect(message?.html).toContain(linkIn(message).replaceAll('&', '&amp;'))
  await alice.open(pathOf(linkIn(message)))
  await alice.submit('/account/new-password', { new_password: fresh })
  const credentials = { action: 'login', username: 'alice', password: fresh }
  expect(await alice.submit('/account/sign-in', credentials)).toMatchObject({ status: 303 })
  expect(JSON.stringify(await stage.storage.listEvents())).not.toMatch(/aalk_|home\.example/)
})

it('V22: the response does not depend on whether the account exists, or can get a link', async () => {
  // No email is sent before the last response.
  vi.restoreAllMocks()
  const wrap: NonNullable<StageOptions['wrap']> = (storage) =>
    new Proxy(storage, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name)
        if (typeof found !== 'function' || name === 'claimEmails') return found
        return (...args: unknown[]): unknown => {
          called.push(String(name))
          return Reflect.apply(found, target, args)
        }
      },
    })
  const called: string[] = []
  const { stage, sent } = await opened({ wrap })
  await setAddress(stage)
  await setAddress(stage, 'bob', 'bob@home.example', false)
  const alike: { response: unknown; calls: string[] }[] = []
  for (const username of ['alice', 'bob', 'unknown']) {
    const person = createPerson(stage)
    const page = await person.open('/account/forgot')
    called.length = 0
    const response = await person.browser.submit(page.html, stage.authServer, { username })
    const { status, headers } = response
    alike.push({ response: [status, headers.get('location'), await response.text()], calls: [...called] })
  }
  expect(alike).toEqual(Array(3).fill(alike[0]))
  expect(alike[0]?.calls).toEqual(['countWithinLimits', 'queueEmail'])
  await settled(stage)
  expect(sent.map(({ to }) => to)).toEqual([address])
})

it('V22: an address receives three links an hour, which leave two emails for notices, and a network requests sixty', async () => {
  const { stage, sent } = await opened()
  const userId = await setAddress(stage)
  const person = createPerson(stage)
  for (let time = 0; time < 60; time++) expect(await forget(person)).toMatchObject({ status: 303 })
  expect(await forget(person, 'unknown')).toMatchObject({ status: 429, state: 'forgot', problem: 'throttled' })
  const elsewhere = createPerson(stage, createScriptedUser(fetchFrom(stage, '198.51.100.1')))
  expect(await forget(elsewhere, 'unknown')).toMatchObject({ status: 303 })
  const outcomes = await settled(stage, 60)
  expect(outcomes.filter((outcome) => outcome === 'email.sent')).toHaveLength(3)
  expect(outcomes.filter((outcome) => outcome === 'email.unsent failed too_many')).toHaveLength(57)
  for (const passwordHash of ['1', '2', '3'])
    await stage.storage.setPasswordHash({ userId, passwordHash, by: 'operator:carol' })
  await settled(stage, 63)
  expect(sent).toHaveLength(5)
})

it('a user is notified of an agent that an operator blocked, unless they turned these emails off', async () => {
  const { stage, sent } = await opened()
  const { storage } = stage
  for (const name of ['alice', 'bob']) {
    const userId = await setAddress(stage, name, `${name}@home.example`)
    const user = await storage.findUser(userId)
    await allowedRequest(storage, { agent: 'https://rogue.example' }, { remembered: true }, user)
    if (name === 'bob') await storage.editUser({ userId, agentEmails: false })
  }
  await settled(stage)
  await storage.setAgentBlocked({ agent: 'https://rogue.example', blocked: true, by: 'operator:carol' })
  await settled(stage, 2)
  expect(sent.map(({ to, subject }) => [to, subject])).toMatchObject([
    [address, expect.stringMatching(/^A new agent was allowed/)],
    [address, expect.stringMatching(/^An agent was blocked/)],
  ])
  expect(sent[1]?.text).toContain('blocked the agent rogue.example.')
  expect(sent[1]?.text).toContain('/account\n')
  expect(await storage.listEvents({ event: 'access.blocked' })).toHaveLength(2)
})

it('V23: only opening the form and submitting it confirms an address, and the email shows nothing that the user chose', async () => {
  const { stage, sent } = await opened({ accounts: { signUp: true } })
  const eve = createPerson(stage)
  const account = { username: 'Win.a.prize', email: address, password: fresh, action: 'sign-up' }
  expect(await eve.submit('/account/sign-up', account)).toMatchObject({ status: 303 })
  await settled(stage)
  const [message] = sent
  expect(message?.to).toBe(address)
  expect(`${message?.subject}${message?.text}${message?.html}`).not.toContain('prize')
  const path = pathOf(linkIn(message))
  const find = async () => (await stage.storage.listUsers({ query: 'prize' }))[0]
  const scanner = createPerson(stage)
  const shown = await scanner.open(path)
  expect(shown).toMatchObject({ status: 200, state: 'confirm-email' })
  expect(await find()).toMatchObject({ emailConfirmedAt: null })
  expect(await scanner.post('/account/email', { token: path.split('=')[1] ?? '' })).toMatchObject({ status: 403 })
  const token = new URL(linkIn(message)).searchParams.get('token') ?? ''
  const done = await scanner.submit(path, { token })
  expect(await scanner.follow(done)).toMatchObject({ status: 200, state: 'email-confirmed' })
  expect(await find()).toMatchObject({ emailConfirmedAt: stage.clock.now })
})

it('V23: a link confirms only the address that it was sent to, for a day', async () => {
  const { stage, sent } = await opened()
  await setAddress(stage, 'alice', address, false)
  const alice = await signedIn(stage)
  expect((await alice.open('/account/yours')).html).toContain('not confirmed')
  const requested = await alice.submit('/account/yours', { action: 'confirm-email' })
  expect((await alice.follow(requested)).html).toContain('We’re sending you an email')
  await settled(stage)
  const path = pathOf(linkIn(sent[0]))
  await setAddress(stage, 'alice', 'eve@evil.example', false)
  const token = new URL(linkIn(sent[0])).searchParams.get('token') ?? ''
  expect(await alice.submit(path, { token })).toMatchObject({ status: 410, state: 'link_invalid' })
  await setAddress(stage, 'alice', address, false)
  stage.clock.now += 86_400
  expect(await alice.open(path)).toMatchObject({ status: 410, state: 'link_invalid' })
  expect(await alice.open(`${path}x`)).toMatchObject({ status: 410 })
  stage.clock.now -= 1
  const confirmed = await alice.submit(path, { token })
  expect(confirmed).toMatchObject({ status: 303, location: '/account/yours' })
  expect((await alice.open('/account/yours')).html).not.toContain('not confirmed')
})

it('without a mail server, pages refer to the contact, and the pages for a link do not exist', async () => {
  const { stage } = await opened({ sendEmail: undefined })
  const person = createPerson(stage)
  expect((await person.open('/account/sign-in')).html).toContain('your administrator')
  for (const path of ['/account/forgot', '/account/link-sent'])
    expect(await person.open(path)).toMatchObject({ status: 404 })
  await setAddress(stage, 'alice', address, false)
  const alice = await signedIn(stage)
  expect((await alice.open('/account/yours')).html).not.toContain('confirm')
  const csrf = await alice.csrfAt('/account')
  expect(await alice.post('/account', { action: 'confirm-email', csrf })).toMatchObject({ status: 404 })
})

it('repeats an attempt that failed with another link, and reports one that has an unknown outcome', async () => {
  const outcomes: SentEmail[] = [
    { outcome: 'retry', reason: 'ECONNECTION' },
    { outcome: 'unknown', reason: 'ETIMEDOUT' },
  ]
  const sent: EmailMessage[] = []
  const errors: unknown[] = []
  const { stage } = await opened({
    onError: (error) => errors.push(error),
    sendEmail: async (message) => {
      sent.push(message)
      return outcomes[sent.length - 1] ?? { outcome: 'sent' }
    },
  })
  await setAddress(stage)
  await forget(createPerson(stage))
  await expect.poll(() => errors, { timeout: 30_000 }).toHaveLength(1)
  stage.clock.now += 60
  expect(await settled(stage)).toEqual(['email.unsent unknown ETIMEDOUT'])
  await expect.poll(() => errors, { timeout: 30_000 }).toHaveLength(2)
  expect(String(errors[0])).toContain('an email (reset, attempt 1) was not sent: retry, ECONNECTION')
  expect(errors.join()).not.toContain('home.example')
  const [first, second] = sent
  expect(second?.id).toBe(first?.id)
  expect(linkIn(second)).not.toBe(linkIn(first))
})

it('C13: an email shows the names that users and operators chose as inert text', async () => {
  const { stage, sent } = await opened({ name: '<b>Home</b> & Co' })
  const username = '<script>alert(1)</script>'
  await stage.storage.createUser({ username, passwordHash: 'hash' })
  await setAddress(stage, username)
  await forget(createPerson(stage), username)
  await settled(stage)
  expect(sent[0]?.html).not.toMatch(/<script|<b>/)
  expect(sent[0]?.html).toContain('&lt;b>Home&lt;/b> &amp; Co')
})

it('stops an attempt when the server closes, and tries again after the next start', async () => {
  const { stage } = await opened({
    sendEmail: (_message, signal) =>
      new Promise((resolve) => {
        started.push(signal)
        signal.addEventListener('abort', () => resolve({ outcome: 'retry', reason: 'EABORT' }))
      }),
    wrap: (storage) => ({
      ...storage,
      settleEmail: (settlement) => {
        settlements.push(settlement)
        return storage.settleEmail(settlement)
      },
    }),
    onError: () => undefined,
  })
  const started: AbortSignal[] = []
  const settlements: unknown[] = []
  await setAddress(stage)
  await forget(createPerson(stage))
  await expect.poll(() => started, { timeout: 30_000 }).toHaveLength(1)
  await stage.close()
  expect(settlements).toMatchObject([{ attempt: 1, outcome: 'retry', reason: 'EABORT' }])
})

it('tries emails again that it claimed while the server was closing', async () => {
  const settlements: unknown[] = []
  const closing: Promise<unknown>[] = []
  const { stage } = await opened({
    sendEmail: async (_message, { aborted }) => ({ outcome: aborted ? 'retry' : 'sent' }),
    wrap: (storage) => ({
      ...storage,
      async claimEmails(claim) {
        const claimed = await storage.claimEmails(claim)
        if (claimed.length > 0) closing.push(stage.close())
        await setImmediate()
        return claimed
      },
      settleEmail: (settlement) => {
        settlements.push(settlement)
        return storage.settleEmail(settlement)
      },
    }),
    onError: () => undefined,
  })
  await setAddress(stage)
  await forget(createPerson(stage))
  await expect.poll(() => closing, { timeout: 30_000 }).toHaveLength(1)
  await Promise.all(closing)
  expect(settlements).toMatchObject([{ attempt: 1, outcome: 'retry' }])
})

it('V24: a user whose address is confirmed is notified of a new password and of a sign-in in a new browser', async () => {
  const { stage, sent } = await opened({ name: 'Home Accounts' })
  await signedIn(stage)
  const userId = await setAddress(stage)
  await signedIn(stage)
  await stage.storage.setPasswordHash({ userId, passwordHash: 'hash', by: 'operator:carol' })
  await settled(stage, 2)
  const subjects = sent.map(({ to, subject, text }) => [
    to,
    subject,
    text.includes(`${stage.authServer}/account/security`),
  ])
  expect(subjects).toEqual([
    [address, 'New sign-in – Home Accounts', true],
    [address, 'Your password was changed – Home Accounts', true],
  ])
})

it('D16: a notice of a device leads to the page that disconnects it', async () => {
  const { stage, sent } = await opened({ name: 'Home Accounts' })
  const userId = await setAddress(stage)
  const { credentialRevision = 0 } = (await stage.storage.findUser(userId)) ?? {}
  const [codeHash, thumbprint] = ['A'.repeat(43), 'E'.repeat(43)]
  const device = { name: 'laptop', thumbprint }
  await stage.storage.createDeviceCode({ userId, credentialRevision, codeHash, device, lifetime: 60, most: 1 })
  const redemption = { codeHash, thumbprint, name: undefined, ip: undefined, lifetime: 60, most: 1 }
  await stage.storage.redeemDeviceCode(redemption)
  await settled(stage, 1)
  const [notice] = sent
  expect(notice?.subject).toBe('A device was connected – Home Accounts')
  expect(notice?.text).toContain(`${stage.authServer}/account\n`)
  expect(notice?.text).toContain('a new password does not disconnect it')
})
