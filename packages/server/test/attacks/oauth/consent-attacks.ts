import { expect } from 'vitest'
import {
  allowed,
  authorizeUrl,
  clientDocument,
  clientId,
  codeForm,
  issuer,
  json,
  type OAuthStage,
  openConsent,
  post,
  redirectUri,
  refresh,
  resourceDocument,
} from '../../editions/oauth/oauth-stage.js'
import { words } from '../../pages/reading.js'
import { createScriptedUser, hiddenFields, signInToAccount } from '../../scripted-user.js'
import type { Attack, Outcome } from '../attack.js'
import { people } from '../stage.js'

type OAuthAttack = Attack<OAuthStage>
type Scene = Awaited<ReturnType<typeof openConsent>>

/** Asserts that no one has decided about the request. */
async function expectUndecided(stage: OAuthStage): Promise<void> {
  const events = (await stage.storage.listEvents()).map(({ event }) => event)
  expect(events.filter((event) => /^request\.(allowed|denied)$/.test(event))).toEqual([])
}

/** Does something with a consent page that Alice has opened. */
function onPage(
  id: string,
  claim: string,
  attack: (scene: Scene, stage: OAuthStage) => Promise<Response>,
  expected: Outcome<OAuthStage>,
  prepare: (scene: Scene, stage: OAuthStage) => Promise<unknown> = async () => undefined,
): OAuthAttack {
  return {
    id,
    claim,
    when: async (stage) => {
      const scene = await openConsent(stage)
      await prepare(scene, stage)
      return () => attack(scene, stage)
    },
    expected,
  }
}

/** Sends the consent form as a program would. */
function submit(
  { user, page, consent }: Scene,
  change: (form: URLSearchParams, headers: Headers) => void,
): Promise<Response> {
  const form = new URLSearchParams({ ...hiddenFields(page, { consent: 'grant' }), consent: 'grant' })
  const headers = new Headers({ origin: issuer })
  change(form, headers)
  return user.send(new Request(consent, { method: 'POST', body: form, headers }))
}

const forged: Outcome<OAuthStage> = { status: 403, page: 'csrf', audit: ['consent.forged'], also: expectUndecided }

/** The scopes of the access token that a decision led to. */
async function grantedBy(stage: OAuthStage, response: Response): Promise<string> {
  const code = new URL(response.headers.get('location') ?? '').searchParams.get('code') ?? ''
  const answer = (await (await post(stage, '/oauth/token', codeForm(code))).json()) as { scope: string }
  return answer.scope
}

/** A form that names something else than the page showed: what was shown counts. */
function edited(claim: string, name: string, value: string): OAuthAttack {
  return onPage('B13', claim, (scene) => submit(scene, (form) => form.append(name, value)), {
    status: 303,
    audit: ['request.allowed'],
    also: async (stage, _body, response) => {
      expect(response.headers.get('location')).toMatch(/^http:\/\/127\.0\.0\.1:53123\/callback\?code=/)
      expect(await grantedBy(stage, response)).toBe('connect notes.read')
      expect(await stage.storage.listGrants()).toMatchObject([{ agent: clientId }])
    },
  })
}

const hostile = '"><script>alert(1)</script>\r\nX-Injected: 1\u202e\u0000é%0d%0a'

function expectInert(body: string): void {
  expect(body).not.toMatch(/<script[^>]*>alert|\u202e/)
  expect(body).not.toContain('\u0000')
}

/** A request of the same client in Alice’s browser, which may come back without a page only if a decision is remembered. */
function asksAgain(claim: string, redirect: string, change: (stage: OAuthStage) => void, page: string): OAuthAttack {
  return {
    id: 'B15',
    claim,
    when: async (stage) => {
      const url = authorizeUrl({ redirect_uri: redirect })
      const { user, page: html, consent } = await openConsent(stage, url)
      await user.submit(html, consent, { consent: 'grant', duration: 'until-removed' })
      change(stage)
      const stored = await user.open(url)
      return () => user.open(new URL(stored.headers.get('location') ?? '', issuer).href, { referer: `${clientId}/` })
    },
    expected: { status: 200, page },
  }
}

