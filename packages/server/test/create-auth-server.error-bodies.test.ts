// Loaded by the server on first use; its background work would otherwise count as a step.
import '@simplewebauthn/server'
import { createPasswordLink, hashPassword } from 'countersign-server'
import { reEncodeLogo } from 'countersign-server/logos'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createRoutes } from '../src/create-auth-server.js'
import { createPerson, type Person, signedIn } from './accounts/person.js'
import { type Breakdown, breakableStorage, noBreakdown } from './attacks/breakable-storage.js'
import {
  type Allowed,
  allow,
  authRequest,
  type OpenRequest,
  openRequest,
  redemption,
  refreshTokenOf,
  signForm,
  type Viewer,
  view,
} from './attacks/flow.js'
import { delegateOf, identityOf } from './attacks/party.js'
import { expectSilent, failures } from './attacks/silent.js'
import { openMapStage, people, type Stage } from './attacks/stage.js'
import { createScriptedUser, hiddenFields } from './scripted-user.js'
import { secretHash } from './secret-hash.js'

interface Scene {
  stage: Stage
  /** Signed in, with a passkey and an agent that she allowed. */
  alice: Person
  grantId: string
  refreshToken: string
  /** A delegate’s grant; its code is not redeemed. */
  allowed: Allowed
  /** An open request that Alice views. */
  opened: OpenRequest & Viewer
  /** A browser without a session. */
  signedOut: Person
}

type Build = (scene: Scene) => Promise<Request>

const passkey = 'a-passkey'

function get(path: string | ((scene: Scene) => string), who: 'alice' | 'signedOut' = 'alice'): Build {
  return async (scene) => {
    const at = typeof path === 'string' ? path : path(scene)
    return withCookies(new Request(scene.stage.authServer + at), scene[who])
  }
}

function withCookies(request: Request, { browser }: Person): Request {
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  if (cookie !== '') request.headers.set('cookie', cookie)
  return request
}

/** A form of a page, as its browser sends it. */
function form(
  path: string,
  fields: Record<string, string> | ((scene: Scene) => Record<string, string>),
  { from = '/account', who = 'alice' }: { from?: string; who?: 'alice' | 'signedOut' } = {},
): Build {
  return async (scene) => {
    const { stage, [who]: person } = scene
    const csrf = await person.csrfAt(from)
    const body = new URLSearchParams({ csrf, ...(typeof fields === 'function' ? fields(scene) : fields) })
    const headers = { origin: stage.authServer }
    return withCookies(new Request(stage.authServer + path, { method: 'POST', body, headers }), person)
  }
}

/** A form of the account, sent by a user who has just confirmed their identity. */
const account = (fields: Record<string, string> | ((scene: Scene) => Record<string, string>)): Build =>
  form('/account', fields)

/** A new one-time link for Bob, opened in a browser without a session. */
async function openLink({ stage: { storage, authServer: issuer }, signedOut }: Scene): Promise<string> {
  const userId = (await storage.findCredential('bob'))?.user.id ?? ''
  const created = await createPasswordLink(storage, { issuer, userId, purpose: 'reset' })
  const path = created.outcome === 'created' ? created.url.slice(issuer.length) : ''
  await signedOut.open(path)
  return path
}

/** The fields that the consent page sends. */
function decision(own: Record<string, string>): Build {
  return async ({ stage, opened, alice }) => {
    const body = new URLSearchParams({ ...hiddenFields(opened.page, own), ...own })
    const headers = { origin: stage.authServer }
    return withCookies(new Request(`${stage.authServer}/agent/auth`, { method: 'POST', body, headers }), alice)
  }
}

const consentPath = ({ stage, opened }: Scene) => opened.url.slice(stage.authServer.length)

interface ValidRequest {
  route: string
  what?: string
  build: Build
  /** The status, if it is not a success even then. */
  status?: number
}

