import { AsyncLocalStorage } from 'node:async_hooks'
import { en, findAsset, renderConsent, renderProblem, renderSignIn } from 'countersign-server/pages'
import { describe, expect, it, vi } from 'vitest'
import { consentModel, frame, problemModel, redirectModel, signInModel } from './models.js'
import { expectInert, expectOrder, formsOf, payloads, words } from './reading.js'
import { problemCodes, states, statesIn } from './states.js'

it('does not track the page through async context, which would slow down every promise of the process', () => {
  const run = vi.spyOn(AsyncLocalStorage.prototype, 'run')
  const enterWith = vi.spyOn(AsyncLocalStorage.prototype, 'enterWith')
  try {
    statesIn(en)
    expect(run).not.toHaveBeenCalled()
    expect(enterWith).not.toHaveBeenCalled()
  } finally {
    run.mockRestore()
    enterWith.mockRestore()
  }
})

it.each(['connect-device', 'connect-device-too-many'])('%s says what to choose only if there is a choice', (name) => {
  const html = states.get(name) ?? ''
  expect(html).toContain('data-state="connect-device"')
  expect(html.includes(en.account.devices.notYou)).toBe(html.includes('name="consent"'))
})

describe.each([...states])('%s', (_, html) => {
  it('is one document with a language, a direction, a title, one h1, one main and its state', () => {
    expect(html.startsWith('<!DOCTYPE html><html lang="en" dir="ltr">')).toBe(true)
    expect(html.match(/<title>[^<]+ – Home Accounts<\/title>/g)).toHaveLength(1)
    expect(html.match(/<h1/g)).toHaveLength(1)
    expect(html.match(/<main data-state="[a-z_-]+"/g)).toHaveLength(1)
  })

  it('has no inline script or style and loads only the style sheet, the script, the icon and a logo from the server', () => {
    expect(html).not.toMatch(/<style|<iframe| style=| on[a-z]+=/i)
    const sheets = [...html.matchAll(/<link rel="stylesheet" href="([^"]*)"\/>/g)].map(([, href]) => href)
    expect(sheets.slice(0, 1)).toEqual(['/assets/pages.css'])
    expect(sheets.slice(1)).toEqual(html.includes('class="tabs"') ? ['/assets/account.css'] : [])
    const icons = html.match(/<link rel="(?!stylesheet)[^>]*>/g)
    expect(icons).toEqual([
      '<link rel="icon" type="image/svg+xml" href="/assets/icon.svg"/>',
      '<link rel="apple-touch-icon" href="/assets/apple-touch-icon.png"/>',
    ])
    const scripts = html.match(/<script.*?<\/script>/g) ?? []
    expect(scripts.filter((tag) => tag !== '<script type="module" src="/assets/pages.js"></script>')).toEqual([])
    const images = html.match(/<img[^>]*>/g) ?? []
    expect(
      images.filter((tag) => !/^<img class="(logo" src="\/agents|brand" src="\/assets)\/[^"]*" alt[ />]/.test(tag)),
    ).toEqual([])
  })

  it('has at most one unnamed form; a single-button form is not a landmark', () => {
    const nameless = formsOf(html).filter(({ attributes }) => !/ role="none"| aria-label(?:ledby)?=/.test(attributes))
    expect(nameless.length).toBeLessThanOrEqual(1)
  })

  it('avoids protocol terms', () => {
    expect(words(html)).not.toMatch(/\b(scope|token|oauth|grant)s?\b/i)
  })

  it('is at most 30 kB with its style sheets', () => {
    const sheets = [...html.matchAll(/href="\/assets\/([^"]*\.css)"/g)].map(
      ([, name = '']) => findAsset(name)?.asset.body.byteLength ?? Number.NaN,
    )
    expect(sheets.reduce((total, size) => total + size, Buffer.byteLength(html))).toBeLessThanOrEqual(30_000)
  })
})

