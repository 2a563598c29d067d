import type { Storage } from 'countersign-server'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { allow, openRequest, redeem, view } from '../attacks/flow.js'
import { openMapStage, people, type Stage } from '../attacks/stage.js'
import { codeAt, secretOn, submitOn } from './authenticator.js'
import { allowAgent, type Person, type Seen, see, signedIn } from './person.js'

/** What verbs of the storage return instead of their own results. */
let faked: Partial<Record<keyof Storage, unknown>> = {}
let stage: Stage
let alice: Person

beforeAll(async () => {
  stage = await openMapStage({
    sendEmail: async () => ({ outcome: 'sent' }),
    wrap: (storage) =>
      new Proxy(storage, {
        get: (target, verb: keyof Storage) =>
          verb in faked ? async () => faked[verb] : (Reflect.get(target, verb) as unknown),
      }),
  })
})
afterAll(() => stage.close())
beforeEach(async () => {
  faked = {}
  alice = await signedIn(stage)
})

/** The outcome of a request during which the storage returns something else. */
async function during(changes: typeof faked, send: () => Promise<Seen>): Promise<string> {
  faked = changes
  const { status, problem, location, state, html } = await send()
  const retry = /<a class="button[^"]*" href="([^"]*)"/.exec(html)?.[1]
  const told = [status, problem ?? location?.replace(/(?<=notice=).*/, '') ?? state, retry]
  return told
    .filter(Boolean)
    .join(' ')
    .replace(/\/agent\/auth\?request_token=.*/, 'REQUEST')
}

const { password } = people.alice
const linked = { listFederated: [{ issuer: 'https://id.example', subject: 'alice', createdAt: 1 }] }
const change = { action: 'change-password', password, new_password: 'another long password' }

it.each<[Record<string, string>, typeof faked, string]>([
  [change, { setPasswordHash: undefined }, '409 sign_in_changed /account'],
  [{ action: 'close-account', password }, { closeAccount: false }, '409 sign_in_changed /account'],
  [{ action: 'remove-passkey', passkey: 'x' }, { removePasskey: 'changed' }, '409 sign_in_changed /account'],
  [{ action: 'remove-passkey', passkey: 'x' }, { removePasskey: 'unknown' }, '404 not_found /account'],
  [{ action: 'remove-passkey', passkey: 'x' }, { removePasskey: 'removed' }, '303 /account/security?notice='],
  [{ action: 'remove-factor' }, { removeSecondFactor: 'changed' }, '409 sign_in_changed /account/security'],
  [{ action: 'remove-factor' }, { removeSecondFactor: 'unknown' }, '404 not_found /account/security'],
  [{ action: 'remove-factor' }, { removeSecondFactor: 'removed' }, '303 /account/security?notice='],
  [{ action: 'new-recovery-codes' }, { replaceRecoveryCodes: undefined }, '409 sign_in_changed /account/security'],
  [{ action: 'new-recovery-codes' }, { replaceRecoveryCodes: 1 }, '200 recovery-codes /account/security'],
  [{ action: 'remove-all-agents' }, { revokeGrants: 0 }, '303 /account'],
  [{ action: 'remove-all-agents' }, { revokeGrants: 1 }, '303 /account?notice='],
  [{ action: 'end-session', session: 'x' }, { endSessionById: true }, '303 /account/security?notice='],
  [
    { action: 'reauthenticate', password, return_to: '/account/yours' },
    { reauthenticate: undefined },
    '409 sign_in_changed /account/yours',
  ],
  [{ action: 'confirm-email' }, { countWithinLimits: { limit: {}, resetAt: 1_800_000_009 } }, '429 too_many_requests'],
])('%j leads elsewhere if the storage returns %j', async (form, changes, outcome) => {
  const csrf = await alice.csrfAt('/account')
  expect(await during(changes, () => alice.post('/account', { ...form, csrf }))).toBe(outcome)
})

it.each([
  ['changed', '409 sign_in_changed /account'],
  ['only_way', '303 /account/yours?notice='],
  ['removed', '303 /account/yours?notice='],
])('a provider is unlinked: %s', async (unlinkFederated, outcome) => {
  faked = linked
  const remove = /href="(\/account\/providers\/[^"]*\/remove)"/.exec((await alice.open('/account/yours')).html)?.[1]
  const page = await alice.open(remove ?? '')
  expect(page).toMatchObject({ status: 200 })
  const send = () => submitOn(alice, page.html, { action: 'remove-provider' })
  expect(await during({ ...linked, unlinkFederated }, send)).toBe(outcome)
})

