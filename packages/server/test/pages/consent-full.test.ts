import { renderConsent, renderPolicyForbids, renderProblem, renderReturnToApp } from 'countersign-server/pages'
import { describe, expect, it } from 'vitest'
import { fullConsent } from './consent-states.js'
import { consentModel, policyForbidsModel, problemModel, returnToAppModel } from './models.js'
import { expectInert, expectOrder, formsOf, payloads, words } from './reading.js'

/** The decision form, between the account form and those that follow. */
const decisionIn = (html: string) => formsOf(html)[1]

describe('renderConsent with every option of a server', () => {
  it('has this reading order: known since, new, the rest, duration, revocation, buttons, destination, expiry, footer', () => {
    expectOrder(words(renderConsent(fullConsent)), [
      'You allowed this agent on 3 May 2025. It’s now asking for more.',
      'Change New Create and change events',
      'Read See your events',
      'For how long',
      '1 hour',
      '1 day',
      '30 days',
      'Until I remove it',
      'It can use this while you’re away. You can remove it any time in My agents.',
      'After that it may still work for up to 10 minutes.',
      'Don’t allow',
      'Allow',
      'You’ll go back to calendar-helper.example/callback',
      'This request ends at 14:32 UTC.',
      'Give me more time',
      'Help',
      'Report this agent',
      'Language:',
      'العربية',
      'Privacy',
    ])
  })

  it('offers the durations with the preset selected, inside the decision form', () => {
    const radios = decisionIn(renderConsent(fullConsent))?.controls.filter((tag) => tag?.includes('type="radio"')) ?? []
    expect(radios.map((tag) => /value="([^"]*)"/.exec(tag ?? '')?.[1])).toEqual([
      '3600',
      '86400',
      '2592000',
      'until-removed',
    ])
    expect(radios.filter((tag) => tag?.includes('checked'))).toEqual([radios[0]])
    expect(radios.every((tag) => tag?.includes('name="duration"'))).toBe(true)
  })

  it('states the duration as text if there is only one, and posts it', () => {
    const html = renderConsent({ ...fullConsent, durations: { choices: [3600], preset: 3600 } })
    expectOrder(words(html), ['For how long', '1 hour', 'It can use this while you’re away.'])
    expect(html).not.toMatch(/type="radio"|<fieldset/)
    expect(formsOf(html).find(({ hidden }) => 'revision' in hidden)?.hidden.duration).toBe('3600')
  })

  it('links to My agents', () => {
    expect(renderConsent(fullConsent)).toContain('<a href="/account">My agents</a>')
  })

  it('includes the year of an earlier decision only if it is a different one', () => {
    const html = renderConsent({ ...fullConsent, allowedBefore: Date.UTC(2026, 0, 3) / 1000 })
    expect(words(html)).toContain('You allowed this agent on 3 January.')
  })

  it('shows what changed, and the previous value', () => {
    const html = renderConsent({
      ...fullConsent,
      changes: [{ what: 'keys' }, { what: 'redirect_host', before: 'old.example' }],
    })
    expectOrder(words(html), [
      'Something about this agent has changed since you last allowed it:',
      'It uses a new key.',
      'It now sends you to a different address. Before: old.example',
      'It will be able to',
    ])
  })

  it('tells a user who is new to the agent what changed since other users allowed it', () => {
    const { allowedBefore: _, ...newToMe } = { ...fullConsent, firstTime: true }
    const text = words(renderConsent({ ...newToMe, changes: [{ what: 'keys' }] }))
    expectOrder(text, [
      'has changed since someone else last allowed it:',
      'This is the first time this agent has asked you.',
    ])
    expect(text).not.toContain('since you last allowed it')
  })

  it.each(['https://evil.example/x.png', '//evil.example/x.png', '/\\evil.example', 'data:image/svg+xml,x', 'x.png'])(
    'shows no logo from %s, but the initial of the host',
    (logo) => {
      const html = renderConsent({ ...fullConsent, logo })
      expect(html).not.toContain('<img class="logo"')
      expect(html).toContain('class="initial"')
    },
  )

  it('shows this server’s logo as decorative and unverified', () => {
    const html = renderConsent({ ...fullConsent, logo: '/agents/a1' })
    expect(html).toContain('<img class="logo" src="/agents/a1" alt')
    expect(words(html)).toContain('We haven’t checked its name or logo, or who runs it.')
  })

  it('asks for the password in the decision form, which denying does not require', () => {
    const decision = decisionIn(renderConsent({ ...fullConsent, dangers: ['spend'], askPassword: true }))
    const tags = decision?.controls.filter((tag) => !tag?.includes('radio')) ?? []
    expect(tags[0]).toMatch(/autocomplete="username" value="alice@home.example" readonly hidden/)
    expect(tags[1]).toMatch(/name="password" type="password" autocomplete="current-password" required/)
    expect(tags[1]).not.toMatch(/ value=/)
    expect(tags.at(-2)).toMatch(/value="deny" formnovalidate/)
    expect(tags.at(-1)).toMatch(/value="grant">/)
  })

  it.each([
    [['delete'], 'could delete things.'],
    [['spend'], 'could spend your money.'],
    [['control'], 'could take full control.'],
    [['spend', 'delete'], 'could spend your money or delete things.'],
    [['control', 'spend', 'delete'], 'could take full control, spend your money or delete things.'],
  ] as const)('warns about %j above the buttons, and about no other risk', (dangers, text) => {
    const html = words(renderConsent({ ...fullConsent, dangers }))
    expectOrder(html, [`With this, calendar-helper.example ${text} Allow this only if`, 'Don’t allow'])
  })

  it('puts new permissions first, then the most dangerous', () => {
    const risks = ['read', 'spend', 'change', 'control', 'delete'] as const
    const able = [...risks.map((risk) => ({ name: risk, risk })), { name: 'new', risk: 'read' as const, isNew: true }]
    const html = renderConsent({ ...fullConsent, able: [...able, { name: 'new.delete', risk: 'delete', isNew: true }] })
    const names = [...html.matchAll(/<code class="words"><bdi>([^<]*)/g)].map(([, name]) => name)
    expect(names.slice(0, 7)).toEqual(['new.delete', 'new', 'control', 'spend', 'delete', 'change', 'read'])
  })

  it.each([
    ['wrong_password', 'That password is incorrect.'],
    ['throttled', 'Too many attempts. Wait a few minutes, then try again.'],
  ] as const)('shows %s at the password field, in the title and to assistive technology', (problem, text) => {
    const html = renderConsent({ ...fullConsent, askPassword: true, problem })
    expect(html).toContain('<title>Error: Allow calendar-helper.example? – Home Accounts</title>')
    expect(html).toContain(`data-error-code="${problem}"`)
    expect(html).toMatch(/<p[^>]*id="problem"[^>]*autofocus/)
    expect(html).toMatch(/name="password"[^>]*aria-describedby="problem"/)
    expect(words(html)).toContain(text)
  })

  it('is extended through a separate form', () => {
    const extend = formsOf(renderConsent(fullConsent))[2]
    expect(extend?.hidden).toEqual({
      action: 'extend',
      request_token: 'request-token-1',
      redirect_uri: 'https://calendar-helper.example/callback',
      csrf: 'csrf-1',
    })
  })

  it.each([
    [181, false],
    [180, true],
    [0, true],
  ])('with %d seconds left, warns without a script: %s', (secondsLeft, warns) => {
    const html = renderConsent({ ...fullConsent, extend: { secondsLeft } }).replace(/<template>.*?<\/template>/s, '')
    expect(words(html).includes('This request ends soon, at 14:32 UTC.')).toBe(warns)
  })

  it('changes the language through a form', () => {
    expect(formsOf(renderConsent(fullConsent))[3]).toEqual({
      attributes: ' method="post" action="/language" aria-labelledby="language"',
      hidden: { action: 'language', return_to: '/account', csrf: 'csrf-1' },
      controls: ['de', 'fr', 'es', 'ja', 'ar'].map(
        (lang) =>
          `<button class="link" type="submit" name="language" value="${lang}" lang="${lang}"${lang === 'ar' ? ' dir="rtl"' : ''}>`,
      ),
    })
  })

  it('offers nothing that is not in the model', () => {
    const html = renderConsent(consentModel())
    expect(words(html)).not.toMatch(/more time|\bHelp\b|Report|Language|Until I remove/)
    expect(html).not.toMatch(/<script|type="(radio|checkbox|password)"|<footer/)
  })
})

