import { describe, expect, it } from 'vitest'
import { openMapStage, people } from '../../attacks/stage.js'
import { words } from '../../pages/reading.js'
import { createScriptedUser, type ScriptedUser, signInToAccount } from '../../scripted-user.js'
import { manyNames } from '../../storage/fixtures.js'
import { keepRefusals, type ToldRefusal } from '../../told-refusals.js'
import {
  authorizeUrl,
  clientDocument,
  clientId,
  decide,
  issuer,
  json,
  openConsent,
  openStage,
  redeem,
  redirectUri,
  resource,
  resourceDocument,
} from './oauth-stage.js'

const locationOf = (response: Response) => new URL(response.headers.get('location') ?? '', issuer)
const otherResource = 'https://notes.example/other'
const webRedirect = 'https://client.example/callback'

async function signIn(user: ScriptedUser, url: string, page: string) {
  const response = await user.submit(page, url, { ...people.alice, action: 'login' })
  expect(response.status).toBe(303)
  return locationOf(response).href
}

describe.each(['login', 'select_account', 'login consent'])('with prompt=%s', (prompt) => {
  const url = authorizeUrl({ prompt })

  it('a signed-in user signs in again for the request, which then counts until the decision', async () => {
    const stage = await openStage()
    const { user } = await openConsent(stage)
    stage.clock.now += 61
    const ticket = locationOf(await user.open(url)).href
    const asked = await (await user.open(ticket)).text()
    expect(asked).toContain('data-state="sign-in"')
    expect(words(asked)).toContain('It asks that you sign in again before you decide.')
    expect(await signIn(user, ticket, asked)).toBe(ticket)
    const page = await (await user.open(ticket)).text()
    stage.clock.now += 599
    expect(locationOf(await user.submit(page, ticket, { consent: 'grant' })).searchParams.get('code')).toBeTruthy()
  })

  it('a user who has just signed in on the way is not asked twice', async () => {
    const stage = await openStage()
    const { user, consent, page } = await openConsent(stage, url)
    expect(page).toContain('value="grant"')
    stage.clock.now += 300
    expect(locationOf(await user.submit(page, consent, { consent: 'grant' })).searchParams.get('code')).toBeTruthy()
  })

  it('a link that is opened later asks for a sign-in then', async () => {
    const stage = await openStage()
    const { user } = await openConsent(stage, url)
    const ticket = locationOf(await user.open(url)).href
    stage.clock.now += 61
    const late = await (await user.open(ticket)).text()
    expect(late).toContain('data-state="sign-in"')
    expect(late).not.toContain('value="grant"')
  })

  it('a page that was left open asks for a sign-in before its decision counts', async () => {
    const stage = await openStage()
    const { user, consent, page } = await openConsent(stage, url)
    stage.clock.now += 500
    await user.submit(page, consent, { action: 'extend' })
    stage.clock.now += 101
    const decided = await user.submit(page, consent, { consent: 'grant' })
    expect(locationOf(decided).href).toBe(consent)
    expect(await stage.storage.listGrants()).toEqual([])
    expect(await (await user.open(consent)).text()).toContain('data-state="sign-in"')
  })
})

it.each([
  ['64 scopes', 64, manyNames('s', 64), undefined],
  ['65 scopes', 65, manyNames('s', 65), 'invalid_scope'],
  ['none, at a resource that suggests 65', 65, undefined, 'invalid_scope'],
  ['one, at a resource that suggests 65', 65, 's.1', undefined],
])('a request for %s (B27)', async (_, offered, scope, error) => {
  const stage = await openStage()
  const scopes_supported = manyNames('s', offered).split(' ')
  stage.documents.set('https://notes.example/.well-known/oauth-protected-resource/mcp', () =>
    json({ ...resourceDocument, scopes_supported }),
  )
  const { user } = await openConsent(stage, authorizeUrl({ scope: 's.1' }))
  const response = await user.open(authorizeUrl({ scope }))
  if (error === undefined) return expect(response.headers.get('location')).toContain('/oauth/consent')
  const back = /<a class="button" href="([^"]+)"/.exec(await response.text())?.[1]?.replaceAll('&amp;', '&')
  const sent = new URL(back ?? '').searchParams
  expect([sent.get('error'), sent.get('error_description')]).toEqual([
    error,
    'A request may be for at most 64 scopes: send scope with fewer.',
  ])
})

