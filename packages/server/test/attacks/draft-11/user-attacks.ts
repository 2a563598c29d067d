import { decodeToken } from 'countersign/tokens'
import { expect } from 'vitest'
import { dwks, revoke } from '../../editions/draft-11/issuers.js'
import {
  agentId,
  agentToken,
  askAuth,
  askPerson,
  cancel,
  decide,
  obtainPerson,
  openConsent,
  openPerson,
  type PersonStage,
  pendingIn,
  people,
  poll,
  send,
} from '../../editions/draft-11/person-stage.js'
import { createScriptedUser } from '../../scripted-user.js'
import type { Attack, Outcome, Race } from '../attack.js'
import { openRequest } from '../flow.js'
import { newSigner } from '../party.js'
import { obtainBoth } from './token-request-attacks.js'

type PersonAttack = Attack<PersonStage>
type PersonOutcome = Outcome<PersonStage>

const pageWith = ({ url }: { url: string }, code: string) => `${url}?${new URLSearchParams({ code })}`

/** A request that waits for its user, and an attack on it. The request still waits afterwards. */
function onPending(
  id: string,
  claim: string,
  act: (stage: PersonStage, pending: Awaited<ReturnType<typeof openPerson>>) => Promise<Response>,
  expected: PersonOutcome,
): PersonAttack {
  let location = ''
  return {
    id,
    claim,
    when: async (stage) => {
      const pending = await openPerson(stage)
      location = pending.location
      return () => act(stage, pending)
    },
    expected: {
      ...expected,
      also: async (stage, ...answer) => {
        await expected.also?.(stage, ...answer)
        expect((await poll(stage, location)).status).toBe(202)
      },
    },
  }
}

const notFound: PersonOutcome = { status: 404, error: 'invalid_request' }

export const pollAttacks: readonly PersonAttack[] = [
  onPending(
    'P22',
    'polled with another key',
    async (stage, { location }) => {
      const signer = await newSigner()
      const jwt = await agentToken(stage, { signer })
      return poll(stage, location, { signer, jwt })
    },
    notFound,
  ),
  onPending(
    'P22',
    'polled by another agent of the same provider',
    (stage, { location }) => poll(stage, location, { sub: 'aauth:other@agent.example' }),
    notFound,
  ),
  onPending(
    'P22',
    'ended by another agent',
    (stage, { location }) => cancel(stage, location, { sub: 'aauth:other@agent.example' }),
    notFound,
  ),
  onPending(
    'P22',
    'polled at a guessed URL',
    (stage, { location }) => poll(stage, `${location.slice(0, -2)}AA`),
    notFound,
  ),
  onPending('P22', 'polled without a signature', (stage, { location }) => stage.fetch(location), {
    status: 401,
    error: 'invalid_signature',
  }),
  onPending(
    'P22',
    'decided by the agent, which knows the code',
    (stage, { location }) => {
      const body = JSON.stringify({ consent: 'grant', action: 'approve' })
      const headers = { 'content-type': 'application/json' }
      return send(stage, new Request(location, { method: 'POST', headers, body }))
    },
    { status: 405, error: 'invalid_request' },
  ),
  {
    id: 'P22',
    claim: 'polled again after the token was delivered',
    when: async (stage) => {
      const { location, page } = await openPerson(stage)
      await decide(stage, page)
      expect((await poll(stage, location)).status).toBe(200)
      return () => poll(stage, location)
    },
    expected: { status: 410, error: 'invalid_code', audit: ['code.reused'] },
  },
  {
    id: 'P22',
    claim: 'a token of January’s request is polled',
    when: async (stage) => {
      const { requestToken } = await openRequest(stage)
      return () => poll(stage, `${stage.authServer}/person/pending/${requestToken}`)
    },
    expected: notFound,
  },
  {
    id: 'P22',
    claim: 'its URL is opened as January’s consent page',
    when: async (stage) => {
      const { location } = await openPerson(stage)
      const secret = location.split('/').at(-1) ?? ''
      const query = new URLSearchParams({ request_token: secret, redirect_uri: `${stage.agent.id}/callback` })
      return () => stage.fetch(`${stage.authServer}/agent/auth?${query}`)
    },
    expected: { status: 400, page: 'request_unknown' },
  },
]

