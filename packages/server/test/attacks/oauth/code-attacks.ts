import { decodeToken } from 'countersign/tokens'
import { type Storage, StorageError } from 'countersign-server'
import { expect } from 'vitest'
import {
  allowed,
  allowedCode,
  authorizeUrl,
  clientId,
  codeForm,
  issuer,
  json,
  type OAuthStage,
  openConsent,
  post,
  redeem,
  redirectUri,
  refresh,
  refreshForm,
  resource,
  resourceDocument,
  verifier,
} from '../../editions/oauth/oauth-stage.js'
import { isRevoked } from '../../editions/oauth/revoked-tokens.js'
import type { Attack, Outcome, Race } from '../attack.js'

type Form = Record<string, string>
type OAuthAttack = Attack<OAuthStage>
type OAuthOutcome = Outcome<OAuthStage>

export const otherClient = 'https://other.example/client.json'
const otherResource = 'https://notes.example/other'

const refused = (error: string, ...audit: string[]): OAuthOutcome => ({ status: 400, error, audit })

const issued: OAuthOutcome = {
  status: 200,
  headers: { 'cache-control': /^no-store$/ },
  audit: ['code.redeemed'],
  also: (_stage, body) => {
    const answer = JSON.parse(body) as { access_token: string }
    expect(answer).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'connect notes.read' })
    const { header, payload } = decodeToken(answer.access_token) ?? {}
    expect(header).toMatchObject({ typ: 'at+jwt', alg: 'ES256' })
    expect(payload).toMatchObject({ iss: issuer, aud: resource, client_id: clientId, scope: 'connect notes.read' })
  },
}

/** Another client and another resource, both valid. */
function addOthers({ documents }: OAuthStage): void {
  documents.set('https://notes.example/.well-known/oauth-protected-resource/other', () =>
    json({ ...resourceDocument, resource: otherResource, scope_descriptions: { 'other.read': 'Other' } }),
  )
}

/** Redeems a fresh code with one change. If it is refused, the code still works for its client. */
function redeemed(id: string, claim: string, change: (form: Form) => Form, expected: OAuthOutcome): OAuthAttack {
  let code = ''
  return {
    id,
    claim,
    when: async (stage) => {
      addOthers(stage)
      code = await allowedCode(stage)
      return () => post(stage, '/oauth/token', change(codeForm(code)))
    },
    expected: {
      ...expected,
      also: async (stage, ...answer) => {
        await expected.also?.(stage, ...answer)
        if (expected.status !== 200) expect((await redeem(stage, code)).status).toBe(200)
      },
    },
  }
}

const without = (form: Form, name: string) => Object.fromEntries(Object.entries(form).filter(([each]) => each !== name))

/** Opens an authorization request with one change, as a signed-in user. Nothing is stored, and only a button leads back to the client. */
export function requested(
  id: string,
  claim: string,
  changes: Record<string, string | undefined>,
  { error, prepare }: { error: string; prepare?: (stage: OAuthStage) => void },
): OAuthAttack {
  return {
    id,
    claim,
    when: async (stage) => {
      addOthers(stage)
      const { user } = await openConsent(stage)
      prepare?.(stage)
      return () => user.open(authorizeUrl(changes))
    },
    expected: {
      status: 400,
      page: 'request_invalid',
      also: (_stage, body, response) => {
        expect(response.headers.get('location')).toBeNull()
        const [, back = ''] = /<a class="button" href="([^"]+)"/.exec(body) ?? []
        const answer = new URL(back.replaceAll('&amp;', '&'))
        expect(answer.origin + answer.pathname).toBe(redirectUri)
        expect(Object.fromEntries(answer.searchParams)).toMatchObject({ error, iss: issuer, state: 's+/=1' })
        expect(answer.searchParams.get('error_description')).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
      },
    },
  }
}

/** The answer to a decision contains exactly this issuer, once, whatever the request contained. */
function answered(
  claim: string,
  consent: 'grant' | 'deny',
  changes: Record<string, string>,
  event: string,
): OAuthAttack {
  return {
    id: 'B01',
    claim,
    when: async (stage) => {
      const { user, page, consent: url } = await openConsent(stage, authorizeUrl(changes))
      return () => user.submit(page, url, { consent })
    },
    expected: {
      status: 303,
      audit: [event],
      also: (_stage, _body, response) => {
        const answer = new URL(response.headers.get('location') ?? '')
        expect(answer.origin + answer.pathname).toBe(redirectUri)
        expect(answer.searchParams.getAll('iss')).toEqual([issuer])
        expect(answer.searchParams.getAll('state')).toEqual(['s+/=1'])
      },
    },
  }
}