describe('state', () => {
  it.each([
    ['bytes that are not UTF-8', '%FF%FEx'],
    ['a null byte', 'a%00b'],
    ['spaces and plus signs', 'a+b%20c%2Bd'],
    ['base64', 's%2B%2F%3D1'],
    ['a backslash', 'a\\b'],
    ['quotes and marks', "%27%22'()*!~"],
    ['stray percent signs', '%zz%'],
    ['a euro sign', '%E2%82%AC'],
    ['equals signs', '==='],
    ['2 kB', '%41'.repeat(2048)],
  ])('with %s comes back as it was encoded', async (_, state) => {
    const stage = await openStage()
    const answer = await decide(stage, 'grant', `${authorizeUrl({ state: undefined })}&state=${state}`)
    const returned = /[?&]state=([^&]*)/.exec(answer.search)?.[1]
    // The way through sign-in may encode more characters, but the bytes stay the same.
    const bytesOf = (text: string) => text.replaceAll('\\', '%5C').replaceAll("'", '%27')
    expect(bytesOf(returned ?? '')).toBe(bytesOf(state))
    expect(answer.searchParams.get('iss')).toBe(issuer)
  })

  it('is not returned if the client sent none', async () => {
    const answer = await decide(await openStage(), 'grant', authorizeUrl({ state: undefined }))
    expect([...answer.searchParams.keys()]).toEqual(['code', 'iss'])
  })

  it('is not taken from a parameter with another name', async () => {
    const stage = await openStage()
    const answer = await decide(stage, 'grant', `${authorizeUrl({ state: undefined })}&?state=evil&state=good`)
    expect(answer.searchParams.getAll('state')).toEqual(['good'])
  })

  it('is also returned with an error, and never once it is too long', async () => {
    const stage = await openStage()
    const { user } = await openConsent(stage)
    const backOf = async (url: string) => {
      const page = await (await user.open(url)).text()
      return /<a class="button" href="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&')
    }
    const broken = authorizeUrl({ state: undefined, response_type: 'token' })
    expect(await backOf(`${broken}&state=%FF`)).toContain('&state=%FF')
    expect(await backOf(broken)).toMatch(/[?&]error=(?!.*state=)/)
    const long = await backOf(`${authorizeUrl({ state: undefined })}&state=${'%41'.repeat(2049)}`)
    expect(new URL(long ?? '').searchParams.get('error')).toBe('invalid_request')
  })
})

it('a request with more than 50 parameters is refused, before the user signs in', async () => {
  const stage = await openStage()
  const page = await stage.fetch(`${authorizeUrl()}${'&a'.repeat(7000)}`)
  expect([page.status, await page.text()]).toEqual([400, expect.stringContaining('data-error-code="bad_form"')])
})

it.each([
  ['a loopback redirect', redirectUri, 59, 200],
  ['a loopback redirect', redirectUri, 60, 400],
  ['a web redirect', webRedirect, 299, 200],
  ['a web redirect', webRedirect, 300, 400],
])('a code for %s (%s) after %i seconds: %i', async (_, redirect_uri, seconds, status) => {
  const stage = await openStage()
  const answer = await decide(stage, 'grant', authorizeUrl({ redirect_uri }))
  stage.clock.now += seconds
  expect((await redeem(stage, answer.searchParams.get('code') ?? '', { redirect_uri })).status).toBe(status)
})

it.each([
  ['resource', 'invalid_target'],
  ['scope', 'invalid_request'],
  ['code_challenge', 'invalid_request'],
])('with two values of %s, the client learns %s', async (name, error) => {
  const stage = await openStage()
  const { user } = await openConsent(stage)
  const page = await (await user.open(`${authorizeUrl()}&${name}=x`)).text()
  const back = /<a class="button" href="([^"]+)"/.exec(page)?.[1]?.replaceAll('&amp;', '&')
  expect(Object.fromEntries(new URL(back ?? '').searchParams)).toMatchObject({ error, iss: issuer, state: 's+/=1' })
})

it.each([
  ['that cannot be fetched', () => new Response(null, { status: 503 }), 'oauth-protected-resource/other returned 503'],
  [
    'that names another server',
    () => Response.json({ ...resourceDocument, resource: otherResource, authorization_servers: [] }),
    `do not contain ${issuer}`,
  ],
])('with metadata of the resource %s, only the log says why', async (_, respond, reason) => {
  const told: ToldRefusal[] = []
  const stage = await openStage({}, (options) => openMapStage({ ...options, onEvent: keepRefusals(told) }))
  stage.documents.set('https://notes.example/.well-known/oauth-protected-resource/other', respond)
  const { user } = await openConsent(stage)
  const page = await (await user.open(authorizeUrl({ resource: otherResource }))).text()
  expect(page).toContain('error=invalid_target')
  expect(page).not.toContain(reason)
  expect(told.map((each) => each.reason)).toEqual([expect.stringContaining(reason)])
})

it.each(['client_id', 'redirect_uri'])('with two values of %s, no one is redirected', async (name) => {
  const stage = await openStage()
  const { user } = await openConsent(stage)
  const response = await user.open(`${authorizeUrl()}&${name}=${encodeURIComponent(webRedirect)}`)
  expect({ status: response.status, location: response.headers.get('location') }).toEqual({
    status: 400,
    location: null,
  })
  expect(await response.text()).not.toContain('<a class="button" href="http')
})