/** A valid request for every route and every action. */
const requests: readonly ValidRequest[] = [
  { route: 'GET /.well-known/aauth-issuer', build: get('/.well-known/aauth-issuer') },
  { route: 'GET /jwks.json', build: get('/jwks.json') },
  { route: 'GET /.well-known/aauth-revocations', build: get('/.well-known/aauth-revocations') },
  {
    route: 'POST /agent/token',
    what: 'auth',
    build: async ({ stage }) => signForm(stage, await authRequest(stage, identityOf(stage.otherAgent))),
  },
  {
    route: 'POST /agent/token',
    what: 'code',
    build: async ({ stage, allowed }) => signForm(stage, redemption(allowed)),
  },
  {
    route: 'POST /agent/token',
    what: 'refresh',
    build: async ({ stage, refreshToken }) => {
      const asked = new URLSearchParams({ request_type: 'refresh', refresh_token: refreshToken })
      return signForm(stage, { by: identityOf(stage.agent), form: asked })
    },
  },
  {
    route: 'POST /agent/revoke',
    build: async ({ stage }) =>
      signForm(stage, {
        by: identityOf(stage.agent),
        form: new URLSearchParams({ token: `aart_${'x'.repeat(43)}` }),
        path: '/agent/revoke',
      }),
  },
  {
    route: 'GET /agents/logos/:id',
    build: async ({ stage: { storage, authServer, agent } }) => {
      const of = { agent: agent.id, uri: 'https://cdn.example/logo.png' }
      await storage.claimLogo({ ...of, maxAge: 60, retryAfter: 60 })
      await storage.keepLogo({ ...of, logo: { id: 'logo', image: new Uint8Array(1) } })
      return new Request(`${authServer}/agents/logos/logo`)
    },
  },
  { route: 'GET /agent/auth', what: 'consent', build: get(consentPath) },
  {
    route: 'GET /agent/auth',
    what: 'sign-in',
    build: async ({ stage }) => new Request((await openRequest(stage, identityOf(stage.otherAgent))).url),
  },
  { route: 'POST /agent/auth', what: 'extend', build: decision({ action: 'extend' }) },
  { route: 'POST /agent/auth', what: 'grant', build: decision({ consent: 'grant' }) },
  { route: 'POST /agent/auth', what: 'deny', build: decision({ consent: 'deny' }) },
  { route: 'POST /agent/auth', what: 'logout', build: decision({ action: 'logout' }) },
  {
    route: 'POST /agent/auth',
    what: 'login',
    build: async (scene) => {
      const { stage, signedOut } = scene
      const { url } = await openRequest(stage, identityOf(stage.otherAgent))
      const own = { ...people.bob, action: 'login' }
      const page = await (await signedOut.browser.open(url)).text()
      const body = new URLSearchParams({ ...hiddenFields(page, own), ...own })
      const headers = { origin: stage.authServer }
      return withCookies(new Request(`${stage.authServer}/agent/auth`, { method: 'POST', body, headers }), signedOut)
    },
  },
  { route: 'GET /account/sign-in', build: get('/account/sign-in', 'signedOut') },
  { route: 'GET /account/sign-up', build: get('/account/sign-up', 'signedOut') },
  {
    route: 'POST /account/sign-in',
    build: form('/account/sign-in', { ...people.bob, action: 'login' }, { from: '/account/sign-in', who: 'signedOut' }),
  },
  {
    route: 'POST /account/sign-up',
    build: form(
      '/account/sign-up',
      () => ({ username: `new-${crypto.randomUUID()}`, password: 'a password of theirs', action: 'sign-up' }),
      { from: '/account/sign-up', who: 'signedOut' },
    ),
  },
  { route: 'GET /account/signed-out', build: get('/account/signed-out', 'signedOut') },
  { route: 'GET /account/confirm', build: get('/account/confirm') },
  {
    route: 'POST /account/confirm',
    build: form('/account/confirm', { action: 'reauthenticate', password: people.alice.password }),
  },
  { route: 'POST /account/language', build: form('/account/language', { action: 'language', language: 'ar' }) },
  // Nothing listens there: the page says that the provider did not respond.
  { route: 'GET /account/with/:id', build: get('/account/with/corp', 'signedOut'), status: 401 },
  { route: 'GET /account/with/:id/callback', build: get('/account/with/corp/callback', 'signedOut'), status: 400 },
  { route: 'POST /account/passkeys/challenge', build: form('/account/passkeys/challenge', {}) },
  { route: 'POST /account/passkeys/options', build: form('/account/passkeys/options', {}) },
  { route: 'GET /', build: get('/') },
  { route: 'GET /assets/:id', build: get('/assets/pages.css') },
  { route: 'GET /favicon.ico', build: get('/favicon.ico') },
  { route: 'GET /apple-touch-icon.png', build: get('/apple-touch-icon.png') },
  ...['', '/remove-all', '/activity', '/security', '/password', '/yours', '/change-email', '/download', '/close'].map(
    (path) => ({
      route: `GET /account${path}`,
      build: get(`/account${path}`),
    }),
  ),
  { route: 'GET /account/agents/:id', build: get(({ grantId }) => `/account/agents/${grantId}`) },
  { route: 'GET /account/agents/:id/remove', build: get(({ grantId }) => `/account/agents/${grantId}/remove`) },
  { route: 'GET /account/agents/:id/extend', build: get(({ grantId }) => `/account/agents/${grantId}/extend`) },
  { route: 'GET /account/link', build: async (scene) => get(await openLink(scene), 'signedOut')(scene) },
  {
    route: 'GET /account/new-password',
    build: async (scene) => {
      await openLink(scene)
      return get('/account/new-password', 'signedOut')(scene)
    },
  },
  {
    route: 'POST /account/new-password',
    build: async (scene) => {
      await openLink(scene)
      const from = '/account/new-password'
      const own = { new_password: 'another long password' }
      const fields = { ...hiddenFields((await scene.signedOut.open(from)).html, own), ...own }
      return form(from, fields, { from, who: 'signedOut' })(scene)
    },
  },
  // No mail server is configured.
  { route: 'GET /account/forgot', build: get('/account/forgot', 'signedOut'), status: 404 },
  { route: 'GET /account/link-sent', build: get('/account/link-sent', 'signedOut'), status: 404 },
  {
    route: 'POST /account/forgot',
    build: form('/account/forgot', { username: 'bob' }, { from: '/account/sign-in', who: 'signedOut' }),
    status: 404,
  },
  { route: 'GET /account/email', build: get('/account/email', 'signedOut'), status: 410 },
  {
    route: 'POST /account/email',
    build: form('/account/email', { token: 'x' }, { from: '/account/sign-in', who: 'signedOut' }),
    status: 410,
  },
  { route: 'GET /account/devices/connect', build: get('/account/devices/connect'), status: 404 },
  { route: 'GET /account/devices/code', build: get('/account/devices/code'), status: 404 },
  { route: 'GET /account/providers/:id/remove', build: get('/account/providers/x/remove'), status: 404 },
  { route: 'GET /account/second-factor', build: get('/account/second-factor') },
  { route: 'GET /account/second-factor/remove', build: get('/account/second-factor/remove') },
  { route: 'GET /account/passkeys/:id/remove', build: get(`/account/passkeys/${passkey}/remove`) },
  {
    route: 'POST /account',
    what: 'remove-agent',
    build: account(({ grantId }) => ({ action: 'remove-agent', agent: grantId })),
  },
  ...['remove-all-agents', 'sign-out-everywhere', 'logout'].map((action) => ({
    route: 'POST /account',
    what: action,
    build: account({ action }),
  })),
  {
    route: 'POST /account',
    what: 'change-password',
    build: async (scene) => {
      const own = { action: 'change-password', password: people.alice.password, new_password: 'another long password' }
      await resetPassword(scene)
      return account(own)(scene)
    },
  },
  {
    route: 'POST /account',
    what: 'remove-passkey',
    // Created each time: later steps may fail, and the passkey stays removed.
    build: async (scene) => {
      await addPasskey(scene.stage)
      return account({ action: 'remove-passkey', passkey })(scene)
    },
  },
  {
    route: 'POST /account',
    what: 'close-account',
    build: account({ action: 'close-account', password: people.alice.password }),
  },
]

