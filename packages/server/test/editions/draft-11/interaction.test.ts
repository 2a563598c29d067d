import { describe, expect, it } from 'vitest'
import { createScriptedUser, type ScriptedUser, signInToAccount } from '../../scripted-user.js'
import {
  agentId,
  askPerson,
  decide,
  openConsent,
  openFollowing,
  openPerson,
  openPersonStage,
  type PersonStage,
  pendingIn,
  people,
  poll,
  problemIn,
} from './person-stage.js'

const stateOf = (html: string) => /data-state="([\w-]+)"/.exec(html)?.[1]
const pageWith = ({ url }: { url: string }, code: string) => `${url}?${new URLSearchParams({ code })}`

describe('the code of a request', () => {
  it('has twelve symbols, and opens the page however it is typed', async () => {
    const stage = await openPersonStage()
    const pending = await openPerson(stage)
    expect(pending.code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}$/)
    const typed = pending.code.replaceAll('-', ' ').toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l')
    const { html } = await openConsent(stage, pageWith(pending, typed))
    expect(stateOf(html)).toBe('consent-first-time')
  })

  it('leaves the address bar before the user signs in, and a view without a sign-in uses nothing up', async () => {
    const stage = await openPersonStage()
    const pending = await openPerson(stage)
    const scanner = createScriptedUser(stage.fetch)
    const { url, response } = await openFollowing(scanner, pending.page)
    expect(url).not.toContain(pending.code.slice(0, 4))
    expect(stateOf(await response.text())).toBe('sign-in')
    const { html } = await openConsent(stage, pending.page)
    expect(stateOf(html)).toBe('consent-first-time')
  })

  it('belongs to the browser of the first signed-in view: a second visitor gets nothing', async () => {
    const stage = await openPersonStage()
    const pending = await openPerson(stage)
    const first = await openConsent(stage, pending.page)
    for (const page of [pending.page, first.url]) {
      const { html, status } = await openConsent(stage, page, { person: people.bob })
      expect([stateOf(html), status]).toEqual(['request_other_session', 403])
      expect(html).not.toContain(agentId)
    }
    // The first browser can open its link again.
    const again = await openConsent(stage, pending.page, { user: first.user })
    expect(stateOf(again.html)).toBe('consent-first-time')
  })

  it('is asked for if a user comes without one', async () => {
    const stage = await openPersonStage()
    const pending = await openPerson(stage)
    const user = createScriptedUser(stage.fetch)
    const page = await user.open(pending.url)
    expect([page.status, stateOf(await page.text())]).toEqual([200, 'enter-code'])
    const { html } = await openConsent(stage, pageWith(pending, pending.code), { user })
    expect(stateOf(html)).toBe('consent-first-time')
  })

  it('ends its request after five wrong guesses by different browsers', async () => {
    const stage = await openPersonStage()
    const [pending, other] = [await openPerson(stage), await openPerson(stage, { resource: stage.otherResource.id })]
    const guess = async (wrong: string) => {
      const response = await createScriptedUser(stage.fetch).open(pageWith(pending, wrong))
      return [response.status, stateOf(await response.text())]
    }
    const wrong = (last: string) => `${pending.code.slice(0, -1)}${last}`
    const [a, b, c, d, e] = Array.from('0123456789')
      .filter((each) => wrong(each) !== pending.code)
      .map(wrong)
    for (const each of [a, b, c, d]) expect(await guess(each ?? '')).toEqual([404, 'enter-code'])
    expect((await poll(stage, pending.location)).status).toBe(202)
    expect(await guess(e ?? '')).toEqual([404, 'enter-code'])
    expect(await problemIn(await poll(stage, pending.location))).toMatchObject({ status: 410, error: 'invalid_code' })
    const { html } = await openConsent(stage, pending.page)
    expect(stateOf(html)).toBe('request_used')
    expect((await poll(stage, other.location)).status).toBe(202)
    expect(await stage.storage.listEvents({ event: 'request.guessed' })).toHaveLength(1)
  })

  it('is not read from forms and return paths, whose responses are the same for right and wrong codes', async () => {
    const stage = await openPersonStage()
    const pending = await openPerson(stage)
    const { user, html, url } = await openConsent(stage, pending.page)
    const other = await openPerson(stage, { resource: stage.otherResource.id })
    const bodyOf = async (response: Response) =>
      [response.status, response.headers.get('location'), stateOf(await response.text())] as const
    for (const code of [other.code, 'ZZZZ-ZZZZ-ZZZZ', 'x']) {
      const form = html.replace(/name="request" value="[^"]*"/g, `name="code" value="${code}"`)
      for (const fields of [{ consent: 'grant' }, { consent: 'deny' }])
        expect(await bodyOf(await user.submit(form, url, fields))).toEqual([400, null, 'request_unknown'])
    }
    const signInWith = async (code: string) => {
      const back = `${pending.url}?${new URLSearchParams({ code })}`.slice(stage.authServer.length)
      const path = `${stage.authServer}/account/sign-in?${new URLSearchParams({ return_to: back })}`
      const response = await createScriptedUser(stage.fetch).open(path)
      const page = await response.text()
      expect(stateOf(page)).toBe('sign-in')
      return page.replaceAll(/(?:value|href)="[^"]*"/g, '')
    }
    expect(await signInWith(other.code)).toBe(await signInWith('ZZZZ-ZZZZ-ZZZZ'))
    expect((await poll(stage, other.location)).status).toBe(202)
  })

  it('is guessed in vain: too many guesses from one network are refused', async () => {
    const stage = await openPersonStage()
    const pending = await openPerson(stage)
    const stranger = createScriptedUser(stage.fetch)
    const statuses = new Set<number>()
    for (let tries = 0; tries < 40; tries++)
      statuses.add((await stranger.open(pageWith(pending, `ZZZZZZZZZZ${10 + tries}`))).status)
    expect([...statuses]).toEqual([404, 429])
  })

  it('is found by users who signed in before, even if others in their network guessed too often', async () => {
    const stage = await openPersonStage()
    const [signedIn, before] = [createScriptedUser(stage.fetch), createScriptedUser(stage.fetch)]
    for (const [user, person] of [
      [signedIn, people.alice],
      [before, people.bob],
    ] as const)
      await signInToAccount(user, stage.authServer, person)
    for (const name of before.cookies.keys()) if (name.includes('session')) before.cookies.delete(name)
    const pending = await openPerson(stage)
    const stranger = createScriptedUser(stage.fetch)
    const guess = async (user: ScriptedUser, at: number) =>
      (await user.open(pageWith(pending, `ZZZZZZZZZZ${10 + at}`))).status
    for (let tries = 0; tries < 30; tries++) expect(await guess(stranger, tries)).toBe(404)
    const strangers = await createScriptedUser(stage.fetch).open(pending.page)
    expect(strangers.status).toBe(429)
    for (const user of [signedIn, before]) {
      for (let tries = 0; tries < 9; tries++) expect(await guess(user, tries)).toBe(404)
      expect((await user.open(pending.page)).status).toBe(303)
      expect(await guess(user, 9)).toBe(404)
      expect(await guess(user, 10)).toBe(429)
      expect((await user.open(pending.page)).status).toBe(429)
    }
    stage.clock.now += 600
    expect((await createScriptedUser(stage.fetch).open((await openPerson(stage)).page)).status).toBe(303)
  })

  it('is unknown in another form, or with another server’s seal', async () => {
    const stage = await openPersonStage()
    const pending = await openPerson(stage)
    const user = createScriptedUser(stage.fetch)
    for (const request of ['x', 'A'.repeat(80), pending.code]) {
      const response = await user.open(`${pending.url}?${new URLSearchParams({ request })}`)
      expect(stateOf(await response.text())).toBe('request_unknown')
    }
  })
})

