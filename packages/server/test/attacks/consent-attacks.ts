import { expect } from 'vitest'
import { createScriptedUser, hiddenFields, type ScriptedUser } from '../scripted-user.js'
import type { Attack, Outcome, Race } from './attack.js'
import { type OpenRequest, openRequest, redeem, type Viewer, view } from './flow.js'
import { people, type Stage } from './stage.js'

interface Scene extends OpenRequest, Viewer {}

/** Creates a request and opens it as Alice, who sees the consent page. */
async function viewed(stage: Stage): Promise<Scene> {
  const opened = await openRequest(stage)
  return { ...opened, ...(await view(stage, opened)) }
}

/** An attack that starts on the consent page. */
function onConsentPage(
  id: string,
  claim: string,
  attack: (scene: Scene, stage: Stage) => Promise<Response> | Promise<() => Promise<Response>>,
  expected: Outcome,
): Attack {
  return {
    id,
    claim,
    when: async (stage) => {
      const scene = await viewed(stage)
      return async () => {
        const response = await attack(scene, stage)
        return response instanceof Response ? response : response()
      }
    },
    expected,
  }
}

/** An attack on a request that has already been decided. */
function onDecided(
  claim: string,
  decision: 'grant' | 'deny',
  attack: (scene: Scene & { location: string }, stage: Stage) => Promise<Response>,
  expected: Outcome,
): Attack {
  return {
    id: 'C03',
    claim,
    when: async (stage) => {
      const scene = await viewed(stage)
      const decided = await scene.user.submit(scene.page, scene.url, { consent: decision })
      const location = decided.headers.get('location') ?? ''
      return () => attack({ ...scene, location }, stage)
    },
    expected,
  }
}

interface Form {
  fields: URLSearchParams
  /** Sent instead of the fields. */
  body?: string
  headers: Record<string, string>
  /** The browser whose cookies are sent. If `undefined`, no cookies are sent. */
  user: ScriptedUser | undefined
}

/** Posts a page’s form with one change. */
async function post(
  stage: Stage,
  scene: Scene,
  own: Record<string, string>,
  change: (form: Form) => void | Promise<void>,
): Promise<Response> {
  const form: Form = {
    fields: new URLSearchParams({ ...hiddenFields(scene.page, own), ...own }),
    headers: { origin: stage.authServer },
    user: scene.user,
  }
  await change(form)
  return send(stage, form)
}

function send(stage: Stage, { fields, body = fields.toString(), headers, user }: Form): Promise<Response> {
  const cookie = [...(user?.cookies ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
  return stage.fetch(
    new Request(`${stage.authServer}/agent/auth`, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
        ...(cookie === '' ? {} : { cookie }),
      },
      redirect: 'manual',
    }),
  )
}

const page = (status: number, state: string): Outcome => ({ status, page: state })
const allowedEvents = ['request.allowed']

/** Asserts that the latest request is still open and undecided. */
async function expectOpen(stage: Stage): Promise<void> {
  const decided = (await stage.storage.listEvents()).filter(({ event }) => /^request\.(allowed|denied)$/.test(event))
  expect(decided).toEqual([])
}

function forgery(
  id: string,
  claim: string,
  change: (form: Form, stage: Stage) => void | Promise<void>,
  audit: readonly string[] = [],
): Attack {
  return onConsentPage(
    id,
    claim,
    (scene, stage) => post(stage, scene, { consent: 'grant' }, (form) => change(form, stage)),
    { ...page(403, 'csrf'), audit: ['consent.forged', ...audit], also: expectOpen },
  )
}

/** The consent form, sent in a way that no browser sends it. */
function misshapen(claim: string, status: number, change: (form: Form) => void): Attack {
  return onConsentPage(
    'C10',
    `a decision ${claim}`,
    (scene, stage) => post(stage, scene, { consent: 'grant' }, change),
    { ...page(status, 'bad_form'), also: expectOpen },
  )
}

/** A consent form with one field changed in the user's browser. */
function changedField(claim: string, name: string, value: string): Attack {
  return onConsentPage(
    'C10',
    claim,
    async (scene, stage) => {
      await post(stage, scene, { consent: 'grant' }, ({ fields }) => fields.set(name, value))
      const again = await scene.user.open(scene.url)
      const location = again.headers.get('location') ?? ''
      return redeem(stage, { ...scene, location, code: new URL(location).searchParams.get('code') ?? '' })
    },
    {
      status: 200,
      audit: [...allowedEvents, 'code.redeemed'],
      also: (stage, body) => {
        const { auth_token: token } = JSON.parse(body) as { auth_token: string }
        const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as object
        expect(claims).toMatchObject({ scope: 'data.read', aud: stage.resource.id, agent: stage.agent.id })
      },
    },
  )
}