const provider = {
  id: 'corp',
  name: 'Corp',
  issuer: 'https://127.0.0.1:1',
  clientId: 'us',
  clientSecret: 'k4Jw93lsQ0dMv7Zz',
}

async function openScene(breakdown: Breakdown, onError: (error: unknown) => void): Promise<Scene> {
  const stage = await openMapStage({
    accounts: { signUp: true, identityProviders: [provider] },
    wrap: (storage) => breakableStorage(storage, breakdown),
    reEncodeLogo,
    onError,
  })
  onTestFinished(() => stage.close())
  const alice = await signedIn(stage)
  const until = { duration: 'until-removed' }
  const redeemed = await allow(stage, identityOf(stage.agent), until, { user: alice.browser })
  const refreshToken = await refreshTokenOf(stage, redeemed)
  const [grant] = await stage.storage.listGrants({ live: true })
  // The passkey is newer than the password, so the password is required.
  stage.clock.now += 1
  const delegate = await delegateOf(stage.agent, 'laptop', stage.clock.now)
  const allowed = await allow(stage, delegate, until, { user: alice.browser })
  const opened = await openRequest(stage, identityOf(stage.otherAgent))
  await addPasskey(stage)
  return {
    stage,
    alice,
    grantId: grant?.id ?? '',
    refreshToken,
    allowed,
    opened: { ...opened, ...(await view(stage, opened, alice.browser)) },
    signedOut: createPerson(stage, createScriptedUser(stage.fetch)),
  }
}