it('a second factor is not set up for a user who changed how they sign in', async () => {
  const { html } = await alice.open('/account/second-factor')
  const form = { action: 'set-up-factor', code: codeAt(secretOn(html), stage.clock.now) }
  const send = () => submitOn(alice, html, form)
  expect(await during({ setSecondFactor: undefined }, send)).toBe('409 sign_in_changed /account/security')
})

it.each([
  [false, false],
  [true, true],
])('a permission that was extended is reported, and no other: %s', async (extendPermissions, isTold) => {
  await redeem(stage, await allow(stage, undefined, { duration: '86400' }, { user: alice.browser }))
  const [grant] = await stage.storage.listGrants({ live: true })
  const path = `/account/agents/${grant?.id}`
  const page = await alice.open(`${path}/extend?permission=data.read`)
  const send = () => submitOn(alice, page.html, { action: 'extend-permission', duration: String(30 * 86_400) })
  expect(await during({ extendPermissions }, send)).toBe(`303 ${path}${isTold ? '?notice=' : ''}`)
})

it('a sign-in fails if the user changed how they sign in', async () => {
  await alice.submit('/account', { action: 'logout' })
  const send = () => alice.submit('/account/sign-in', { ...people.alice, action: 'login' })
  expect(await during({ createSession: false }, send)).toBe('409 sign_in_changed /account')
})

it.each([
  [false, '303 /account'],
  [true, '303 /account?notice='],
])('an agent is unbound: %s', async (removeBinding, outcome) => {
  const { id: agent } = await allowAgent(alice)
  const csrf = await alice.csrfAt('/account')
  const send = () => alice.post('/account', { action: 'unbind-agent', agent, csrf })
  expect(await during({ removeBinding }, send)).toBe(outcome)
})

describe('a request that changed after it was read', () => {
  const refused = (reason: string) => ({ outcome: 'refused', reason, retryAfter: 7 })

  it.each([
    ['unknown', '400 request_unknown'],
    ['expired', '400 request_unknown'],
    ['not_open', '400 request_unknown'],
    ['other_browser', '403 request_other_session'],
    ['other_user', '403 request_other_user'],
    ['user_changed', '409 sign_in_changed REQUEST'],
  ])('is not shown: %s', async (reason, outcome) => {
    const { url } = await openRequest(stage)
    const path = url.slice(stage.authServer.length)
    expect(await during({ bindRequest: refused(reason) }, () => alice.open(path))).toBe(outcome)
  })

  const decisions = [
    ['unknown', '400 request_unknown'],
    ['expired', '410 request_expired'],
    ['not_open', '410 request_used'],
    ['other_browser', '403 request_other_session'],
    ['other_user', '409 account_changed REQUEST'],
    ['user_changed', '409 sign_in_changed REQUEST'],
    ['changed', '303 REQUEST'],
  ] as const
  const extensions = [
    ...decisions.filter(([reason]) => reason !== 'not_open' && reason !== 'changed'),
    ['not_open', '303 REQUEST'],
    ['limit', '303 REQUEST'],
  ] as const

  it.each([
    ...decisions.map((each) => [{ consent: 'grant' }, ...each] as const),
    [{ consent: 'grant' }, 'too_often', '429 too_many_requests REQUEST'] as const,
    ...decisions.map((each) => [{ consent: 'deny' }, ...each] as const),
    ...extensions.map((each) => [{ action: 'extend' }, ...each] as const),
  ])('is not decided: %j, %s', async (form, reason, outcome) => {
    const opened = await openRequest(stage)
    const { page } = await view(stage, opened, alice.browser)
    const send = async () => see(await alice.browser.submit(page, opened.url, form))
    const verb = 'action' in form ? 'extendRequest' : 'decideRequest'
    expect(await during({ [verb]: refused(reason) }, send)).toBe(outcome)
  })

  it('is shown if the remembered grant no longer allows it', async () => {
    await allowAgent(alice)
    const headers = { referer: `${stage.agent.id}/`, 'sec-fetch-site': 'cross-site' }
    const open = async () => see(await alice.browser.open((await openRequest(stage)).url, headers))
    expect(await during({}, open)).toContain('303 https://agent.example/callback?code=')
    expect(await during({ allowRemembered: refused('unknown') }, open)).toBe('200 consent-known')
  })
})