describe('renderPolicyForbids', () => {
  it('says who can change it, and only offers to go back', () => {
    const html = renderPolicyForbids(policyForbidsModel())
    expectOrder(words(html), [
      'Your administrator doesn’t allow this',
      'calendar-helper.example',
      'ask the IT desk',
      'Go back',
    ])
    expect(decisionIn(html)?.hidden).toMatchObject({ request_token: 'request-token-1', revision: '3' })
    expect(decisionIn(html)?.controls).toEqual(['<button class="button" type="submit" name="consent" value="deny">'])
  })

  it.each(payloads)('%s is escaped', (payload) => {
    const everywhere = { serverName: payload, user: payload, agentHost: payload, resourceHost: payload }
    const contact = { name: payload, href: payload }
    expectInert(renderPolicyForbids(policyForbidsModel({ ...everywhere, next: payload, contact })), payload)
  })
})

describe('renderReturnToApp', () => {
  it.each(['allowed', 'denied'] as const)('leads back through a link after %s', (outcome) => {
    const html = renderReturnToApp(returnToAppModel({ outcome }))
    expect(html).toContain('href="example.calendar-helper:/callback?code=code-1&amp;state=state-1">Go back to your app')
    expect(words(html)).toContain(outcome === 'allowed' ? 'was allowed' : 'was not allowed')
  })

  it.each(['javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', 'blob:x', ' javascript:x', '/callback'])(
    'refuses %s',
    (href) => {
      expect(() => renderReturnToApp(returnToAppModel({ href }))).toThrow(TypeError)
    },
  )

  it.each(payloads)('%s is escaped', (payload) => {
    expectInert(
      renderReturnToApp(returnToAppModel({ serverName: payload, agentHost: payload, href: `example.app:/${payload}` })),
      payload,
    )
  })
})

it('account_changed names who is signed in now, and offers to continue as them or as someone else', () => {
  const switchAccount = { action: '/agent/auth', csrf: 'csrf-1', request: { request_token: 'request-token-1' } }
  const changes = { user: 'bob@home.example', retry: '/agent/auth?request_token=request-token-1', switchAccount }
  const html = renderProblem(problemModel('account_changed', changes))
  expectOrder(words(html), [
    'You are now signed in as bob@home.example',
    'Continue as bob@home.example',
    'Use another account',
  ])
  const [form] = formsOf(html)
  expect(form?.attributes).toContain('method="post" action="/agent/auth"')
  expect(form?.hidden).toEqual({ action: 'logout', request_token: 'request-token-1', csrf: 'csrf-1' })
})