async function readAlice({ storage }: Stage): Promise<{ userId: string; credentialRevision: number }> {
  const { user } = (await storage.findCredential('alice')) ?? {}
  return { userId: user?.id ?? '', credentialRevision: user?.credentialRevision ?? 0 }
}

async function addPasskey(stage: Stage): Promise<void> {
  await stage.storage.removePasskey({ ...(await readAlice(stage)), credentialId: passkey })
  await stage.storage.addPasskey({
    ...(await readAlice(stage)),
    credentialId: passkey,
    publicKey: new Uint8Array(32),
    counter: 0,
  })
}

async function resetPassword({ stage, alice }: Scene): Promise<void> {
  const keepSession = secretHash(alice.browser.cookies.get('__Host-countersign-session') ?? '')
  const passwordHash = await hashPassword(people.alice.password)
  await stage.storage.setPasswordHash({ ...(await readAlice(stage)), passwordHash, keepSession })
}

/** Work that earlier requests left to run between requests: it calls the storage, too. */
async function backgroundWork(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('O03: an internal failure at any step is not revealed in the response, and a retry works', () => {
  it.each(
    requests.flatMap(({ route, what = '', build, status }) =>
      failures.map((failure) => [`${route} ${what}`.trim(), failure.what, build, failure, status] as const),
    ),
  )('%s: %s', async (_request, _failure, build, failure, status) => {
    const breakdown = noBreakdown()
    const reported: unknown[] = []
    const scene = await openScene(breakdown, (error) => reported.push(error))
    for (let after = 0; ; after++) {
      Object.assign(breakdown, noBreakdown())
      const request = await build(scene)
      await backgroundWork()
      Object.assign(breakdown, { error: failure.error, after, calls: 0 })
      const response = await scene.stage.fetch(request)
      const text = await response.text()
      const failed = breakdown.calls > after
      Object.assign(breakdown, noBreakdown())
      if (!failed) {
        if (status === undefined) expect(response.status, text.slice(-300)).toBeLessThan(400)
        else expect(response.status).toBe(status)
        break
      }
      expect.soft(response.status, `after ${after} steps`).toBe(failure.status)
      expect.soft(text).toMatch(failure.told)
      expectSilent(text)
      expect.soft([...response.headers].join()).not.toMatch(/SELECT|\/srv\/|10\.1\.2\.3/)
      expect.soft(response.headers.get('location')).toBeNull()
      const [told] = reported.splice(0)
      expect.soft(told).toBeDefined()
      expect(after).toBeLessThan(30)
    }
    if (status === undefined) expect(reported).toEqual([])
  })

  it('covers every route', () => {
    const routes = createRoutes({
      issuer: 'https://auth.example',
      algorithms: [],
      transports: { paths: ['/agent/auth'] },
      signingKeys: new Map([['january', {}]]),
    } as never)
    const served = routes.flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method} ${path}`))
    expect([...new Set(requests.map(({ route }) => route))].sort()).toEqual(served.sort())
  })
})
