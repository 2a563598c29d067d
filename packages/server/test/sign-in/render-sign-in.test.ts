import { languages } from 'countersign-server/pages'
import { expect, it } from 'vitest'
import {
  accountDestination,
  fieldsOf,
  secondStepPageAt,
  signInPageAt,
  signUpPageAt,
} from '../../src/sign-in/render-sign-in.js'
import { frameContext } from '../http/frame-context.js'

type Context = Parameters<typeof signInPageAt>[0]
type Visit = Parameters<typeof signInPageAt>[1]
type Shown = Parameters<typeof signInPageAt>[2]

const context = {
  ...frameContext,
  providers: new Map(),
  secrets: { csrfFor: (browser: string, page: string) => `${browser}~${page}` },
} as unknown as Context
const visit = {
  browser: 'b',
  path: '/account/sign-in',
  newCookies: ['new=1'],
  messages: languages.en,
  session: undefined,
} as unknown as Visit
const destination = accountDestination('/account/yours?a=1')
const ofRequest = { path: '/agent/auth?request_token=t', tokenHash: 'h', fields: { request: { request_token: 't' } } }

async function read(response: Response) {
  const html = await response.text()
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    cookies: response.headers.getSetCookie(),
    connects: response.headers.get('content-security-policy')?.includes('connect-src') ?? false,
    redirects: !response.headers.get('content-security-policy')?.includes('form-action'),
    links: [...html.matchAll(/<a [^>]*href="([^"]*)"/g)].map(([, href]) => href),
    actions: [...html.matchAll(/<form[^>]* action="(?!\/account\/language)([^"]*)"/g)].map(([, action]) => action),
    csrf: /name="csrf" value="([^"]*)"/.exec(html)?.[1],
    html,
  }
}

it.each<[Shown['problem'], number]>([
  [undefined, 200],
  ['wrong_password', 401],
  ['throttled', 429],
  ['provider_failed', 401],
  ['provider_denied', 401],
  ['provider_expired', 401],
  ['provider_not_fresh', 401],
  ['account_disabled', 403],
  ['passkey_failed', 401],
  ['step_expired', 401],
])('the sign-in page with the problem %s has the status %i', async (problem, status) => {
  const seen = await read(signInPageAt(context, visit, { destination, problem, retryAfter: 7, cookies: ['a=1'] }))
  expect(seen).toMatchObject({ status, retryAfter: '7', cookies: ['new=1', 'a=1'], redirects: true })
})

it('the sign-in page offers every destination to sign in that the server has, which lead to the destination', async () => {
  const bare = await read(signInPageAt(context, visit, { destination }))
  expect(bare).toMatchObject({ links: [], actions: ['/account/sign-in'], csrf: 'b~anonymous', connects: false })
  const providers = new Map([['home', { name: 'Home' }]])
  const full = { ...context, providers, passkeys: {}, signUp: true } as unknown as Context
  const next = encodeURIComponent('/account/yours?a=1')
  const seen = await read(signInPageAt(full, visit, { destination }))
  expect(seen.links).toEqual([`/account/with/home?return_to=${next}`, `/account/sign-up?return_to=${next}`])
  expect(seen.connects).toBe(true)
  expect(seen.html).toContain('/account/passkeys/challenge')
  expect((await read(signInPageAt(context, visit, { destination: ofRequest }))).actions).toEqual(['/agent/auth'])
})

it.each<[Parameters<typeof secondStepPageAt>[2]['problem'], number]>([
  [undefined, 200],
  ['wrong_code', 401],
  ['throttled', 429],
])('the second step with the problem %s has the status %i', async (problem, status) => {
  const shown = { destination, pending: 'sealed', problem, retryAfter: 9 }
  const seen = await read(secondStepPageAt(context, visit, shown))
  expect(seen).toMatchObject({ status, retryAfter: '9', cookies: ['new=1'], connects: false, redirects: true })
  expect(seen.html).toContain('value="sealed"')
  const passkeys = await read(
    secondStepPageAt({ ...context, passkeys: {} } as unknown as Context, visit, { destination }),
  )
  expect(passkeys).toMatchObject({ connects: true })
  expect(passkeys.html).not.toContain('name="code"')
})

it.each<[Parameters<typeof signUpPageAt>[2]['problem'], number]>([
  [undefined, 200],
  ['username_taken', 400],
  ['password_common', 400],
  ['throttled', 429],
])('the sign-up page with the problem %s has the status %i', async (problem, status) => {
  const seen = await read(signUpPageAt(context, visit, { destination, problem, username: 'zoe' }))
  expect(seen).toMatchObject({ status, cookies: ['new=1'], redirects: true, actions: ['/account/sign-up'] })
  expect(seen.links).toContain(`/account/sign-in?return_to=${encodeURIComponent(destination.path)}`)
  expect(seen.html).toContain('value="zoe"')
})

it('a form carries its state only until the user has signed in, because it is then stored', () => {
  const given = { action: '/agent/auth?request_token=t', fields: { request: { request_token: 't' }, state: 's' } }
  const common = { action: '/agent/auth', request: { request_token: 't' } }
  const anonymous = { browser: 'b', session: undefined }
  expect(fieldsOf(context, anonymous, given)).toEqual({ ...common, csrf: 'b~anonymous', state: 's' })
  const session = { id: 's', user: { id: 'alice' } } as unknown as NonNullable<Visit['session']>
  expect(fieldsOf(context, { browser: 'b', session }, given)).toMatchObject({ ...common, state: undefined })
})