/** Redeems a fresh code twice. */
function redeemedTwice(
  claim: string,
  second: (form: Form) => Form,
  expected: OAuthOutcome,
  ends: boolean,
): OAuthAttack {
  let first: Awaited<ReturnType<typeof redeem>>
  return {
    id: 'B03',
    claim,
    when: async (stage) => {
      addOthers(stage)
      const code = await allowedCode(stage)
      first = await redeem(stage, code)
      return () => post(stage, '/oauth/token', second(codeForm(code)))
    },
    expected: {
      ...expected,
      also: async (stage) => {
        stage.clock.now += 4
        expect((await refresh(stage, first.refresh_token)).status).toBe(ends ? 400 : 200)
        expect(await isRevoked(stage, first.access_token)).toBe(ends)
      },
    },
  }
}

/** A storage whose server does not live to respond after it has redeemed a code. */
function killedAfterRedemption(storage: Storage): Storage {
  return new Proxy(storage, {
    get(target, name, receiver) {
      if (name !== 'redeemCode') return Reflect.get(target, name, receiver) as unknown
      const redeemCode: Storage['redeemCode'] = async (redemption) => {
        const outcome = await target.redeemCode(redemption)
        if (outcome.outcome !== 'refused') throw new StorageError('unavailable', 'the server was killed')
        return outcome
      }
      return redeemCode
    },
  })
}

