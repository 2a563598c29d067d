import type { EmailMessage } from 'countersign-server'
import { expect, it, onTestFinished } from 'vitest'
import { allow, openRequest, ownRequest, view } from '../attacks/flow.js'
import { identityOf } from '../attacks/party.js'
import type { StageOptions } from '../attacks/stage.js'
import { openAccount, sendEmailsSoon } from './person.js'

const old = 'alice@home.example'
const fresh = 'alice@new.example'

async function opened(options: StageOptions = {}) {
  const { stage, alice } = await openAccount(options)
  onTestFinished(() => stage.close())
  const [user] = await stage.storage.listUsers({ query: 'alice' })
  const userId = user?.id ?? ''
  await stage.storage.editUser({ userId, displayName: 'Alice', email: old })
  await stage.storage.confirmEmail({ userId, email: old, language: 'en' })
  return { stage, alice, userId }
}

/** A server that sends emails, and the messages it sent. */
async function sending() {
  sendEmailsSoon()
  const sent: EmailMessage[] = []
  const world = await opened({
    sendEmail: async (message) => {
      sent.push(message)
      return { outcome: 'sent' }
    },
  })
  return { ...world, sent }
}

it('the name can be changed and removed; the consent page shows what an agent would learn', async () => {
  const { stage, alice, userId } = await opened()
  const agent = identityOf(stage.agent)
  const shown = async () => {
    const request = await openRequest(stage, agent, ownRequest(stage, 'openid profile email'))
    return (await view(stage, request, alice.browser)).page
  }
  expect((await alice.open('/account/yours')).html).toContain('value="Alice"')
  await alice.submit('/account/yours', { action: 'change-name', name: '  Alice\u202e Moore ' })
  expect(await stage.storage.findUser(userId)).toMatchObject({ displayName: 'Alice Moore' })
  const page = await shown()
  expect(page).toContain('Alice Moore')
  expect(page).toContain(old)
  await alice.submit('/account/yours', { action: 'change-name', name: '' })
  expect(await stage.storage.findUser(userId)).toMatchObject({ displayName: null })
  expect(await shown()).not.toContain('Alice Moore')
})

it('a name that changed since the page was shown is not overwritten', async () => {
  const { stage, alice, userId } = await opened()
  const csrf = await alice.csrfAt('/account/yours')
  await stage.storage.editUser({ userId, displayName: 'Renamed' })
  const form = { action: 'change-name', csrf, before: 'Alice', name: 'Alice Moore' }
  expect(await alice.post('/account', form)).toMatchObject({ location: '/account/yours' })
  expect(await stage.storage.findUser(userId)).toMatchObject({ displayName: 'Renamed' })
})

it('a new address replaces the old one once it is confirmed, and the old one is notified', async () => {
  const { stage, alice, userId, sent } = await sending()
  const asked = await alice.submit('/account/change-email', { action: 'change-email', email: fresh })
  expect((await alice.follow(asked)).html).toContain('We’re sending you an email with a link.')
  await expect.poll(() => sent, { timeout: 30_000 }).toHaveLength(1)
  expect(sent[0]?.to).toBe(fresh)
  expect(await stage.storage.findUser(userId)).toMatchObject({ email: old })
  const link = new URL(/https:\S+/.exec(sent[0]?.text ?? '')?.[0] ?? '')
  await alice.submit(link.pathname + link.search, {})
  const now = stage.clock.now
  expect(await stage.storage.findUser(userId)).toMatchObject({ email: fresh, emailConfirmedAt: now })
  await expect.poll(() => sent, { timeout: 30_000 }).toHaveLength(2)
  expect(sent[1]).toMatchObject({ to: old, subject: expect.stringContaining('Your email address was changed') })
  // The link does not bring an address back that was replaced since.
  await stage.storage.editUser({ userId, email: 'third@home.example' })
  await alice.submit(link.pathname + link.search, {})
  expect(await stage.storage.findUser(userId)).toMatchObject({ email: 'third@home.example' })
})

it('V23: the link to a new address no longer works after the password has changed', async () => {
  const { stage, alice, userId, sent } = await sending()
  await alice.submit('/account/change-email', { action: 'change-email', email: fresh })
  await expect.poll(() => sent, { timeout: 30_000 }).toHaveLength(1)
  const link = new URL(/https:\S+/.exec(sent[0]?.text ?? '')?.[0] ?? '')
  await stage.storage.setPasswordHash({ userId, passwordHash: '$argon2id$new', by: 'operator:carol' })
  expect(await alice.submit(link.pathname + link.search, {})).toMatchObject({ problem: 'link_invalid' })
  expect(await stage.storage.findUser(userId)).toMatchObject({ email: old })
})

it('without emails, a new address replaces the old one at once', async () => {
  const { stage, alice, userId } = await opened()
  await alice.submit('/account/change-email', { action: 'change-email', email: fresh })
  expect(await stage.storage.findUser(userId)).toMatchObject({ email: fresh, emailConfirmedAt: null })
})

it('what is no address, or replaces another one than the user saw, changes nothing', async () => {
  const { stage, alice, userId } = await opened()
  const wrong = await alice.submit('/account/change-email', { action: 'change-email', email: 'alice' })
  expect(wrong).toMatchObject({ status: 400, state: 'change-email', problem: 'email_invalid' })
  await alice.submit('/account/change-email', { action: 'change-email', email: fresh, before: fresh })
  expect(await stage.storage.findUser(userId)).toMatchObject({ email: old })
})

it('a sign-in of more than ten minutes ago must be repeated before the address is changed', async () => {
  const { stage, alice, userId } = await opened()
  const csrf = await alice.csrfAt('/account/yours')
  stage.clock.now += 601
  const form = { action: 'change-email', csrf, before: old, email: fresh }
  const location = '/account/confirm?return_to=%2Faccount%2Fchange-email'
  expect(await alice.post('/account', form)).toMatchObject({ location })
  expect(await alice.open('/account/change-email')).toMatchObject({ location })
  expect(await stage.storage.findUser(userId)).toMatchObject({ email: old })
})

it('an email names a new agent as text only, and where to turn such emails off; the account page turns them off', async () => {
  const { stage, alice, userId, sent } = await sending()
  await allow(stage, identityOf(stage.agent), {}, { user: alice.browser })
  await expect.poll(() => sent, { timeout: 30_000 }).toHaveLength(1)
  const { subject, text, html } = sent[0] ?? { subject: '', text: '', html: '' }
  const host = new URL(stage.agent.id).host
  expect(subject).toMatch(/^A new agent was allowed – /)
  expect(text).toContain(`The agent ${host} was given access to`)
  expect(text).toContain('You can turn these emails off on the “Account” page.')
  expect(html).not.toContain(`//${host}`)
  expect(text).toContain(`\n${stage.authServer}/account\n`)
  expect((await alice.open('/account/yours')).html).toContain('Turn these emails off')
  await alice.submit('/account/yours', { action: 'agent-emails', emails: 'off' })
  expect(await stage.storage.findUser(userId)).toMatchObject({ agentEmails: false })
  expect((await alice.open('/account/yours')).html).toContain('Turn these emails on')
})
