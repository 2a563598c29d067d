import {
  renderCloseAccount,
  renderConsent,
  renderPassword,
  renderReauthentication,
  renderSignIn,
  renderSignUp,
} from 'countersign-server/pages'
import { describe, expect, it } from 'vitest'
import { accountFrame } from './account-models.js'
import { consentModel, reauthenticationModel, signInModel, signUpModel } from './models.js'
import { expectInert, expectOrder, formsOf, payloads, words } from './reading.js'
import { fullSignIn } from './sign-in-states.js'

describe('renderSignIn outside a request', () => {
  it('posts the page to continue with, and no request fields', () => {
    expect(formsOf(renderSignIn(fullSignIn))[0]?.hidden).toEqual({
      action: 'login',
      return_to: '/account',
      csrf: 'csrf-1',
    })
  })

  it('offers a passkey, the providers by name, and an account', () => {
    const html = renderSignIn(fullSignIn)
    expectOrder(words(html), ['Sign in with a passkey', 'Sign in with Example University', 'Create an account'])
    expect(formsOf(html)[1]?.hidden).toEqual({
      action: 'passkey',
      return_to: '/account',
      csrf: 'csrf-1',
      credential: '',
    })
    expect(html).toContain('data-passkey="get" data-options="/account/passkeys/options" hidden')
  })

  it('shows controls that need a script only if scripts run', () => {
    const { script: _, ...scriptless } = fullSignIn
    expect(renderSignIn(scriptless)).not.toMatch(/data-passkey|checkbox|<script/)
  })

  it('offers no new account to a user who has one and is confirming their identity', () => {
    expect(renderSignIn(fullSignIn)).toContain('href="/account/sign-up"')
    expect(renderSignIn({ ...fullSignIn, again: 'security' })).not.toContain('href="/account/sign-up"')
  })

  it.each([
    [undefined, 'Forgot your password? Ask your administrator for a new one.'],
    [{ name: 'Ada at the desk', href: undefined }, 'Forgot your password? Ask Ada at the desk for a new one.'],
    [{ name: 'Ada', href: 'mailto:ada@home.example' }, 'Forgot your password? Ask Ada for a new one.'],
  ])('tells a user who forgot the password whom to contact, as %o', (contact, text) => {
    const { name, href } = contact ?? {}
    const asked = name === undefined ? {} : { contact: { name, ...(href === undefined ? {} : { href }) } }
    const documents = [
      renderSignIn({ ...fullSignIn, ...asked, problem: 'throttled' }),
      renderReauthentication(reauthenticationModel({ ...asked, problem: 'wrong_password' })),
      renderPassword({ ...accountFrame, ...asked, passwordMinimum: 8, problem: 'wrong_password' }),
      renderCloseAccount({ ...accountFrame, ...asked, agents: 1, tokenLifetime: 600, password: true }),
      renderConsent(consentModel({ ...asked, askPassword: true })),
    ]
    for (const html of documents) {
      expect(words(html)).toContain(text)
      expect(html.includes('href="mailto:ada@home.example"')).toBe(href !== undefined)
    }
  })

  it('does not mark the fields as invalid for a provider’s error', () => {
    expect(renderSignIn({ ...fullSignIn, problem: 'provider_failed' })).not.toMatch(/aria-(invalid|describedby)/)
  })
})

describe('renderSignUp', () => {
  it('asks for a username, optionally an email address, and a new password', () => {
    const form = formsOf(renderSignUp(signUpModel()))[0]
    expect(form?.hidden).toEqual({ action: 'sign-up', return_to: '/account', csrf: 'csrf-1' })
    const [username, email, password] = form?.controls ?? []
    expect(username).toMatch(/name="username".*autocomplete="username".*required/)
    expect(email).toMatch(/name="email" type="email" autocomplete="email"/)
    expect(email).not.toContain('required')
    expect(password).toMatch(/name="password" type="password" autocomplete="new-password" required minlength="10"/)
  })

  it.each([
    ['username_taken', 'username'],
    ['username_looks_alike', 'username'],
    ['username_mixed', 'username'],
    ['username_invalid', 'username'],
    ['email_invalid', 'email'],
    ['password_too_short', 'password'],
    ['password_too_long', 'password'],
    ['password_common', 'password'],
  ] as const)('associates %s with its field, and keeps the input', (problem, field) => {
    const html = renderSignUp(signUpModel({ problem, username: 'alice', email: 'a@b.example' }))
    expect(html).toContain('<title>Error: Create an account – Home Accounts</title>')
    const invalid = html.match(/<input[^>]*aria-invalid[^>]*>/g) ?? []
    expect(invalid).toHaveLength(1)
    expect(invalid[0]).toMatch(new RegExp(`name="${field}".*aria-describedby="problem`))
    expect(html).toContain('value="alice"')
    expect(html).toContain('value="a@b.example"')
  })
})

describe('renderReauthentication', () => {
  it('asks for the password only, names the account, and keeps the destination', () => {
    const html = renderReauthentication(reauthenticationModel())
    const form = formsOf(html)[1]
    expect(form?.hidden).toEqual({
      action: 'reauthenticate',
      return_to: '/account/security',
      csrf: 'csrf-1',
    })
    expect(form?.controls[0]).toMatch(/name="username" autocomplete="username" value="alice@home.example" readonly/)
    expectOrder(words(html), ['Signed in as alice@home.example', 'Enter your password again to continue.'])
  })
})

it.each(payloads)('%s is escaped wherever it appears', (payload) => {
  const form = { action: payload, requestToken: payload, redirectUri: payload, csrf: payload, returnTo: payload }
  const shared = { serverName: payload, form, agentHost: payload, resourceHost: payload }
  const passkey = { options: payload }
  for (const html of [
    renderSignIn(
      signInModel({
        ...shared,
        script: '/assets/pages.js',
        passkey,
        providers: [{ name: payload, href: payload }],
        signUpHref: payload,
      }),
    ),
    renderSignUp(signUpModel({ ...shared, username: payload, email: payload, signInHref: payload })),
    renderReauthentication(reauthenticationModel({ ...shared, user: payload, passkey, cancelHref: payload })),
  ]) {
    expectInert(html, payload)
  }
})