export const pollRaces: readonly Race<PersonStage>[] = [
  {
    id: 'P22',
    claim: 'polled 12 times at once after the decision',
    when: async (stage) => {
      const { location, page } = await openPerson(stage)
      await decide(stage, page)
      return () => Promise.all(Array.from({ length: 12 }, () => poll(stage, location, { wait: 5 })))
    },
    expected: { 200: 1, '410 invalid_code': 11 },
    audit: { 'code.redeemed': 1 },
  },
]

export const codeAttacks: readonly PersonAttack[] = [
  {
    id: 'P23',
    claim: 'a second visitor opens the link that another user has opened',
    when: async (stage) => {
      const { page } = await openPerson(stage)
      await openConsent(stage, page)
      const second = createScriptedUser(stage.fetch)
      return async () => {
        const { html, status } = await openConsent(stage, page, { person: people.bob, user: second })
        expect(html).not.toContain(agentId)
        return new Response(html, { status, headers: { 'cache-control': 'no-store', 'content-type': 'text/html' } })
      }
    },
    expected: { status: 403, page: 'request_other_session' },
  },
  {
    id: 'P23',
    claim: 'the page of another browser is submitted',
    when: async (stage) => {
      const { page } = await openPerson(stage)
      const { html, url } = await openConsent(stage, page)
      const thief = createScriptedUser(stage.fetch)
      await openConsent(stage, page, { user: thief, person: people.bob })
      return () => thief.submit(html, url, { consent: 'grant' })
    },
    expected: { status: 403, page: 'csrf', audit: ['consent.forged'] },
  },
  onPending(
    'P23',
    'a link preview opens the link',
    async (stage, { page }) => {
      const preview = createScriptedUser(stage.fetch)
      const link = (await preview.open(page)).headers.get('location') ?? ''
      return preview.open(new URL(link, page).href)
    },
    { status: 200, page: 'sign-in' },
  ),
  onPending(
    'P23',
    'a request is decided without a session',
    async (stage, { page }) => {
      const user = createScriptedUser(stage.fetch)
      const link = (await user.open(page)).headers.get('location') ?? ''
      const request = new URL(link, stage.authServer).searchParams.get('request') ?? ''
      const form = `<form action="/person/interact"><input type="hidden" name="request" value="${request}"><button name="consent" value="grant"></form>`
      return user.submit(form, `${stage.authServer}/person/interact`, { consent: 'grant' })
    },
    { status: 403, page: 'csrf', audit: ['consent.forged'] },
  ),
  {
    id: 'P24',
    claim: 'the fifth wrong code for a request ends it',
    when: async (stage) => {
      const pending = await openPerson(stage)
      const guesses = Array.from('0123456789')
        .map((last) => pending.code.slice(0, -1) + last)
        .filter((guess) => guess !== pending.code)
        .slice(0, 5)
      for (const guess of guesses)
        expect((await createScriptedUser(stage.fetch).open(pageWith(pending, guess))).status).toBe(404)
      return () => poll(stage, pending.location)
    },
    expected: { status: 410, error: 'invalid_code' },
  },
  onPending(
    'P24',
    'codes are guessed from one network',
    async (stage, pending) => {
      const stranger = createScriptedUser(stage.fetch)
      let last = new Response()
      for (let tries = 0; tries < 60 && last.status !== 429; tries++)
        last = await stranger.open(pageWith(pending, `ZZZZZZZZZZ${10 + tries}`))
      return last
    },
    { status: 429, page: 'too_many_requests', headers: { 'retry-after': /^\d+$/ } },
  ),
]

export const bindingAttacks: readonly PersonAttack[] = [
  {
    id: 'P25',
    claim: 'another user opens a request of an agent that acts for Alice',
    when: async (stage) => {
      await obtainPerson(stage)
      const second = pendingIn(await askPerson(stage, { resource: stage.otherResource.id }))
      const { html } = await openConsent(stage, second.page, { person: people.bob })
      expect(html).toContain('data-state="request_other_user"')
      expect(html).not.toMatch(/agent\.example|alice/)
      return () => poll(stage, second.location)
    },
    expected: { status: 202 },
  },
]