describe('after the decision, a user', () => {
  const callback = 'https://agent.example/done?state=s1'
  async function decided(
    consent: 'grant' | 'deny',
    {
      given = callback,
      publish = { callback_endpoint: 'https://agent.example/done' },
    }: { given?: string; publish?: object } = {},
  ) {
    const stage = await openPersonStage()
    Object.assign(stage.documents.agent, publish)
    const { page } = await openPerson(stage)
    const response = await decide(stage, `${page}&${new URLSearchParams({ callback: given })}`, consent)
    return response.headers.get('location') ?? stateOf(await response.text())
  }

  it('goes back to the callback, with nothing added, or with the error', async () => {
    expect(await decided('grant')).toBe(callback)
    expect(await decided('deny')).toBe('https://agent.example/done?state=s1&error=access_denied')
  })

  it('finds the agent’s own query unchanged, except for an error that the agent put there', async () => {
    const given = 'https://agent.example/done?s=a%20b&flag&t=~(x)&error=mine&e%72ror=mine&=&s='
    expect(await decided('grant', { given })).toBe(given)
    const kept = 'https://agent.example/done?s=a%20b&flag&t=~(x)&=&s='
    expect(await decided('deny', { given })).toBe(`${kept}&error=access_denied`)
    expect(await decided('deny', { given: 'https://agent.example/done' })).toBe(
      'https://agent.example/done?error=access_denied',
    )
  })

  it.each([
    ['another path', 'https://agent.example/other', {}],
    ['another host', 'https://other.example/done', {}],
    ['another port', 'https://agent.example:8443/done', {}],
    ['another scheme', 'http://agent.example/done', {}],
    ['a fragment', 'https://agent.example/done#x', {}],
    ['credentials', 'https://a:b@agent.example/done', {}],
    ['no URL', 'done', {}],
    ['a script', 'javascript:alert(1)', {}],
    ['loopback, which the provider does not allow', 'http://127.0.0.1:5000/done', {}],
    ['no callback that the provider publishes', callback, { callback_endpoint: undefined }],
    ['loopback over IPv6, though loopback is allowed', 'http://[::1]:5000/done', { localhost_callback_allowed: true }],
    [
      'a place on another server, though loopback is allowed',
      'http://10.0.0.1/done',
      { localhost_callback_allowed: true },
    ],
  ])('stays here if the callback is %s', async (_what, given, publish) => {
    const all = { callback_endpoint: 'https://agent.example/done', ...publish }
    expect(await decided('grant', { given, publish: all })).toBe('return-to-app')
  })

  it.each(['http://127.0.0.1:5000/done', 'http://localhost:5000/x?y=z'])(
    'goes back to %s if the provider allows loopback',
    async (given) => {
      expect(await decided('grant', { given, publish: { localhost_callback_allowed: true } })).toBe(given)
    },
  )

  it('learns at the callback that the request has expired', async () => {
    const stage = await openPersonStage()
    stage.documents.agent.callback_endpoint = 'https://agent.example/done'
    const { page } = await openPerson(stage)
    const { user, url } = await openConsent(stage, `${page}&${new URLSearchParams({ callback })}`)
    stage.clock.now += 2000
    const late = await user.open(url)
    expect(late.headers.get('location')).toBe(`${callback}&error=interaction_expired`)
  })

  it('sees where they go next on the page', async () => {
    const stage = await openPersonStage()
    stage.documents.agent.callback_endpoint = 'https://agent.example/done'
    const { page } = await openPerson(stage)
    const { html } = await openConsent(stage, `${page}&${new URLSearchParams({ callback })}`)
    expect(html.replaceAll(/<[^>]+>/g, '')).toContain('You’ll go back to agent.example/done')
  })
})