describe('the initial of an agent', () => {
  it.each([
    ['calendar-helper.example', 'C'],
    ['4agents.example', '4'],
  ])('is the first letter of %s', (agentHost, letter) => {
    expect(renderConsent(consentModel({ agentHost }))).toContain(`aria-hidden="true">${letter}</span>`)
  })

  it.each(['127.0.0.1:8001', '192.0.2.7', '192.0.2.7/~bob', '[::1]:8001', 'xn--gent-43d.example'])(
    'is not the first letter of %s',
    (agentHost) => {
      expect(renderConsent(consentModel({ agentHost }))).toMatch(
        /class="initial" data-hue="\d" aria-hidden="true"><svg/,
      )
    },
  )
})

describe('renderSignIn', () => {
  it('shows the requesting agent above the form', () => {
    const own = renderSignIn(signInModel({ agentHost: frame.issuerHost }))
    expect(own).not.toContain('sees your password')
    expect(renderSignIn(signInModel())).toContain('sees your password')
    expectOrder(renderSignIn(signInModel()), ['calendar-helper.example', 'cal.example', '<form', 'name="username"'])
  })

  it('asks a user whom a message brought, but no user whom an agent sent, to open the server without its link', () => {
    const html = renderSignIn(signInModel({ agentHost: undefined, resourceHost: undefined }))
    expect(words(html)).toContain(`don’t sign in on this page: open ${frame.issuerHost} yourself.`)
    expectOrder(html, ['sign in on this page', 'name="username"'])
    expect(words(renderSignIn(signInModel()))).not.toContain('sign in on this page')
    const again = signInModel({ agentHost: undefined, resourceHost: undefined, again: 'security' })
    expect(words(renderSignIn(again))).not.toContain('sign in on this page')
  })

  it('posts the sign-in together with the request’s fields', () => {
    const [form] = formsOf(renderSignIn(signInModel()))
    expect(form?.attributes).toContain('method="post" action="/agent/auth"')
    expect(form?.hidden).toEqual({
      action: 'login',
      request_token: 'request-token-1',
      redirect_uri: 'https://calendar-helper.example/callback',
      csrf: 'csrf-1',
      state: 'state-1',
    })
  })

  it('posts a state only if the agent sent one, even an empty one', () => {
    const { state: _, ...form } = signInModel().form
    expect(formsOf(renderSignIn(signInModel({ form })))[0]?.hidden).not.toHaveProperty('state')
    expect(formsOf(renderSignIn(signInModel({ form: { ...form, state: '' } })))[0]?.hidden).toHaveProperty('state', '')
  })

  it('labels its fields for password managers', () => {
    const [username, password, ...rest] = formsOf(renderSignIn(signInModel()))[0]?.controls ?? []
    expect(username).toMatch(/name="username".*autocomplete="username"/)
    expect(password).toMatch(/name="password" type="password" autocomplete="current-password"/)
    expect(password).not.toContain('value=')
    expect(rest).toEqual(['<button class="button" type="submit">'])
  })

  it.each([
    ['wrong_password', 'That username and password don’t work here.'],
    ['throttled', 'Too many attempts. Try again later, or use a browser you’ve signed in with before.'],
  ] as const)('shows %s as text, associated with the fields, and keeps the username', (problem, text) => {
    const html = renderSignIn(signInModel({ username: 'alice', problem }))
    expect(html).toContain('<title>Error: Sign in – Home Accounts</title>')
    expect(html).toContain(`<main data-state="sign-in" data-error-code="${problem}">`)
    expect(html.match(/aria-describedby="problem"/g)).toHaveLength(2)
    expect(html).toMatch(/<p[^>]*id="problem"[^>]*autofocus/)
    expect(html).toContain('value="alice"')
    expect(words(html)).toContain(text)
  })

  it('has no error code before the first attempt', () => {
    expect(renderSignIn(signInModel())).not.toMatch(/data-error-code|aria-invalid|aria-describedby/)
  })
})