/** Alice denies a request of an agent, which then asks for the same again. */
function askedAgain(claim: string, isBound: boolean, expected: PersonOutcome): PersonAttack {
  return {
    id: 'C40',
    claim,
    when: async (stage) => {
      if (isBound) await obtainPerson(stage)
      const asked = { resource: stage.otherResource.id }
      const { user, html, url } = await openConsent(stage, pendingIn(await askPerson(stage, asked)).page)
      await user.submit(html, url, { consent: 'deny' })
      if (isBound) return () => askPerson(stage, asked)
      const second = pendingIn(await askPerson(stage, asked))
      const again = await openConsent(stage, second.page)
      expect(again.html).toContain('data-state="request_too_soon"')
      return () => poll(stage, second.location)
    },
    expected,
  }
}

export const denialAttacks: readonly PersonAttack[] = [
  askedAgain('an agent that acts for Alice asks her again for what she denied', true, {
    status: 429,
    error: 'rate_limited',
    headers: { 'retry-after': /^600$/ },
  }),
  askedAgain('an agent that acts for no one yet asks Alice again for what she denied', false, {
    status: 403,
    error: 'denied',
  }),
]

export const bindingRaces: readonly Race<PersonStage>[] = [
  {
    id: 'P25',
    claim: 'two users allow the same agent at the same time',
    when: async (stage) => {
      const pending = [await openPerson(stage), await openPerson(stage, { resource: stage.otherResource.id })]
      const pages = [
        await openConsent(stage, pending[0]?.page ?? ''),
        await openConsent(stage, pending[1]?.page ?? '', { person: people.bob }),
      ]
      await Promise.all(pages.map(({ user, html, url }) => user.submit(html, url, { consent: 'grant' })))
      expect(await stage.storage.listGrants({ live: true })).toHaveLength(1)
      return async () => {
        const answers: Response[] = []
        for (const { location } of pending) answers.push(await poll(stage, location))
        return answers
      }
    },
    expected: { 200: 1, '403 denied': 1 },
    audit: {},
  },
]

export const subjectAttacks: readonly PersonAttack[] = [
  {
    id: 'P26',
    claim: 'two resources compare their users',
    when: async (stage) => {
      const { person, auth } = await obtainBoth(stage)
      const other = pendingIn(await askPerson(stage, { resource: stage.otherResource.id }))
      await decide(stage, other.page)
      return async () => {
        const response = await poll(stage, other.location)
        const { person_token: elsewhere } = await response.clone().json()
        const [sub, same, another] = [person, auth, elsewhere].map((jwt) => decodeToken(jwt)?.payload.sub)
        expect(same).toBe(sub)
        expect(another).not.toBe(sub)
        expect([sub, another].join()).not.toMatch(/alice/)
        return response
      }
    },
    expected: { status: 200, audit: ['code.redeemed'] },
  },
]

const callback = 'https://agent.example/done'

function returning(claim: string, given: string, publish: object = {}): PersonAttack {
  return {
    id: 'P27',
    claim,
    when: async (stage) => {
      Object.assign(stage.documents.agent, { callback_endpoint: callback, ...publish })
      const { page } = await openPerson(stage)
      const { user, html, url } = await openConsent(stage, `${page}&${new URLSearchParams({ callback: given })}`)
      return () => user.submit(html, url, { consent: 'grant' })
    },
    expected: {
      status: 200,
      page: 'return-to-app',
      audit: ['agent.bound', 'request.allowed'],
      also: (_stage, _body, response) => expect(response.headers.get('location')).toBeNull(),
    },
  }
}

export const callbackAttacks: readonly PersonAttack[] = [
  returning('another path', 'https://agent.example/other'),
  returning('another host', 'https://other.example/done'),
  returning('another port', 'https://agent.example:8443/done'),
  returning('http', 'http://agent.example/done'),
  returning('a fragment', 'https://agent.example/done#x'),
  returning('credentials', 'https://a:b@agent.example/done'),
  returning('a script', 'javascript:alert(1)'),
  returning('loopback, which the provider does not allow', 'http://127.0.0.1:5000/done'),
  returning('no published callback', callback, { callback_endpoint: undefined }),
]

/** Texts with which an agent could imitate what the resource or the server says. */
const imitations = [
  '<strong>Data Vault</strong> says: this is safe',
  '</p></section><section><h2>The API says</h2>',
  '&lt;b&gt;Data Vault&lt;/b&gt;',
  '\u202eelpmaxe.ipa',
]