describe('an agent acts for one user', () => {
  it('another user cannot decide or end its request: they learn that only its user can, who then decides', async () => {
    const stage = await openPersonStage()
    await decide(stage, (await openPerson(stage)).page)
    const second = pendingIn(await askPerson(stage, { resource: stage.otherResource.id }))
    const bob = await openConsent(stage, second.page, { person: people.bob })
    expect([stateOf(bob.html), bob.status]).toEqual(['request_other_user', 403])
    expect(bob.html).not.toMatch(/agent\.example|alice/)
    for (const consent of ['grant', 'deny']) {
      const forged = bob.html.replaceAll('name="action" value="logout"', 'name="consent"')
      expect((await bob.user.submit(forged, bob.url, { consent })).status).toBe(403)
    }
    expect((await poll(stage, second.location)).status).toBe(202)
    expect(await stage.storage.listEvents({ event: 'request.other_user' })).toMatchObject([{ agent: stage.agent.id }])
    expect(stateOf((await openConsent(stage, second.page)).html)).toBe('consent-known')
  })

  it('someone who opened the link with another account can switch to the right one in the same browser', async () => {
    const stage = await openPersonStage()
    await decide(stage, (await openPerson(stage)).page)
    const second = pendingIn(await askPerson(stage, { resource: stage.otherResource.id }))
    const bob = await openConsent(stage, second.page, { person: people.bob })
    const left = await bob.user.submit(bob.html, bob.url, { action: 'logout' })
    const { html } = await openConsent(stage, stage.authServer + left.headers.get('location'), { user: bob.user })
    expect(stateOf(html)).toBe('consent-known')
  })

  it('requests that were sent before its user first allowed it, and that no one has opened, become its user’s', async () => {
    const stage = await openPersonStage()
    const [first, second] = [await openPerson(stage), await openPerson(stage, { resource: stage.otherResource.id })]
    await decide(stage, first.page)
    expect(stateOf((await openConsent(stage, second.page, { person: people.bob })).html)).toBe('request_other_user')
    const { html } = await openConsent(stage, second.page)
    expect(html).not.toContain('This agent is new here')
  })

  it('of two users who allow it at the same time, one gets it', async () => {
    const stage = await openPersonStage()
    const pages = [await openPerson(stage), await openPerson(stage, { resource: stage.otherResource.id })]
    const [alice, bob] = [
      await openConsent(stage, pages[0]?.page ?? ''),
      await openConsent(stage, pages[1]?.page ?? '', { person: people.bob }),
    ]
    await Promise.all([alice, bob].map(({ user, html, url }) => user.submit(html, url, { consent: 'grant' })))
    const outcomes = []
    for (const { location } of pages) outcomes.push(await poll(stage, location))
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([200, 403]))
    const [denied] = outcomes.filter(({ status }) => status === 403)
    expect(denied && (await problemIn(denied)).detail).toBe('A user allowed this, but the agent acts for another user.')
    expect(await stage.storage.listGrants({ live: true })).toHaveLength(1)
    expect(await stage.storage.findViolations()).toEqual([])
  })

  it('another user who allows it too late is not taken to the agent’s callback, then or later', async () => {
    const stage = await openPersonStage()
    stage.documents.agent.callback_endpoint = 'https://agent.example/done'
    const open = async (resource: string) => {
      const { page, location } = await openPerson(stage, { resource })
      return { page: `${page}&${new URLSearchParams({ callback: 'https://agent.example/done' })}`, location }
    }
    const first = await open(stage.resource.id)
    const second = await open(stage.otherResource.id)
    const bob = await openConsent(stage, second.page, { person: people.bob })
    expect((await decide(stage, first.page)).headers.get('location')).toBe('https://agent.example/done')
    const refused = await bob.user.submit(bob.html, bob.url, { consent: 'grant' })
    expect([refused.headers.get('location'), stateOf(await refused.text())]).toEqual([null, 'request_agent_bound'])
    const again = await bob.user.open(bob.url)
    expect([again.headers.get('location'), stateOf(await again.text())]).toEqual([null, 'request_agent_bound'])
    expect(await problemIn(await poll(stage, second.location))).toMatchObject({ status: 403, error: 'denied' })
  })

  it('is not presented as new the second time', async () => {
    const stage = await openPersonStage()
    const first = await openPerson(stage)
    const page = await openConsent(stage, first.page)
    expect(page.html).toContain('This agent is new here')
    await page.user.submit(page.html, page.url, { consent: 'grant' })
    const second = pendingIn(await askPerson(stage, { resource: stage.otherResource.id }))
    expect((await openConsent(stage, second.page)).html).not.toContain('This agent is new here')
  })
})