describe('renderConsent', () => {
  it('has this reading order: account, question, name, verification, can, details, duration, buttons, destination, expiry', () => {
    expectOrder(words(renderConsent(consentModel())), [
      'Home Accounts',
      'auth.home.example',
      'Signed in as alice@home.example',
      'Not you?',
      'Allow calendar-helper.example to access cal.example for you?',
      'calendar-helper.example',
      'calls itself “Calendar Helper”',
      'This request comes from a copy of calendar-helper.example, such as an app or a server.',
      'We haven’t checked its name, or who runs it.',
      'This is the first time this agent has asked you. Asked 40 seconds ago. If you were shown a code, it must be K7QX.',
      'It will be able to',
      'Change Create and change events',
      'Read See your events',
      'Details, and what it can’t do',
      'It will not be able to',
      'See your password',
      'Access your other services',
      'Delete events (not asked for)',
      'calendar.write calendar.read',
      'For how long',
      '1 hour',
      'It can use this while you’re away. You can remove it any time in My agents.',
      'After that it may still work for up to 10 minutes.',
      'Did you just ask this agent for something? If a person, a message or a phone call told you to open this page, choose Don’t allow.',
      'Don’t allow',
      'Allow',
      'You’ll go back to calendar-helper.example/callback',
      'This request ends at 14:32 UTC.',
    ])
  })

  it('names the agent and the server in the title', () => {
    expect(renderConsent(consentModel())).toContain('<title>Allow calendar-helper.example? – Home Accounts</title>')
  })

  it.each([
    [true, 'consent-first-time', 'This is the first time this agent has asked you.'],
    [false, 'consent-known', 'This agent has asked you before.'],
  ])('first time %s: %s', (firstTime, state, text) => {
    const html = renderConsent(consentModel({ firstTime }))
    expect(html).toContain(`<main data-state="${state}">`)
    expect(words(html)).toContain(text)
  })

  it('posts the decision with the revision it was made on; the first button denies', () => {
    const decision = formsOf(renderConsent(consentModel()))[1]
    expect(decision?.attributes).toContain('method="post" action="/agent/auth"')
    expect(decision?.hidden).toEqual({
      request_token: 'request-token-1',
      redirect_uri: 'https://calendar-helper.example/callback',
      csrf: 'csrf-1',
      revision: '3',
      duration: '3600',
    })
    expect(decision?.controls).toEqual([
      '<button class="button" type="submit" name="consent" value="deny" formnovalidate>',
      '<button class="button" type="submit" name="consent" value="grant">',
    ])
  })

  it('never contains the state, which the stored request holds', () => {
    const html = renderConsent(consentModel({ form: { ...consentModel().form, state: 'state-1' } }))
    expect(html).not.toContain('state-1')
  })

  it('lets another user sign in, through a separate form', () => {
    const account = formsOf(renderConsent(consentModel()))[0]
    expect(account?.attributes).toContain('method="post" action="/agent/auth"')
    expect(account?.hidden).toEqual({
      action: 'logout',
      request_token: 'request-token-1',
      redirect_uri: 'https://calendar-helper.example/callback',
      csrf: 'csrf-1',
    })
  })

  it('focuses nothing', () => {
    expect(renderConsent(consentModel())).not.toContain('autofocus')
  })

  it.each([
    [600, '10 minutes'],
    [3600, '1 hour'],
    [7200, '2 hours'],
    [5400, '90 minutes'],
    [60, '1 minute'],
    [61, '2 minutes'],
    [1, '1 minute'],
    [86_400, '1 day'],
  ])('formats %i seconds as %s', (tokenLifetime, text) => {
    expect(words(renderConsent(consentModel({ tokenLifetime })))).toContain(`may still work for up to ${text}.`)
  })

  it('shows the expiry as a time of day, with its full date in the markup', () => {
    expect(renderConsent(consentModel())).toContain(
      '<time datetime="2026-01-15T14:32:00.000Z" data-shows="time">14:32 UTC</time>',
    )
  })

  it('shows the risk as text next to an icon, for each kind', () => {
    const able = (['read', 'change', 'delete', 'spend', 'control'] as const).map((risk) => ({ name: risk, risk }))
    const html = renderConsent(consentModel({ able }))
    for (const [risk, text] of Object.entries(en.risks)) {
      expect(html).toMatch(
        new RegExp(`<li data-risk="${risk}"><span class="risk"><svg[^>]*aria-hidden="true".*?</svg>${text}</span>`),
      )
    }
  })

  it('shows the raw name, and a note, if the resource gives no description', () => {
    const text = words(renderConsent(consentModel({ able: [{ name: 'calendar.read', risk: 'read' }] })))
    expect(text).toContain('Read calendar.read cal.example gives no description')
  })

  it('says that no specific permissions were listed if there are none', () => {
    const text = words(renderConsent(consentModel({ able: [] })))
    expect(text).toContain('It will be able to cal.example gives no list.')
  })

  it('shows every requested permission', () => {
    const many = Array.from({ length: 40 }, (_, index) => ({ name: `p${index}`, risk: 'read' as const }))
    const html = renderConsent(consentModel({ able: many, notRequested: many }))
    expect(html.match(/<li data-risk/g)).toHaveLength(40)
  })

  it('lists only the constants if nothing can be derived', () => {
    const html = renderConsent(consentModel({ notRequested: [] }))
    expect(html.match(/<ul class="not-able">(.*?)<\/ul>/s)?.[1]?.match(/<li>/g)).toHaveLength(2)
  })

  describe('cautions', () => {
    const cautions = (html: string) => html.match(/class="box caution"/g) ?? []

    it('has no warnings if there are no concerns', () => {
      expect(cautions(renderConsent(consentModel()))).toEqual([])
    })

    it('warns above the buttons if the response goes to another host', () => {
      const html = renderConsent(
        consentModel({ redirect: redirectModel({ elsewhere: true, display: 'hub.example/cb' }) }),
      )
      expect(cautions(html)).toHaveLength(1)
      expectOrder(words(html), [
        'Your answer goes to hub.example/cb, which is a different address from calendar-helper.example.',
        'Don’t allow',
        'You’ll go on to hub.example/cb',
      ])
    })

    it('warns above the buttons if the response goes to a program on this device', () => {
      const html = renderConsent(
        consentModel({
          redirect: {
            uri: 'http://127.0.0.1:4000/cb',
            display: '127.0.0.1:4000/cb',
            elsewhere: true,
            loopback: true,
          },
        }),
      )
      expect(cautions(html)).toHaveLength(1)
      expectOrder(words(html), [
        'Your answer goes to an app on this device (port 4000). Continue only if you just started it yourself.',
        'Don’t allow',
        'You’ll go on to 127.0.0.1:4000/cb',
      ])
      // It may see what the user types on that device.
      expect(words(html)).toContain('It will not be able to Get your password from us')
      expect(words(html)).not.toContain('See your password')
    })

    it('warns about confusable letters, and shows the A-label', () => {
      const html = renderConsent(consentModel({ lookAlike: true, agentHost: 'xn--gent-43d.example' }))
      expect(cautions(html)).toHaveLength(1)
      expect(words(html)).toContain(
        'Look closely: xn--gent-43d.example stands for an address with letters from outside a–z.',
      )
    })

    it('says that the agent gives no name, and does not mention checking one', () => {
      const { agentName: _, ...model } = consentModel()
      const text = words(renderConsent(model))
      expect(text).toContain('This agent gives no name.')
      expect(text).toContain('We haven’t checked who runs it.')
      expect(text).not.toMatch(/calls itself|its name/)
    })
  })

  it('keeps full identifiers in the details, and opens the agent’s links without a referrer or opener', () => {
    const html = renderConsent(consentModel())
    const details = html.match(/<details>.*?<\/details>/s)?.[0] ?? ''
    expectOrder(words(`<body>${details}`), [
      'https://calendar-helper.example',
      'worker-7@calendar-helper.example',
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
      'https://cal.example',
      'https://calendar-helper.example/callback',
    ])
    const links = html.match(/<a [^>]*>/g)?.filter((link) => link !== '<a href="/account">') ?? []
    expect(links).toHaveLength(3)
    for (const link of links) expect(link).toContain('target="_blank" rel="noreferrer noopener"')
  })

  it.each(['javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', ' https://x.example', '//x.example'])(
    'does not link %s',
    (address) => {
      const html = renderConsent(consentModel({ homepage: address, policyUri: address, tosUri: address }))
      expect(html.match(/<a [^>]*>/g)).toEqual(['<a href="/account">'])
    },
  )
})