/** Redemptions and refreshes that are refused, and authorization requests that could lead to them. */
export const codeAttacks: readonly OAuthAttack[] = [
  redeemed('B', 'the base case: an access token of this client for this resource', (form) => form, issued),
  answered('a decision to allow names this server, exactly', 'grant', {}, 'request.allowed'),
  answered('a decision to deny names this server, exactly', 'deny', {}, 'request.denied'),
  answered('an issuer in the request, which is ignored', 'grant', { iss: 'https://evil.example' }, 'request.allowed'),
  answered(
    'this issuer with a slash in the request, which is ignored',
    'deny',
    { iss: `${issuer}/` },
    'request.denied',
  ),
  {
    id: 'B01',
    claim: 'the metadata names this server, exactly, and says that each answer does',
    when: async (stage) => () => stage.fetch(`${issuer}/.well-known/oauth-authorization-server`),
    expected: {
      status: 200,
      also: (_stage, body) =>
        expect(JSON.parse(body)).toMatchObject({ issuer, authorization_response_iss_parameter_supported: true }),
    },
  },

  redeemed(
    'B02',
    'another verifier',
    (form) => ({ ...form, code_verifier: verifier.replace('d', 'e') }),
    refused('invalid_grant', 'code.foreign_key'),
  ),
  redeemed('B02', 'no verifier', (form) => without(form, 'code_verifier'), refused('invalid_request')),
  redeemed(
    'B02',
    'a verifier that is too short',
    (form) => ({ ...form, code_verifier: 'short' }),
    refused('invalid_request'),
  ),
  redeemed(
    'B02',
    'the challenge as the verifier',
    (form) => ({ ...form, code_verifier: String(new URL(authorizeUrl()).searchParams.get('code_challenge')) }),
    refused('invalid_grant', 'code.foreign_key'),
  ),
  redeemed(
    'B02',
    'the challenge as the verifier, with code_challenge_method=plain',
    (form) => ({
      ...form,
      code_verifier: String(new URL(authorizeUrl()).searchParams.get('code_challenge')),
      code_challenge_method: 'plain',
    }),
    refused('invalid_grant', 'code.foreign_key'),
  ),
  ...(
    [
      ['no challenge, for which no verifier would be needed', { code_challenge: undefined }],
      ['no challenge and no method', { code_challenge: undefined, code_challenge_method: undefined }],
      ['an empty challenge', { code_challenge: '' }],
      ['the method plain', { code_challenge_method: 'plain' }],
      ['no method, which means plain', { code_challenge_method: undefined }],
      ['a method in another spelling', { code_challenge_method: 's256' }],
      ['a challenge that is no hash', { code_challenge: verifier.slice(1) }],
    ] as const
  ).map(([claim, changes]) => requested('B02', claim, changes, { error: 'invalid_request' })),

  redeemed(
    'B03',
    'a code of another client',
    (form) => ({ ...form, client_id: otherClient }),
    refused('invalid_grant'),
  ),
  redeemed(
    'B03',
    'a code for another redirect URI',
    (form) => ({ ...form, redirect_uri: 'https://client.example/callback' }),
    refused('invalid_grant', 'code.redirect_mismatch'),
  ),
  redeemed(
    'B03',
    'a code for another port',
    (form) => ({ ...form, redirect_uri: 'http://127.0.0.1:53124/callback' }),
    refused('invalid_grant', 'code.redirect_mismatch'),
  ),
  redeemed(
    'B03',
    'a code with another last character',
    (form) => ({ ...form, code: `${form.code}0` }),
    refused('invalid_grant'),
  ),
  redeemedTwice(
    'a code a second time, which revokes what the first time gave',
    (form) => form,
    {
      ...refused('invalid_grant', 'code.reused'),
    },
    true,
  ),
  redeemedTwice(
    'a used code of another client, which costs its client nothing',
    (form) => ({ ...form, client_id: otherClient }),
    refused('invalid_grant'),
    false,
  ),
  redeemedTwice(
    'a used code without the verifier, which costs its client nothing',
    (form) => ({ ...form, code_verifier: 'x'.repeat(43) }),
    refused('invalid_grant', 'code.foreign_key'),
    false,
  ),
  {
    id: 'B03',
    claim: 'a code whose server was killed after it had stored the redemption: the client has no token, and gets none',
    options: { wrap: killedAfterRedemption, onError: () => undefined },
    when: async (stage) => {
      const code = await allowedCode(stage)
      expect((await post(stage, '/oauth/token', codeForm(code))).status).toBe(503)
      return () => post(stage, '/oauth/token', codeForm(code))
    },
    expected: refused('invalid_grant', 'code.reused'),
  },
  {
    id: 'B03',
    claim: 'a code for a program on the user’s computer, 61 s later',
    when: async (stage) => {
      const code = await allowedCode(stage)
      stage.clock.now += 61
      return () => post(stage, '/oauth/token', codeForm(code))
    },
    expected: refused('invalid_grant'),
  },

  ...[otherResource, 'https://notes.example', 'https://mail.example/mcp', `${resource}?x=1`, 'mcp'].flatMap((other) => [
    redeemed(
      'B05',
      `a code with the resource ${other}`,
      (form) => ({ ...form, resource: other }),
      refused('invalid_target'),
    ),
    refreshed(
      'B05',
      `a refresh token with the resource ${other}`,
      (form) => ({ ...form, resource: other }),
      refused('invalid_target'),
    ),
  ]),

  requested(
    'B06',
    'a resource whose metadata names another auth server',
    { resource: otherResource },
    {
      error: 'invalid_target',
      prepare: ({ documents }) =>
        documents.set('https://notes.example/.well-known/oauth-protected-resource/other', () =>
          json({ ...resourceDocument, resource: otherResource, authorization_servers: ['https://other-auth.example'] }),
        ),
    },
  ),
  requested(
    'B06',
    'a resource whose metadata describes another resource',
    { resource: otherResource },
    {
      error: 'invalid_target',
      prepare: ({ documents }) =>
        documents.set('https://notes.example/.well-known/oauth-protected-resource/other', () => json(resourceDocument)),
    },
  ),
  requested(
    'B06',
    'a resource without metadata',
    { resource: 'https://notes.example/none' },
    {
      error: 'invalid_target',
      prepare: ({ documents }) =>
        documents.set(
          'https://notes.example/.well-known/oauth-protected-resource/none',
          () => new Response(null, { status: 404 }),
        ),
    },
  ),
  {
    id: 'B06',
    claim: 'scopes of another resource, which are not asked for',
    when: async (stage) => {
      addOthers(stage)
      return async () => {
        const { page } = await openConsent(stage, authorizeUrl({ scope: 'connect other.read notes.delete' }))
        return new Response(page, { headers: { 'content-type': 'text/html' } })
      }
    },
    expected: {
      status: 200,
      page: 'consent-first-time',
      audit: ['session.created', 'request.created', 'request.bound'],
      also: (_stage, body) => expect(body).not.toMatch(/other\.read|notes\.delete/),
    },
  },
]

/** Refreshes with one change. If it is refused, the refresh token still works for its client. */
export function refreshed(
  id: string,
  claim: string,
  change: (form: Form) => Form,
  expected: OAuthOutcome,
): OAuthAttack {
  let token = ''
  return {
    id,
    claim,
    when: async (stage) => {
      addOthers(stage)
      ;({ refresh_token: token } = await allowed(stage))
      return () => post(stage, '/oauth/token', change(refreshForm(token)))
    },
    expected: {
      ...expected,
      also: async (stage, ...answer) => {
        await expected.also?.(stage, ...answer)
        if (expected.status !== 200) expect((await refresh(stage, token)).status).toBe(200)
      },
    },
  }
}

export const codeRaces: readonly Race<OAuthStage>[] = [
  {
    id: 'B03',
    claim: 'a code that is redeemed 20 times at once',
    when: async (stage) => {
      const code = await allowedCode(stage)
      return () => Promise.all(Array.from({ length: 20 }, () => post(stage, '/oauth/token', codeForm(code))))
    },
    expected: { '200': 1, '400 invalid_grant': 19 },
    audit: { 'code.redeemed': 1 },
  },
]