function unknownRequest(claim: string, query: (scene: OpenRequest) => Record<string, string>): Attack {
  return {
    id: 'C01',
    claim,
    when: async (stage) => {
      const opened = await openRequest(stage)
      const asked = `${stage.authServer}/agent/auth?${new URLSearchParams(query(opened)).toString()}`
      return () => createScriptedUser(stage.fetch).open(asked)
    },
    expected: page(400, 'request_unknown'),
  }
}

const hostile = `"><img src=x onerror=alert(1)><script>alert(1)</script>{{3141*5926}}`

/** Asserts that untrusted text appears on the page as text only. */
function expectInert(body: string): void {
  expect(body.replace(/<script type="module" src="\/assets\/pages\.[0-9a-f]{12}\.js"><\/script>/, '')).not.toMatch(
    /<script|<img (?!class="brand" src="\/assets\/)|onerror="|href="(?:javascript|data):/i,
  )
  expect(body).not.toContain('18613566')
}

/** Checks what the consent page shows after the agent's or resource's metadata was changed. */
function shown(
  id: string,
  claim: string,
  change: (stage: Stage) => void,
  also: (stage: Stage, body: string) => void,
): Attack {
  return {
    id,
    claim,
    when: async (stage) => {
      change(stage)
      const scene = await viewed(stage)
      return () => scene.user.open(scene.url)
    },
    expected: { status: 200, page: 'consent-first-time', also },
  }
}

const sqlPayload = `'; DROP TABLE auth_request; --`

function sqlIn(field: string): Attack {
  return onConsentPage(
    'C37',
    `SQL in ${field}`,
    async (scene, stage) => {
      const response = await post(stage, scene, { consent: 'grant' }, ({ fields }) => fields.set(field, sqlPayload))
      expect(response.status).toBeLessThan(500)
      return scene.user.open(scene.url)
    },
    {
      ...page(200, 'consent-first-time'),
      audit: field === 'csrf' ? ['consent.forged'] : [],
    },
  )
}

function cookieAttributes(response: Response): string[] {
  return response.headers.getSetCookie().map((cookie) => cookie.replace(/=[^;]*/, ''))
}

/** Requests that are rejected in the browser: group C. */
export const consentAttacks: readonly Attack[] = [
  onConsentPage(
    'C',
    'the base case: Allow leads to the agent with a code',
    ({ user, page: html, url }) => user.submit(html, url, { consent: 'grant' }),
    {
      status: 303,
      headers: {
        location: /\/callback\?code=aacd_[\w-]{43}&state=state-0123456789&iss=http/,
        'cache-control': /no-store/,
      },
      audit: allowedEvents,
    },
  ),
  unknownRequest('only an unknown request_token', () => ({ request_token: 'nonsense' })),
  unknownRequest('no parameters at all', () => ({})),
  unknownRequest('an unknown request_token', ({ redirectUri }) => ({
    request_token: `aarq_${'A'.repeat(43)}`,
    redirect_uri: redirectUri,
  })),
  unknownRequest('a malformed request_token', ({ redirectUri }) => ({
    request_token: '<>',
    redirect_uri: redirectUri,
  })),
  unknownRequest('a request_token of 10 kB', ({ redirectUri }) => ({
    request_token: 'x'.repeat(10_000),
    redirect_uri: redirectUri,
  })),
  unknownRequest('an empty request_token', ({ redirectUri }) => ({ request_token: '', redirect_uri: redirectUri })),
  unknownRequest('no request_token', ({ redirectUri }) => ({ redirect_uri: redirectUri })),
  unknownRequest('a truncated request_token', ({ redirectUri, requestToken }) => ({
    request_token: requestToken.slice(0, -1),
    redirect_uri: redirectUri,
  })),
  onConsentPage(
    'C02',
    'a request opened 601 s after it was created',
    ({ user, url }, stage) => {
      stage.clock.now += 601
      return user.open(url)
    },
    page(410, 'request_expired'),
  ),
  onConsentPage(
    'C02',
    'a request allowed 601 s after it was created',
    ({ user, page: html, url }, stage) => {
      stage.clock.now += 601
      return user.submit(html, url, { consent: 'grant' })
    },
    page(410, 'request_expired'),
  ),
  {
    id: 'C02',
    claim: 'a sign-in to a request 601 s after it was created',
    when: async (stage) => {
      const { url } = await openRequest(stage)
      const user = createScriptedUser(stage.fetch)
      const html = await (await user.open(url)).text()
      stage.clock.now += 601
      return () => user.submit(html, url, { ...people.alice, action: 'login' })
    },
    expected: page(410, 'request_expired'),
  },
  onConsentPage(
    'C02',
    'a request allowed 599 s after it was created, which is still valid',
    ({ user, page: html, url }, stage) => {
      stage.clock.now += 599
      return user.submit(html, url, { consent: 'grant' })
    },
    { status: 303, audit: allowedEvents },
  ),
  onDecided(
    'an allowed request, reopened in the same browser: the same redirect while the code is valid',
    'grant',
    async ({ user, url, location }, stage) => {
      stage.clock.now += 59
      const again = await user.open(url)
      expect(again.headers.get('location')).toBe(location)
      return again
    },
    { status: 303, headers: { location: /code=aacd_/ } },
  ),
  onDecided(
    'an allowed request, allowed again in the same browser: the same redirect',
    'grant',
    async ({ user, page: html, url, location }) => {
      const again = await user.submit(html, url, { consent: 'grant' })
      expect(again.headers.get('location')).toBe(location)
      return again
    },
    { status: 303 },
  ),
  onDecided(
    'an allowed request, then denied in the same browser: still the first redirect',
    'grant',
    async ({ user, page: html, url, location }) => {
      const again = await user.submit(html, url, { consent: 'deny' })
      expect(again.headers.get('location')).toBe(location)
      return again
    },
    { status: 303 },
  ),
  onDecided(
    'an allowed request, reopened in the same browser after 61 s',
    'grant',
    ({ user, url }, stage) => {
      stage.clock.now += 61
      return user.open(url)
    },
    page(410, 'request_allowed'),
  ),
  onDecided(
    'an allowed request, reopened in the same browser after its code was redeemed',
    'grant',
    async ({ location, ...scene }, stage) => {
      const code = new URL(location).searchParams.get('code') ?? ''
      await redeem(stage, { ...scene, location, code })
      return scene.user.open(scene.url)
    },
    { ...page(410, 'request_allowed'), audit: ['code.redeemed'] },
  ),
  onDecided(
    'an allowed request, opened in another browser',
    'grant',
    ({ url }, stage) => createScriptedUser(stage.fetch).open(url),
    {
      ...page(410, 'request_used'),
      also: (stage, body) => expect(body).not.toContain(new URL(stage.agent.id).host),
    },
  ),
  onDecided(
    'an allowed request, decided from another browser',
    'grant',
    async (scene, stage) => {
      const user = createScriptedUser(stage.fetch)
      const other = await openRequest(stage)
      const viewer = await view(stage, other, user, people.bob)
      return post(stage, { ...scene, ...viewer }, { consent: 'deny' }, ({ fields }) =>
        fields.set('request_token', scene.requestToken),
      )
    },
    { ...page(410, 'request_used'), audit: ['request.created', 'session.created', 'request.bound'] },
  ),
  onDecided(
    'a denied request, reopened in the same browser: the same redirect',
    'deny',
    async ({ user, url, location }, stage) => {
      stage.clock.now += 120
      const again = await user.open(url)
      expect(again.headers.get('location')).toBe(location)
      return again
    },
    { status: 303, headers: { location: /error=access_denied/ } },
  ),
  onDecided(
    'a denied request, then allowed in the same browser: still the first redirect',
    'deny',
    async ({ user, page: html, url }) => user.submit(html, url, { consent: 'grant' }),
    { status: 303, headers: { location: /error=access_denied/ } },
  ),
  ...(
    [
      ['another host', () => 'https://evil.example/callback'],
      ['a trailing slash', (uri: string) => `${uri}/`],
      ['a query', (uri: string) => `${uri}?x=1`],
      ['nothing', () => ''],
      ['being omitted', () => undefined],
    ] as const
  ).map(
    ([claim, uri]): Attack => ({
      id: 'C04',
      claim: `a redirect_uri in the link that differs by ${claim}`,
      when: async (stage) => {
        const { url, redirectUri } = await openRequest(stage)
        const changed = new URL(url)
        const other = uri(redirectUri)
        if (other === undefined) changed.searchParams.delete('redirect_uri')
        else changed.searchParams.set('redirect_uri', other)
        return () => createScriptedUser(stage.fetch).open(changed.href)
      },
      expected: page(400, 'redirect_mismatch'),
    }),
  ),
  onConsentPage(
    'C04',
    'a different redirect_uri in the form',
    (scene, stage) =>
      post(stage, scene, { consent: 'grant' }, ({ fields }) =>
        fields.set('redirect_uri', 'https://evil.example/callback'),
      ),
    { ...page(400, 'redirect_mismatch'), also: expectOpen },
  ),
  onConsentPage(
    'C05',
    'a request opened in another browser',
    ({ url }, stage) => createScriptedUser(stage.fetch).open(url),
    {
      ...page(403, 'request_other_session'),
      also: (stage, body) => {
        for (const told of [new URL(stage.agent.id).host, new URL(stage.resource.id).host, 'alice', 'data.read'])
          expect(body).not.toContain(told)
      },
    },
  ),
  ...(['bob-password-1', 'wrong'] as const).map((password) =>
    onConsentPage(
      'C05',
      `a request that another browser signs in to (${password})`,
      async (scene, stage) => {
        const user = createScriptedUser(stage.fetch)
        const own = await openRequest(stage)
        const html = await (await user.open(own.url)).text()
        const form = { username: 'bob', password, action: 'login' }
        return post(stage, { ...scene, user, page: html }, form, ({ fields }) =>
          fields.set('request_token', scene.requestToken),
        )
      },
      {
        ...page(403, 'request_other_session'),
        audit: ['request.created'],
        also: (stage, body) => expect(body).not.toContain(new URL(stage.agent.id).host),
      },
    ),
  ),
  onConsentPage(
    'C05',
    'a request decided in another, signed-in browser',
    async (scene, stage) => {
      const viewer = await view(stage, await openRequest(stage), createScriptedUser(stage.fetch), people.bob)
      return post(stage, { ...scene, ...viewer }, { consent: 'grant' }, ({ fields }) =>
        fields.set('request_token', scene.requestToken),
      )
    },
    {
      ...page(403, 'request_other_session'),
      audit: ['request.created', 'session.created', 'request.bound'],
      also: expectOpen,
    },
  ),
  forgery('C06', 'a decision sent by the agent, with the form but no cookie', (form) => {
    form.user = undefined
  }),
  forgery('C06', 'a decision sent by the agent, with only the request_token', (form) => {
    form.user = undefined
    for (const name of ['csrf', 'redirect_uri', 'revision']) form.fields.delete(name)
  }),
  forgery(
    'C06',
    'a decision sent by the agent from its own browser, with the csrf value of its own sign-in form',
    async (form, stage) => {
      const user = createScriptedUser(stage.fetch)
      const html = await (await user.open((await openRequest(stage)).url)).text()
      form.user = user
      form.fields.set('csrf', hiddenFields(html, { username: '', action: 'login' }).csrf ?? '')
    },
    ['request.created'],
  ),
  forgery('C07', 'a decision without a csrf value', ({ fields }) => fields.delete('csrf')),
  forgery('C07', 'a decision with a wrong csrf value', ({ fields }) =>
    fields.set(
      'csrf',
      (fields.get('csrf') ?? '').replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')),
    ),
  ),
  forgery('C07', 'a decision with extra characters after its csrf value', ({ fields }) =>
    fields.set('csrf', `${fields.get('csrf')}.x`),
  ),
  forgery(
    'C07',
    'a decision with another browser’s csrf value',
    async ({ fields }, stage) => {
      const viewer = await view(stage, await openRequest(stage))
      fields.set('csrf', hiddenFields(viewer.page, { consent: 'grant' }).csrf ?? '')
    },
    ['request.created', 'session.created', 'request.bound'],
  ),
  ...(['wrong', 'right'] as const).map(
    (session): Attack => ({
      id: 'C07',
      claim: `a decision with the csrf value of the ${session} session, after signing out and in again in the same browser`,
      when: async (stage) => {
        const opened = await openRequest(stage)
        const { user, page: before } = await view(stage, opened)
        await user.submit(before, opened.url, { action: 'logout' })
        const { page: after } = await view(stage, opened, user)
        return () => user.submit(session === 'right' ? after : before, opened.url, { consent: 'grant' })
      },
      expected:
        session === 'right'
          ? { status: 303, headers: { location: /code=/ }, audit: ['request.allowed'] }
          : { ...page(403, 'csrf'), audit: ['consent.forged'], also: expectOpen },
    }),
  ),
  forgery('C07', 'a decision with Origin: null', ({ headers }) => {
    headers.origin = 'null'
  }),
  forgery('C07', 'a decision with another Origin', ({ headers }) => {
    headers.origin = 'https://evil.example'
  }),
  ...['cross-site', 'same-site', 'none'].map((site) =>
    forgery('C07', `a decision with Sec-Fetch-Site: ${site}`, ({ headers }) => {
      headers['sec-fetch-site'] = site
    }),
  ),
  ...(['GET', 'HEAD', 'PUT', 'DELETE'] as const).map((method) =>
    onConsentPage(
      'C08',
      `a decision sent with ${method}`,
      async ({ user, page: html, url }, stage) => {
        const fields = new URLSearchParams({ ...hiddenFields(html, { consent: 'grant' }), consent: 'grant' })
        const cookie = [...user.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
        const address =
          method === 'PUT' ? new URL('/agent/auth', url).href : `${new URL('/agent/auth', url).href}?${fields}`
        const response = await stage.fetch(
          new Request(address, {
            method,
            headers: { cookie, origin: stage.authServer },
            ...(method === 'PUT' ? { body: fields } : {}),
            redirect: 'manual',
          }),
        )
        // A handler called directly may return a body for HEAD; over HTTP none is sent.
        return method === 'HEAD' ? new Response(null, response) : response
      },
      {
        status: 405,
        ...(method === 'HEAD' ? {} : { page: 'method_not_allowed' }),
        headers: { allow: /GET, POST/ },
        also: expectOpen,
      },
    ),
  ),
  misshapen('as JSON', 415, (form) => {
    form.body = JSON.stringify(Object.fromEntries(form.fields))
    form.headers['content-type'] = 'application/json'
  }),
  misshapen('as multipart', 415, (form) => {
    form.body = '--b\r\ncontent-disposition: form-data; name="consent"\r\n\r\ngrant\r\n--b--\r\n'
    form.headers['content-type'] = 'multipart/form-data; boundary=b'
  }),
  misshapen('of 1 MB', 413, ({ fields }) => fields.set('x', 'x'.repeat(1_000_000))),
  misshapen('with a duplicate field', 400, ({ fields }) => fields.append('consent', 'grant')),
  changedField('a scope added to the form, which is ignored', 'scope', 'data.read data.delete'),
  changedField('an agent added to the form, which is ignored', 'agent', 'https://evil.example'),
  changedField('a resource added to the form, which is ignored', 'resource', 'https://evil.example'),
  changedField('a user added to the form, which is ignored', 'user', 'bob'),
  onConsentPage(
    'C10',
    'a revision that does not match the page’s',
    (scene, stage) => post(stage, scene, { consent: 'grant' }, ({ fields }) => fields.set('revision', '7')),
    { status: 303, headers: { location: /^\/agent\/auth\?/ }, also: expectOpen },
  ),
  onConsentPage(
    'C10',
    'a revision that is not a number',
    (scene, stage) => post(stage, scene, { consent: 'grant' }, ({ fields }) => fields.set('revision', '1e400')),
    { ...page(400, 'bad_form'), also: expectOpen },
  ),
  onConsentPage(
    'C10',
    'a decision that is neither grant nor deny',
    (scene, stage) => post(stage, scene, { consent: 'grant' }, ({ fields }) => fields.set('consent', 'toString')),
    { ...page(400, 'bad_form'), also: expectOpen },
  ),
  shown(
    'C13',
    'markup in the metadata of agent and resource',
    ({ agent, resource }) => {
      Object.assign(agent.document, { name: hostile, homepage: `${agent.id}/${hostile}` })
      resource.document.scope_descriptions = { 'data.read': hostile, 'data.delete': hostile }
      resource.document.supported_scopes = ['data.read', 'data.delete', hostile]
    },
    (_stage, body) => {
      expectInert(body)
      expect(body).toContain('&lt;script')
    },
  ),
  {
    id: 'C13',
    claim: 'markup in the state and the username',
    when: async (stage) => {
      const { url } = await openRequest(stage)
      const changed = new URL(url)
      changed.searchParams.set('state', hostile)
      const user = createScriptedUser(stage.fetch)
      const html = await (await user.open(changed.href)).text()
      expectInert(html)
      return () => user.submit(html, url, { username: hostile, password: 'wrong', action: 'login' })
    },
    expected: {
      status: 401,
      page: 'sign-in',
      audit: ['signin.failed'],
      also: (_stage, body) => expectInert(body),
    },
  },
  ...[
    'javascript:alert(1)',
    'data:text/html,x',
    'https://evil.example/',
    'https://agent.example.evil/',
    '//evil.example',
  ].map((link) =>
    shown(
      'C14',
      `${link} as one of the agent’s pages`,
      ({ agent }) => Object.assign(agent.document, { homepage: link, policy_uri: link, tos_uri: link }),
      (_stage, body) => expect(body.match(/<a [^>]*href="[^"]*"/g) ?? []).toEqual(['<a href="/account"']),
    ),
  ),
  shown(
    'C15',
    'a name with direction overrides, zero-width spaces and 1,200 combining marks',
    ({ agent }) => {
      agent.document.name = `Goo\u202Egle\u200B (verified ✔)${'a\u0301\u0301\u0301\u0301'.repeat(300)}`
    },
    (_stage, body) => {
      expect(body).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u200B]/)
      expect(body).toMatch(/<bdi>Google[^<]{0,80}…<\/bdi>/)
    },
  ),
  {
    id: 'C18',
    claim: 'a session cookie planted before sign-in',
    when: async (stage) => {
      const opened = await openRequest(stage)
      const user = createScriptedUser(stage.fetch)
      const html = await (await user.open(opened.url)).text()
      const name = stage.authServer.startsWith('https:')
        ? '__Host-countersign-session'
        : 'countersign-auth-server-session'
      const planted = `aasn_${'A'.repeat(43)}`
      user.cookies.set(name, planted)
      await user.submit(html, opened.url, { ...people.alice, action: 'login' })
      expect(user.cookies.get(name)).not.toBe(planted)
      const attacker = createScriptedUser(stage.fetch)
      attacker.cookies.set(name, planted)
      return async () => attacker.open((await openRequest(stage)).url)
    },
    expected: { ...page(200, 'sign-in'), audit: ['request.created'] },
  },
  {
    id: 'C18',
    claim: 'the previous session, after signing in again',
    when: async (stage) => {
      const scene = await viewed(stage)
      const before = new Map(scene.user.cookies)
      const signedOut = await scene.user.submit(scene.page, scene.url, { action: 'logout' })
      const html = await (
        await scene.user.open(new URL(signedOut.headers.get('location') ?? '', scene.url).href)
      ).text()
      await scene.user.submit(html, scene.url, { ...people.alice, action: 'login' })
      const old = createScriptedUser(stage.fetch)
      for (const [name, value] of before) old.cookies.set(name, value)
      return () => old.open(scene.url)
    },
    expected: page(200, 'sign-in'),
  },
  {
    id: 'C18',
    claim: 'the previous session id, after signing in again in another tab without signing out',
    when: async (stage) => {
      const opened = await openRequest(stage)
      const user = createScriptedUser(stage.fetch)
      const html = await (await user.open(opened.url)).text()
      await user.submit(html, opened.url, { ...people.alice, action: 'login' })
      const old = createScriptedUser(stage.fetch)
      for (const [name, value] of user.cookies) old.cookies.set(name, value)
      await user.submit(html, opened.url, { ...people.alice, action: 'login' })
      return () => old.open(opened.url)
    },
    expected: page(200, 'sign-in'),
  },
  {
    id: 'C07',
    claim: 'a page from one tab, after signing in again in another without signing out, which is allowed',
    when: async (stage) => {
      const opened = await openRequest(stage)
      const user = createScriptedUser(stage.fetch)
      const html = await (await user.open(opened.url)).text()
      await user.submit(html, opened.url, { ...people.alice, action: 'login' })
      const shown = await (await user.open(opened.url)).text()
      await user.submit(html, opened.url, { ...people.alice, action: 'login' })
      return () => user.submit(shown, opened.url, { consent: 'grant' })
    },
    expected: { status: 303, headers: { location: /code=/ }, audit: ['request.allowed'] },
  },
  {
    id: 'C19',
    claim: 'the cookies’ attributes',
    when: async (stage) => {
      const opened = await openRequest(stage)
      const user = createScriptedUser(stage.fetch)
      const first = await user.open(opened.url)
      const html = await first.text()
      return async () => {
        const signedIn = await user.submit(html, opened.url, { ...people.alice, action: 'login' })
        const secure = stage.authServer.startsWith('https:')
        const rest = (age: number) => `; Max-Age=${age}; Path=/; HttpOnly${secure ? '; Secure' : ''}; SameSite=Lax`
        const name = (role: string) => (secure ? `__Host-countersign-${role}` : `countersign-auth-server-${role}`)
        expect(cookieAttributes(first)).toEqual([name('browser') + rest(400 * 86_400)])
        expect(cookieAttributes(signedIn)).toEqual([
          name('session') + rest(14 * 86_400),
          name('known') + rest(30 * 86_400),
        ])
        const values = [...user.cookies.values()]
        expect(values).toEqual([
          expect.stringMatching(/^aabr_[\w-]{43}$/),
          expect.stringMatching(/^aasn_[\w-]{43}$/),
          expect.stringMatching(/^[\w-]{80,}$/),
        ])
        return signedIn
      }
    },
    expected: { status: 303, audit: ['session.created'] },
  },
  {
    id: 'C20',
    claim: 'the old cookie after sign-out',
    when: async (stage) => {
      const scene = await viewed(stage)
      const before = new Map(scene.user.cookies)
      await scene.user.submit(scene.page, scene.url, { action: 'logout' })
      const old = createScriptedUser(stage.fetch)
      for (const [name, value] of before) old.cookies.set(name, value)
      return () => old.open(scene.url)
    },
    expected: { ...page(200, 'sign-in'), headers: { 'cache-control': /^no-store$/ } },
  },
  {
    id: 'C20',
    claim: 'the old page after sign-out',
    when: async (stage) => {
      const scene = await viewed(stage)
      await scene.user.submit(scene.page, scene.url, { action: 'logout' })
      return () => scene.user.submit(scene.page, scene.url, { consent: 'grant' })
    },
    expected: { status: 303, headers: { location: /^\/agent\/auth\?/ }, also: expectOpen },
  },
  {
    id: 'C20',
    claim: 'the session of a user who was disabled elsewhere',
    when: async (stage) => {
      const scene = await viewed(stage)
      const credential = await stage.storage.findCredential('alice')
      await stage.storage.setUserStatus(credential?.user.id ?? '', 'disabled')
      return () => scene.user.open(scene.url)
    },
    expected: page(200, 'sign-in'),
  },
  ...(
    [
      ['from another origin', { origin: 'https://evil.example' }],
      ['from Origin: null', { origin: 'null' }],
      ['with Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }],
    ] as const
  ).map(
    ([claim, headers]): Attack => ({
      id: 'C22',
      claim: `the attacker’s credentials, posted ${claim}`,
      when: async (stage) => {
        const opened = await openRequest(stage)
        const user = createScriptedUser(stage.fetch)
        const html = await (await user.open(opened.url)).text()
        const form = { ...people.bob, action: 'login' }
        return () =>
          post(stage, { ...opened, user, page: html }, form, (sent) => void Object.assign(sent.headers, headers))
      },
      expected: {
        ...page(403, 'csrf'),
        audit: ['form.forged'],
        also: (_stage, _body, response) => expect(response.headers.getSetCookie()).toEqual([]),
      },
    }),
  ),
  {
    id: 'C22',
    claim: 'the attacker’s credentials, posted with the csrf value of the attacker’s browser',
    when: async (stage) => {
      const opened = await openRequest(stage)
      const user = createScriptedUser(stage.fetch)
      await user.open(opened.url)
      const attackers = await (await createScriptedUser(stage.fetch).open(opened.url)).text()
      const form = { ...people.bob, action: 'login' }
      return () => post(stage, { ...opened, user, page: attackers }, form, () => undefined)
    },
    expected: { ...page(403, 'csrf'), audit: ['form.forged'] },
  },
  shown(
    'C22',
    'the consent page, which always names the account',
    () => undefined,
    (_stage, body) => expect(body).toContain('alice'),
  ),
  {
    id: 'C23',
    claim: 'Alice’s page, after Bob signed in in another tab',
    when: async (stage) => {
      const scene = await viewed(stage)
      const signedOut = await scene.user.submit(scene.page, scene.url, { action: 'logout' })
      const html = await (
        await scene.user.open(new URL(signedOut.headers.get('location') ?? '', scene.url).href)
      ).text()
      await scene.user.submit(html, scene.url, { ...people.bob, action: 'login' })
      return () => scene.user.submit(scene.page, scene.url, { consent: 'grant' })
    },
    expected: { ...page(409, 'account_changed'), also: expectOpen },
  },
  {
    id: 'C23',
    claim: 'Alice’s page, after Bob signed in and viewed the request in another tab',
    when: async (stage) => {
      const scene = await viewed(stage)
      await scene.user.submit(scene.page, scene.url, { action: 'logout' })
      await view(stage, scene, scene.user, people.bob)
      return () => scene.user.submit(scene.page, scene.url, { consent: 'grant' })
    },
    expected: { ...page(409, 'account_changed'), also: expectOpen },
  },
  {
    id: 'C25',
    claim: 'the redirect after sign-in',
    when: async (stage) => {
      const { url } = await openRequest(stage)
      const user = createScriptedUser(stage.fetch)
      const html = await (await user.open(url)).text()
      return () => user.submit(html, url, { ...people.alice, action: 'login' })
    },
    expected: { status: 303, headers: { location: /^\/agent\/auth\?request_token=/ }, audit: ['session.created'] },
  },
  onConsentPage(
    'C25',
    'the redirect after sign-out',
    ({ user, page: html, url }) => user.submit(html, url, { action: 'logout' }),
    { status: 303, headers: { location: /^\/agent\/auth\?request_token=/ }, audit: ['session.ended'] },
  ),
  onConsentPage(
    'C26',
    'the consent page, whose form may redirect to other origins',
    ({ user, url }) => user.open(url),
    {
      ...page(200, 'consent-first-time'),
      headers: {
        'content-security-policy': /^default-src 'none'; style-src 'self'; .*frame-ancestors 'none'$/,
        'x-frame-options': /^DENY$/,
        'referrer-policy': /^same-origin$/,
        'cache-control': /^no-store$/,
        'x-content-type-options': /^nosniff$/,
        'cross-origin-opener-policy': /^same-origin$/,
        'permissions-policy': /^(?:[a-z-]+=\(\)(?:, |$))+$/,
      },
      also: (_stage, _body, response) =>
        expect(response.headers.get('content-security-policy')).not.toContain('form-action'),
    },
  ),
  {
    id: 'C26',
    claim: 'any other page, whose form may not',
    when: async (stage) => () => createScriptedUser(stage.fetch).open(`${stage.authServer}/agent/auth`),
    expected: { ...page(400, 'request_unknown'), headers: { 'content-security-policy': /; form-action 'self'$/ } },
  },
  onConsentPage('C35', 'Don’t allow', ({ user, page: html, url }) => user.submit(html, url, { consent: 'deny' }), {
    status: 303,
    headers: { location: /\/callback\?error=access_denied&state=state-0123456789&iss=http/ },
    audit: ['request.denied'],
    also: async (stage, _body, response) => {
      expect(response.headers.get('location')).not.toContain('code')
      const user = (await stage.storage.findCredential('alice'))?.user.id ?? ''
      expect(await stage.storage.listGrants({ userId: user, agent: stage.agent.id })).toEqual([])
    },
  }),
  onConsentPage(
    'C36',
    'a credentialed fetch from another origin',
    async (scene, stage) => {
      const cookie = [...scene.user.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      return stage.fetch(new Request(scene.url, { headers: { cookie, origin: 'https://evil.example' } }))
    },
    {
      ...page(200, 'consent-first-time'),
      also: (_stage, _body, response) => {
        expect([...response.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
      },
    },
  ),
  ...['request_token', 'redirect_uri', 'csrf', 'revision'].map(sqlIn),
  {
    id: 'C37',
    claim: 'SQL in every field of the sign-in form and the link',
    when: async (stage) => {
      const { url } = await openRequest(stage)
      const changed = new URL(url)
      changed.searchParams.set('state', sqlPayload)
      const user = createScriptedUser(stage.fetch)
      const html = await (await user.open(changed.href)).text()
      await user.open(`${stage.authServer}/agent/auth?request_token=${encodeURIComponent(sqlPayload)}&redirect_uri=x`)
      return () => user.submit(html, url, { username: sqlPayload, password: sqlPayload, action: 'login' })
    },
    expected: { ...page(401, 'sign-in'), audit: ['signin.failed'] },
  },
  {
    id: 'C39',
    claim: 'a link preview that opened the link first: the user can continue',
    when: async (stage) => {
      const opened = await openRequest(stage)
      await createScriptedUser(stage.fetch).open(opened.url)
      const viewer = await view(stage, opened)
      return () => viewer.user.submit(viewer.page, opened.url, { consent: 'grant' })
    },
    expected: { status: 303, headers: { location: /code=/ }, audit: allowedEvents },
  },
]

function manyDecisions(id: string, claim: string, decisions: readonly ('grant' | 'deny')[]): Race {
  return {
    id,
    claim,
    when: async (stage) => {
      const { user, page: html, url } = await viewed(stage)
      return async () => {
        const answers = await Promise.all(decisions.map((consent) => user.submit(html, url, { consent })))
        const locations = new Set(answers.map(({ headers }) => headers.get('location')))
        expect(locations.size).toBe(1)
        const [location] = locations
        return answers.map(
          (answer) => new Response(null, { status: answer.status, headers: { location: location ? '/same' : '' } }),
        )
      }
    },
    expected: { '303 /same': decisions.length },
    audit: {},
  }
}

/** Concurrent decisions. */
export const consentRaces: readonly Race[] = [
  { ...manyDecisions('C09', 'Allow, submitted 20 times', Array(20).fill('grant')), audit: { 'request.allowed': 1 } },
  manyDecisions(
    'C09',
    'Allow and Don’t allow, submitted ten times each',
    Array.from({ length: 20 }, (_, index) => (index % 2 ? 'grant' : 'deny')),
  ),
]