describe('renderProblem', () => {
  it.each(problemCodes)('explains what %s is and what to do', (code) => {
    const html = renderProblem(problemModel(code))
    const problem = en.problems[code]
    expect(html).toContain(`<main data-state="${code}" data-error-code="${code}">`)
    expectOrder(words(html), [problem.heading, 'Reference: req_7f3a9c21'])
    expect(html).not.toContain('<a ')
    expect(html).not.toContain('<form')
  })

  it.each(problemCodes)('has a title that matches %s', (code) => {
    const prefix = ['request_allowed', 'request_denied', 'request_too_soon'].includes(code) ? '' : 'Error: '
    expect(renderProblem(problemModel(code))).toContain(
      `<title>${prefix}${en.problems[code].heading} – Home Accounts</title>`,
    )
  })

  it('names the agent as text, or says “the agent” if it is unknown', () => {
    const { agentHost: _, ...unknown } = problemModel('request_expired')
    expect(words(renderProblem(problemModel('request_expired')))).toContain(
      'go back to calendar-helper.example and try again',
    )
    expect(words(renderProblem(unknown))).toContain('go back to the agent and try again')
  })

  it('shows another browser nothing about the request', () => {
    expect(renderProblem(problemModel('request_other_session'))).not.toContain('calendar-helper')
  })

  it('offers to try again if there is a URL for it', () => {
    const html = renderProblem(problemModel('server_error', { retry: '/agent/auth?request_token=a&redirect_uri=b' }))
    expect(html).toContain('<a class="button" href="/agent/auth?request_token=a&amp;redirect_uri=b">Try again</a>')
  })
})