/** Decisions that someone else than the user makes, or about something else than the user saw. */
export const consentAttacks: readonly OAuthAttack[] = [
  onPage(
    'B',
    'the base case of a decision',
    ({ user, page, consent }) => user.submit(page, consent, { consent: 'grant' }),
    { status: 303, headers: { location: /^http:\/\/127\.0\.0\.1:53123\/callback\?code=/ }, audit: ['request.allowed'] },
  ),
  edited('a scope added to the form, which is ignored', 'scope', 'connect notes.read notes.write'),
  edited('a client added to the form, which is ignored', 'client_id', 'https://evil.example/client.json'),
  edited('a resource added to the form, which is ignored', 'resource', 'https://evil.example/mcp'),
  edited('a redirect URI added to the form, which is ignored', 'redirect_uri', 'https://evil.example/callback'),
  onPage(
    'B13',
    'Alice’s page, after Bob signed in in another tab',
    ({ user, page, consent }) => user.submit(page, consent, { consent: 'grant' }),
    { status: 409, page: 'account_changed', also: expectUndecided },
    async ({ user, page, consent }) => {
      await user.submit(page, consent, { action: 'logout' })
      await signInToAccount(user, issuer, people.bob)
    },
  ),

  onPage(
    'B14',
    'a consent page of Alice, opened in Bob’s browser',
    async ({ consent }, stage) => {
      const bob = createScriptedUser(stage.fetch)
      await signInToAccount(bob, issuer, people.bob)
      return bob.open(consent)
    },
    { status: 403, page: 'request_other_session', audit: ['session.created'], also: expectUndecided },
  ),
  onPage(
    'B14',
    'a consent page of Alice, opened in another browser of hers',
    async ({ consent }, stage) => {
      const another = createScriptedUser(stage.fetch)
      await signInToAccount(another, issuer, people.alice)
      return another.open(consent)
    },
    { status: 403, page: 'request_other_session', audit: ['session.created'], also: expectUndecided },
  ),
  onPage('B14', 'a decision without its csrf value', (scene) => submit(scene, (form) => form.delete('csrf')), forged),
  onPage(
    'B14',
    'a decision with another csrf value',
    (scene) => submit(scene, (form) => form.set('csrf', 'x')),
    forged,
  ),
  ...['https://evil.example', 'null', 'https://client.example'].map((origin) =>
    onPage(
      'B14',
      `a decision with Origin: ${origin}`,
      (scene) => submit(scene, (_, headers) => headers.set('origin', origin)),
      forged,
    ),
  ),
  onPage(
    'B14',
    'a decision in the URL',
    async ({ user, page, consent }) => {
      const fields = { ...hiddenFields(page, { consent: 'grant' }), consent: 'grant' }
      return user.open(`${consent}&${new URLSearchParams(fields).toString()}`)
    },
    { status: 400, page: 'bad_form', also: expectUndecided },
  ),
  onPage('B14', 'the page in a frame, which no browser shows', ({ user, consent }) => user.open(consent), {
    status: 200,
    page: 'consent-first-time',
    headers: {
      'content-security-policy': /frame-ancestors 'none'/,
      'x-frame-options': /^DENY$/,
      'referrer-policy': /^(?:no-referrer|same-origin|origin)$/,
      'cache-control': /no-store/,
    },
  }),
  onPage(
    'B14',
    'the link of a request whose code was redeemed',
    ({ user, consent }) => user.open(consent),
    { status: 410, page: 'request_allowed' },
    async ({ user, page, consent }, stage) => {
      const decided = await user.submit(page, consent, { consent: 'grant' })
      expect(await grantedBy(stage, decided)).toBe('connect notes.read')
    },
  ),
  onPage(
    'B14',
    'the form of a request that was denied, which never becomes allowed',
    ({ user, page, consent }) => user.submit(page, consent, { consent: 'grant' }),
    { status: 303, headers: { location: /error=access_denied/ } },
    ({ user, page, consent }) => user.submit(page, consent, { consent: 'deny' }),
  ),

  asksAgain(
    'a decision about a program on the user’s computer, which is never remembered',
    redirectUri,
    () => undefined,
    'consent-known',
  ),
  asksAgain(
    'a remembered decision about a client whose document now lists another redirect host',
    'https://client.example/callback',
    ({ documents, clock }) => {
      const redirects = [...clientDocument.redirect_uris, 'https://attacker.example/callback']
      documents.set(clientId, () => json({ ...clientDocument, redirect_uris: redirects }))
      clock.now += 301
    },
    'consent-known',
  ),
  asksAgain(
    'a remembered decision about a client that now has another name',
    'https://client.example/callback',
    ({ documents, clock }) => {
      documents.set(clientId, () => json({ ...clientDocument, client_name: 'Your Bank' }))
      clock.now += 301
    },
    'consent-known',
  ),

  {
    id: 'B23',
    claim: 'markup, line breaks, a NUL and other characters in the state, which returns as it was sent',
    when: async (stage) => {
      const { user, page, consent } = await openConsent(stage, authorizeUrl({ state: hostile }))
      expectInert(page)
      return () => user.submit(page, consent, { consent: 'grant' })
    },
    expected: {
      status: 303,
      audit: ['request.allowed'],
      also: (_stage, _body, response) => {
        const location = response.headers.get('location') ?? ''
        expect(location).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
        expect(location).not.toMatch(/[<>]/)
        expect(new URL(location).searchParams.get('state')).toBe(hostile)
        expect(response.headers.get('x-injected')).toBeNull()
      },
    },
  },
  {
    id: 'B23',
    claim: 'markup and other characters in the names of client and resource, and in the words of a scope',
    when: async (stage) => {
      stage.documents.set(clientId, () => json({ ...clientDocument, client_name: hostile }))
      stage.documents.set('https://notes.example/.well-known/oauth-protected-resource/mcp', () =>
        json({
          ...resourceDocument,
          resource_name: hostile,
          scope_descriptions: { connect: hostile, 'notes.read': hostile },
        }),
      )
      return async () => {
        const { page } = await openConsent(stage)
        return new Response(page, { headers: { 'content-type': 'text/html' } })
      }
    },
    expected: {
      status: 200,
      page: 'consent-first-time',
      audit: ['session.created', 'request.created', 'request.bound'],
      also: (_stage, body) => {
        expectInert(body)
        expect(body).toContain('&lt;script')
        expect(words(body)).toContain('client.example')
      },
    },
  },
  ...(
    [
      ['grant_type', 400, 'unsupported_grant_type', { grant_type: hostile }],
      ['refresh_token', 400, 'invalid_grant', { grant_type: 'refresh_token', refresh_token: hostile }],
      ['code', 400, 'invalid_grant', { grant_type: 'authorization_code', code: hostile }],
      ['client_id', 401, 'invalid_client', { grant_type: 'refresh_token', refresh_token: 'x', client_id: hostile }],
    ] as const
  ).map(
    ([name, status, error, form]): OAuthAttack => ({
      id: 'B23',
      claim: `markup, line breaks and other characters in ${name} at the token endpoint`,
      when: async (stage) => () => post(stage, '/oauth/token', { client_id: clientId, ...form }),
      expected: {
        status,
        error,
        also: (_stage, body, response) => {
          const { error_description: description } = JSON.parse(body) as { error_description: string }
          expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/)
          expect(description).not.toContain('script')
          expect(response.headers.get('x-injected')).toBeNull()
        },
      },
    }),
  ),
  {
    id: 'B23',
    claim: 'a refresh that works again after all of this',
    when: async (stage) => {
      const { refresh_token } = await allowed(stage)
      await post(stage, '/oauth/token', { client_id: clientId, grant_type: 'refresh_token', refresh_token: hostile })
      return async () => Response.json({ status: (await refresh(stage, refresh_token)).status })
    },
    expected: { status: 200, also: (_stage, body) => expect(body).toContain('200') },
  },
]
