import { languages } from 'countersign-server/pages'
import { expect, it } from 'vitest'
import {
  changeAgentEmails,
  changeEmail,
  changeName,
  requestConfirmation,
  sealConfirmation,
  showConfirmEmail,
  submitConfirmEmail,
} from '../../src/account/confirm-email.js'
import { frameContext } from '../http/frame-context.js'

type Context = Parameters<typeof changeEmail>[0]
type Visit = Parameters<typeof changeEmail>[1]

const now = 1_800_000_000
const old = 'alice@home.example'
const fresh = 'alice@new.example'

interface Scene {
  at?: number
  confirmed?: boolean
  sends?: boolean
  reached?: object
  email?: string | null
}

function open({ at = now, confirmed = true, sends = false, email = old, reached }: Scene = {}) {
  const did: unknown[] = []
  const note =
    (verb: string, result?: unknown) =>
    async (given: unknown): Promise<unknown> => {
      did.push([verb, given])
      return result
    }
  const context = {
    ...frameContext,
    now: () => at,
    sendEmail: sends ? note('send') : undefined,
    secrets: {
      csrfFor: () => 'csrf',
      noticeFor: (_browser: string, text: string) => text,
      seal: (purpose: string, text: string) => `${purpose}|${text}`,
      unseal: (purpose: string, text: string) =>
        text.startsWith(`${purpose}|`) ? text.slice(purpose.length + 1) : undefined,
    },
    storage: {
      confirmEmail: note('confirm', confirmed),
      editUser: note('edit'),
      queueEmail: note('queue'),
      findUser: async () => ({ id: 'alice-id', email }),
      countWithinLimits: async () => reached,
    },
  } as unknown as Context
  return { context, did }
}

const visitOf = (form: Record<string, string> = {}, query = '', user = 'alice-id') =>
  ({
    url: new URL(`https://auth.example/account/email${query}`),
    path: '/account/email',
    browser: 'b',
    newCookies: ['new=1'],
    messages: languages.en,
    form: new Map(Object.entries(form)),
    session: user === '' ? undefined : { id: 's', user: { id: user, username: 'alice', credentialRevision: 4 } },
  }) as unknown as Visit

async function read(sent: Promise<Response>) {
  return sent.then(
    async (response) => {
      const html = await response.text()
      const location = response.headers.get('location')?.replace(/(?<=notice=[a-z_]*~).*/, '')
      return `${response.status} ${location ?? /data-error-code="([^"]*)"/.exec(html)?.[1] ?? /data-state="([^"]*)"/.exec(html)?.[1]}`
    },
    ({ code, retryAfter }: { code: string; retryAfter?: number }) => [code, retryAfter].join(' ').trim(),
  )
}

const confirmation = { userId: 'alice-id', email: old, change: undefined }

it.each<[string, string, number, string]>([
  ['a link', sealConfirmation(open().context, confirmation), now, '200 confirm-email'],
  ['a link of almost a day', sealConfirmation(open().context, confirmation), now + 86_399, '200 confirm-email'],
  ['a link of a day', sealConfirmation(open().context, confirmation), now + 86_400, 'link_invalid'],
  ['nothing', '', now, 'link_invalid'],
  ['what was sealed for something else', 'other|{}', now, 'link_invalid'],
  ['a link without a user', `confirm-email|${JSON.stringify({ email: old, expiresAt: now + 9 })}`, now, 'link_invalid'],
  [
    'a link without an address',
    `confirm-email|${JSON.stringify({ userId: 'a', expiresAt: now + 9 })}`,
    now,
    'link_invalid',
  ],
  ['a link without an end', `confirm-email|${JSON.stringify({ userId: 'a', email: old })}`, now, 'link_invalid'],
])('%s asks whether to confirm the address, if it is valid', async (_what, token, at, outcome) => {
  const { context, did } = open({ at })
  const query = `?${new URLSearchParams({ token })}`
  expect(await read(showConfirmEmail(context, visitOf({}, query)))).toBe(outcome)
  expect(did).toEqual([])
})

