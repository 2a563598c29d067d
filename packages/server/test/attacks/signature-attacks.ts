import type { Attack, Outcome, Race } from './attack.js'
import { authRequest, signForm } from './flow.js'
import { newSigner } from './party.js'
import type { Stage } from './stage.js'

const badSignature: Outcome = { status: 401, error: 'invalid_signature' }

/** A signed request, with one change in transit. */
function tampered(
  id: string,
  claim: string,
  tamper: (signed: Request, stage: Stage) => Request | Promise<Request>,
  expected: Outcome = badSignature,
): Attack {
  return {
    id,
    claim,
    when: async (stage) => {
      const sent = await tamper(await signForm(stage, await authRequest(stage)), stage)
      return () => stage.fetch(sent)
    },
    expected,
  }
}

async function withBody(signed: Request, change: (body: string) => string): Promise<Request> {
  const { url, headers, method } = signed
  return new Request(url, { method, headers, body: change(await signed.text()) })
}

function withHeader(signed: Request, name: string, value: string | undefined): Request {
  const headers = new Headers(signed.headers)
  if (value === undefined) headers.delete(name)
  else headers.set(name, value)
  return new Request(signed, { headers })
}

function createdAt(claim: string, offset: number, expected: Outcome): Attack {
  return {
    id: 'S10',
    claim,
    when: async (stage) => {
      const signed = await signForm(stage, { ...(await authRequest(stage)), created: stage.clock.now + offset })
      return () => stage.fetch(signed)
    },
    expected,
  }
}

const opened: Outcome = { status: 200, audit: ['request.created'] }

/** Requests that are rejected for any signed form, as seen at the token endpoint. The tests of the verifier have more rows. */
export const signatureAttacks: readonly Attack[] = [
  ...['signature', 'signature-input', 'signature-key'].map((name) =>
    tampered('S02', `no ${name}`, (signed) => withHeader(signed, name, undefined)),
  ),
  tampered('S03', 'another label in Signature', (signed) =>
    withHeader(signed, 'signature', (signed.headers.get('signature') ?? '').replace('sig1', 'sig2')),
  ),
  createdAt('created 61 s ago', -61, badSignature),
  createdAt('created 61 s in the future', 61, badSignature),
  createdAt('created 59 s ago, which is allowed', -59, opened),
  createdAt('created 59 s in the future, which is allowed', 59, opened),
  tampered('S19', 'content-digest removed from the covered components', (signed) =>
    withHeader(
      signed,
      'signature-input',
      (signed.headers.get('signature-input') ?? '').replace(' "content-digest"', ''),
    ),
  ),
  tampered('S21', 'another body under the same headers', (signed) =>
    withBody(signed, (body) => body.replace('request_type=auth', 'request_type=code')),
  ),
  tampered('S21', 'an additional parameter in the body', (signed) => withBody(signed, (body) => `${body}&x=1`)),
  tampered('S51', 'a tag that names another protocol', (signed) =>
    withHeader(signed, 'signature-input', `${signed.headers.get('signature-input')};tag="web-bot-auth"`),
  ),
  tampered('S39', 'a different Nonce', (signed) => withHeader(signed, 'nonce', 'AAAAAAAAAAAAAAAAAAAAAA')),
  tampered('S39', 'a Nonce of 11 bytes', (signed) => withHeader(signed, 'nonce', 'AAAAAAAAAAAAAAA')),
  tampered(
    'S46',
    'a method override, which is ignored',
    (signed) => withHeader(signed, 'x-http-method-override', 'GET'),
    opened,
  ),
  tampered(
    'S26',
    'forwarded hosts, which are ignored',
    (signed) => withHeader(signed, 'x-forwarded-host', 'evil.example'),
    opened,
  ),
  {
    id: 'S40',
    claim: 'no Nonce when one is required',
    options: { nonce: 'required' },
    when: async (stage) => {
      const signed = withHeader(await signForm(stage, await authRequest(stage)), 'nonce', undefined)
      return () => stage.fetch(signed)
    },
    expected: { ...badSignature, headers: { 'signature-error': /required_input=\("nonce"\)/ } },
  },
  {
    id: 'S41',
    claim: 'an accepted request sent again, to another instance if there is one',
    when: async (stage) => {
      const signed = await signForm(stage, await authRequest(stage))
      await stage.fetch(signed.clone())
      return () => stage.fetch(signed)
    },
    expected: badSignature,
  },
  {
    id: 'S42',
    claim: 'an accepted Nonce with another key, which is allowed',
    when: async (stage) => {
      const request = await authRequest(stage)
      const first = await signForm(stage, request)
      await stage.fetch(first.clone())
      const other = await newSigner()
      stage.agent.keys.push(other.jwk)
      const { id } = stage.agent
      const by = { agent: id, signer: other, signatureKey: { scheme: 'jwks', id, kid: other.kid } as const }
      const second = await signForm(stage, {
        ...(await authRequest(stage, by)),
        nonce: first.headers.get('nonce') ?? '',
      })
      return () => stage.fetch(second)
    },
    expected: { ...opened, audit: ['agent.changed', 'request.created'] },
  },
  {
    id: 'S50',
    claim: 'an accepted request with created 59 s in the future, sent again 100 s later',
    when: async (stage) => {
      const signed = await signForm(stage, { ...(await authRequest(stage)), created: stage.clock.now + 59 })
      await stage.fetch(signed.clone())
      stage.clock.now += 100
      return () => stage.fetch(signed)
    },
    expected: badSignature,
  },
]

/** Concurrent copies of one request. */
export const signatureRaces: readonly Race[] = [
  {
    id: 'S43',
    claim: '50 copies of one signed request',
    when: async (stage) => {
      const signed = await signForm(stage, await authRequest(stage))
      const copies = Array.from({ length: 50 }, () => signed.clone())
      return () => Promise.all(copies.map((copy) => stage.fetch(copy)))
    },
    expected: { '200': 1, '401 invalid_signature': 49 },
    audit: { 'request.created': 1 },
  },
]