describe('before sign-in', () => {
  it('a program learns in JSON that its id is unknown, and nothing changes', async () => {
    const stage = await openStage()
    const user = createScriptedUser(stage.fetch)
    const probe = (id: string, accept = 'application/json') => user.open(authorizeUrl({ client_id: id }), { accept })
    const dead = await probe('client-1')
    expect({ status: dead.status, body: await dead.json() }).toEqual({ status: 400, body: { error: 'invalid_client' } })
    expect(await (await probe('client-1', 'text/html')).text()).toContain('data-error-code="client_unknown"')
    expect((await probe(clientId)).status).toBe(303)
    await openConsent(stage)
    expect((await probe(clientId)).status).toBe(303)
    expect((await probe('https://client.example/not-cached.json')).status).toBe(303)
  })

  it('the sign-in page shows which host asks, and for which resource, also after a wrong password', async () => {
    const stage = await openStage()
    const user = createScriptedUser(stage.fetch)
    const url = locationOf(await user.open(authorizeUrl())).href
    const page = await (await user.open(url)).text()
    const wrong = await user.submit(page, url, { username: 'alice', password: 'wrong', action: 'login' })
    for (const shown of [page, await wrong.text()]) {
      expect(words(shown)).toContain('client.example')
      expect(words(shown)).toContain('notes.example/mcp')
      expect(words(shown)).toContain('never client.example')
    }
    expect(stage.fetched).toEqual([])
    expect(await signIn(user, url, page)).toBe(authorizeUrl())
  })

  it.each([
    ['several clients', `${authorizeUrl()}&client_id=https://other.example/x`],
    ['user information', authorizeUrl({ client_id: 'https://bank.example@client.example/x' })],
    ['no resource', authorizeUrl({ resource: undefined })],
    ['an odd resource', authorizeUrl({ resource: 'https://bank.example\\@notes.example/mcp' })],
  ])('the sign-in page shows no host for a request with %s', async (_, url) => {
    const stage = await openStage()
    const returnTo = encodeURIComponent(url.slice(issuer.length))
    const page = await stage.fetch(`${issuer}/account/sign-in?return_to=${returnTo}`)
    expect(words(await page.text())).not.toMatch(/client\.example|bank\.example|notes\.example/)
  })
})

it('a remembered client need not have its pages below its document', async () => {
  const stage = await openStage()
  const url = authorizeUrl({ redirect_uri: webRedirect })
  const { user, page, consent } = await openConsent(stage, url)
  await user.submit(page, consent, { consent: 'grant', duration: '2592000' })
  const again = async (referer: string) => {
    const stored = await user.open(url, { referer })
    // Without it, browsers would omit the client's origin from the redirected request.
    expect(stored.headers.get('referrer-policy')).toBe('strict-origin-when-cross-origin')
    return user.open(locationOf(stored).href, { referer })
  }
  expect(locationOf(await again('https://client.example/')).searchParams.get('code')).toBeTruthy()
  for (const referer of ['https://other.example/', 'https://client.example.evil/', `${issuer}/account/sign-in`])
    expect((await again(referer)).status).toBe(200)
})

it('the sign-in page does not state as a fact what only a link says', async () => {
  const stage = await openStage()
  const user = createScriptedUser(stage.fetch)
  const signIn = locationOf(await user.open(authorizeUrl({ client_id: 'https://claude.ai/x' })))
  const page = words(await (await user.open(signIn.href)).text())
  expect(page).toContain('The link that brought you here says that claude.ai is asking for access to notes.example')
  expect(page).toContain('We’ll check that after you sign in.')
})

it.each<[string, Record<string, string | undefined>, string]>([
  ['has a name', { client_id: 'editor' }, 'an agent is asking for access to notes.example/mcp. We’ll check'],
  ['names no resource', { resource: undefined }, 'an agent is asking for access. We’ll check that after you sign in.'],
])('the sign-in page is about the request, even if the client %s', async (_name, changes, sentence) => {
  const clients = [{ ...clientDocument, client_id: 'editor' }]
  const stage = await openStage({ clients, defaultResource: resource })
  const user = createScriptedUser(stage.fetch)
  const signIn = locationOf(await user.open(authorizeUrl(changes)))
  const page = words(await (await user.open(signIn.href)).text())
  expect(page).toContain(`The link that brought you here says that ${sentence}`)
  expect(page).not.toContain('the agents you allowed')
})

it('another user of the browser does not get the code of the user who decided', async () => {
  const stage = await openStage()
  const { user, consent, page } = await openConsent(stage)
  const decided = await user.submit(page, consent, { consent: 'grant' })
  expect((await user.open(consent)).headers.get('location')).toBe(decided.headers.get('location'))
  for (const name of user.cookies.keys()) if (name.includes('session')) user.cookies.delete(name)
  const signedOut = await user.open(consent)
  expect([signedOut.status, signedOut.headers.get('location')]).toEqual([410, null])
  await signInToAccount(user, issuer, people.bob)
  const other = await user.open(consent)
  expect([other.status, other.headers.get('location')]).toEqual([410, null])
})