it.each<[string, string, boolean, string]>([
  ['its user', 'alice-id', true, '303 /account/yours'],
  ['another user', 'bob-id', true, '303 /account/signed-out?notice=email_confirmed~'],
  ['a signed-out browser', '', true, '303 /account/signed-out?notice=email_confirmed~'],
  ['its user, too late', 'alice-id', false, 'link_invalid'],
])('the address is confirmed for the account that the link names, by %s', async (_who, user, confirmed, outcome) => {
  const { context, did } = open({ confirmed })
  const change = { replaces: null, credentialRevision: 4 }
  const token = sealConfirmation(context, { ...confirmation, change })
  expect(await read(submitConfirmEmail(context, visitOf({ token }, '', user)))).toBe(outcome)
  expect(did).toEqual([['confirm', { userId: 'alice-id', email: old, change, language: 'en' }]])
})

const queued = (more: object) => ['queue', { kind: 'confirm', username: 'alice', language: 'en', ...more }]

it.each<[string, Scene, string, unknown[]]>([
  ['asked for', { sends: true }, '303 /account/yours?notice=email_requested~', [queued({})]],
  ['asked for at a server that sends none', {}, 'not_found', []],
  ['asked for too often', { sends: true, reached: { resetAt: now + 9 } }, 'too_many_requests 9', []],
])('an email to confirm the address is %s', async (_how, scene, outcome, did) => {
  const { context, ...seen } = open(scene)
  expect(await read(requestConfirmation(context, visitOf()))).toBe(outcome)
  expect(seen.did).toEqual(did)
})

const edited = (changes: object) => ['edit', { userId: 'alice-id', ...changes }]
const change = { replaces: old, credentialRevision: 4 }

it.each<[string, Record<string, string>, Scene, string, unknown[]]>([
  [
    'another',
    { email: ` ${fresh} `, before: old },
    {},
    '303 /account/yours',
    [edited({ email: fresh, before: { email: old } })],
  ],
  [
    'the first',
    { email: fresh },
    { email: null },
    '303 /account/yours',
    [edited({ email: fresh, before: { email: null } })],
  ],
  ['the same', { email: old, before: old }, {}, '303 /account/yours', []],
  ['one that was changed since', { email: fresh, before: 'x@y.example' }, {}, '303 /account/yours', []],
  ['no address', { email: 'alice', before: old }, {}, '400 email_invalid', []],
  [
    'another, which must be confirmed',
    { email: fresh, before: old },
    { sends: true },
    '303 /account/yours?notice=email_requested~',
    [queued({ address: fresh, about: { change } })],
  ],
])('the address is changed to %s', async (_what, form, scene, outcome, did) => {
  const { context, ...seen } = open(scene)
  expect(await read(changeEmail(context, visitOf(form)))).toBe(outcome)
  expect(seen.did).toEqual(did)
})

it.each<[string, Record<string, string>, object]>([
  [
    'another',
    { name: '  Alice\u200b  B ', before: 'Alice' },
    { displayName: 'Alice B', before: { displayName: 'Alice' } },
  ],
  ['none', { before: 'Alice' }, { displayName: null, before: { displayName: 'Alice' } }],
  ['a first', { name: 'x'.repeat(101) }, { displayName: `${'x'.repeat(99)}…`, before: { displayName: null } }],
])('the name is changed to %s', async (_what, form, changes) => {
  const { context, did } = open()
  expect(await read(changeName(context, visitOf(form)))).toBe('303 /account/yours')
  expect(did).toEqual([edited(changes)])
})

it.each<[Record<string, string>, string, unknown[]]>([
  [{ emails: 'on' }, '303 /account/yours', [edited({ agentEmails: true })]],
  [{ emails: 'off' }, '303 /account/yours', [edited({ agentEmails: false })]],
  [{ emails: 'x' }, 'bad_form', []],
  [{}, 'bad_form', []],
])('emails about agents are turned on or off by %j', async (form, outcome, did) => {
  const { context, ...seen } = open()
  expect(await read(changeAgentEmails(context, visitOf(form)))).toBe(outcome)
  expect(seen.did).toEqual(did)
})