export const pageAttacks: readonly PersonAttack[] = imitations.map((justification) => ({
  id: 'P28',
  claim: `an agent says ${JSON.stringify(justification)}`,
  when: async (stage) => {
    stage.documents.resource.name = 'Data Vault'
    const { page } = await openPerson(stage, { justification, device: '<b>laptop</b>'.slice(0, 64) })
    const { user, url } = await openConsent(stage, page)
    return () => user.open(url)
  },
  expected: {
    status: 200,
    page: 'consent-first-time',
    also: (_stage, html) => {
      const said =
        [...html.matchAll(/<section class="said">[\s\S]*?<\/section>/g)].map(([section]) => section).at(-1) ?? ''
      expect(said).toMatch(/says[\s\S]*aauth:bot@|aauth:bot@[\s\S]*says/)
      expect(html).not.toMatch(/<strong>Data Vault<\/strong> says|<h2>The API says|<b>laptop|\u202eelpmaxe/)
      const words =
        justification
          .replaceAll(/[^\w ]+/g, ' ')
          .trim()
          .split(/ +/)
          .at(-1) ?? ''
      expect(said).toContain(words)
      expect(html.replace(said, '')).not.toContain(justification)
    },
  },
}))

const resourceDwk = { dwk: dwks.resource }

function revocation(
  claim: string,
  act: (stage: PersonStage, exp: number) => Promise<Response>,
  expected: PersonOutcome,
): PersonAttack {
  return {
    id: 'P29',
    claim,
    when: async (stage) => {
      // The resource has been seen, because its token was accepted.
      await askAuth(stage, await obtainPerson(stage))
      return () => act(stage, stage.clock.now + 3600)
    },
    expected: {
      ...expected,
      // The agent token of the agent that the attack is about is still accepted.
      also: async (stage) => expect((await askPerson(stage)).status).toBe(200),
    },
  }
}

export const revocationAttacks: readonly PersonAttack[] = [
  revocation(
    'by an agent',
    (stage, exp) =>
      send(
        stage,
        new Request(`${stage.authServer}/person/revoke`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ jti: 'agent-token-1', exp }),
        }),
      ),
    { status: 401, error: 'unsupported_scheme' },
  ),
  revocation(
    'by a server that does not issue tokens for this one',
    (stage, exp) => revoke(stage, stage.otherResource, { jti: 'agent-token-1', exp }, resourceDwk),
    { status: 403, error: 'unsupported_iss', audit: ['agent.refused'] },
  ),
  revocation(
    'in the name of the provider, with another key',
    async (stage, exp) =>
      revoke(stage, { id: stage.agent.id, signer: await newSigner() }, { jti: 'agent-token-1', exp }),
    { status: 401, error: 'unknown_key', audit: ['agent.refused'] },
  ),
  revocation(
    'in the name of the provider, with another document',
    (stage, exp) => revoke(stage, stage.agent, { jti: 'agent-token-1', exp }, { dwk: 'aauth-person.json' }),
    { status: 401, error: 'unknown_key' },
  ),
  revocation(
    'of the provider’s token, by a resource',
    (stage, exp) => revoke(stage, stage.resource, { jti: 'agent-token-1', exp }, resourceDwk),
    { status: 200 },
  ),
  {
    id: 'P29',
    claim: 'a revoked agent token is used at another instance',
    when: async (stage) => {
      const jwt = await agentToken(stage, { jti: 'lost' })
      expect((await askPerson(stage, {}, { jwt })).status).toBe(202)
      expect((await revoke(stage, stage.agent, { jti: 'lost', exp: stage.clock.now + 3600 })).status).toBe(200)
      return () => askPerson(stage, {}, { jwt })
    },
    expected: { status: 401, error: 'revoked_jwt' },
  },
]

export const floodAttacks: readonly PersonAttack[] = [
  {
    id: 'P30',
    claim: 'an agent has 20 open requests',
    when: async (stage) => {
      for (let count = 0; count < 20; count++) expect((await askPerson(stage)).status).toBe(202)
      return () => askPerson(stage)
    },
    expected: { status: 429, error: 'rate_limited', headers: { 'retry-after': /^\d+$/ } },
  },
]