describe('a request for a token', () => {
  it('suggests the username that the agent named, to a user who must sign in', async () => {
    const stage = await openPersonStage()
    const { page } = await openPerson(stage, { login_hint: 'alice' })
    const { response } = await openFollowing(createScriptedUser(stage.fetch), page)
    expect(await response.text()).toMatch(/name="username"[^>]*value="alice"|value="alice"[^>]*name="username"/)
  })

  it.each(['login', 'consent', 'select_account'])(
    'with prompt=%s shows the page even if a grant allows it',
    async (prompt) => {
      const stage = await openPersonStage()
      const first = await openPerson(stage)
      await decide(stage, first.page)
      expect((await askPerson(stage)).status).toBe(200)
      expect((await askPerson(stage, { prompt })).status).toBe(202)
    },
  )

  async function refusal(stage: PersonStage, members: object) {
    return problemIn(await askPerson(stage, members))
  }

  it('is refused if a user must decide and cannot be asked', async () => {
    const codes: string[] = []
    const stage = await openPersonStage({
      onEvent: (event) => {
        if (event.kind === 'refusal') codes.push(event.code)
      },
    })
    for (const members of [
      { prompt: 'none' },
      { capabilities: undefined },
      { capabilities: [] },
      { capabilities: ['payment'] },
    ])
      expect(await refusal(stage, members)).toMatchObject({ status: 403, error: 'user_unreachable' })
    // No user was asked, so the log must not say that one denied it.
    expect(codes).toEqual(Array.from({ length: 4 }, () => 'consent_required'))
    await decide(stage, (await openPerson(stage)).page)
    expect((await askPerson(stage, { prompt: 'none', capabilities: [] })).status).toBe(200)
  })

  it('is shown without capabilities if the operator allows that, but not with others', async () => {
    const stage = await openPersonStage({ limits11: { capabilitiesOptional: true } })
    expect((await askPerson(stage, { capabilities: undefined })).status).toBe(202)
    expect(await refusal(stage, { capabilities: [] })).toMatchObject({ status: 403, error: 'user_unreachable' })
  })
})