describe('hostile values', () => {
  const form = (payload: string) => ({
    action: '/agent/auth',
    requestToken: payload,
    redirectUri: payload,
    csrf: payload,
    state: payload,
  })

  it.each(payloads)('%s is escaped wherever it appears', (payload) => {
    const everywhere = { serverName: payload, agentHost: payload, resourceHost: payload }
    const permission = { name: payload, description: payload, risk: 'read' as const }
    const documents = [
      renderSignIn(signInModel({ ...everywhere, form: form(payload), username: payload, problem: 'wrong_password' })),
      renderConsent(
        consentModel({
          ...everywhere,
          form: form(payload),
          user: payload,
          agentName: payload,
          agent: payload,
          delegate: payload,
          agentJkt: payload,
          resource: payload,
          redirect: redirectModel({ uri: payload, display: payload, elsewhere: true }),
          homepage: `https://x.example/${payload}`,
          policyUri: `https://x.example/${payload}`,
          tosUri: `https://x.example/${payload}`,
          lookAlike: true,
          logo: payload,
          changes: [{ what: 'name', before: payload }],
          accountPath: `/${payload}`,
          script: '/assets/pages.js',
          footer: {
            help: payload,
            report: payload,
            privacy: payload,
            languages: { action: payload, csrf: payload, returnTo: payload },
          },
          able: [permission, { name: payload, risk: 'change' }],
          notRequested: [permission],
        }),
      ),
      renderProblem(
        problemModel('server_error', {
          serverName: payload,
          agentHost: payload,
          requestId: payload,
          retry: `/${payload}`,
        }),
      ),
      renderProblem(problemModel('request_expired', { serverName: payload, agentHost: payload })),
    ]
    for (const html of documents) {
      expectInert(html, payload)
    }
  })

  it('is isolated from the surrounding text, in its own direction', () => {
    const html = renderConsent(
      consentModel({ agentName: 'עוזר', able: [{ name: 'a', description: 'קרא', risk: 'read' }] }),
    )
    expect(html).toContain('“<bdi>עוזר</bdi>”')
    expect(html).toContain('dir="auto">קרא</bdi>')
  })
})
