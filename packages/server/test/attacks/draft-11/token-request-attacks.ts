import { january } from 'countersign/editions'
import { draft11BaseSigning, draft11Jose, draft11Tokens } from 'countersign/editions/draft-11'
import { signRequest } from 'countersign/signatures'
import { decodeToken, issueToken, publishedJwk } from 'countersign/tokens'
import { expect } from 'vitest'
import {
  agentToken,
  askAuth,
  askPerson,
  decide,
  obtainPerson,
  type PersonStage,
  pendingIn,
  poll,
  post,
  resourceToken,
  type Sender,
} from '../../editions/draft-11/person-stage.js'
import type { Attack, Outcome } from '../attack.js'
import { resourceToken as januaryResourceToken } from '../crafted-token.js'
import { signForm } from '../flow.js'
import { identityOf, newSigner } from '../party.js'

type PersonAttack = Attack<PersonStage>
type PersonOutcome = Outcome<PersonStage>

const refused = (error: string, status = 401): PersonOutcome => ({ status, error })

const interaction = { capabilities: ['interaction'] }

/** A user has allowed the agent a person token and an auth token. */
export async function obtainBoth(stage: PersonStage): Promise<{ person: string; auth: string }> {
  const person = await obtainPerson(stage)
  const { location, page } = pendingIn(await askAuth(stage, person))
  await decide(stage, page)
  const { auth_token: auth } = await (await poll(stage, location)).json()
  for (const token of [person, auth]) stage.secrets.add(token)
  return { person, auth }
}

/** A request for a person token, sent by someone who is not the agent as it should be. */
function sentBy(
  id: string,
  claim: string,
  by: (stage: PersonStage) => Promise<Sender> | Sender,
  expected: PersonOutcome,
): PersonAttack {
  return {
    id,
    claim,
    when: async (stage) => {
      const sender = await by(stage)
      return () => askPerson(stage, {}, sender)
    },
    expected,
  }
}

/** The same attack, from which the server must not fetch anything at an origin. */
function unasked(attack: PersonAttack, url: string): PersonAttack {
  const asked: string[] = []
  return {
    ...attack,
    when: async (stage) => {
      const act = await attack.when(stage)
      asked.length = 0
      stage.origins?.set(new URL(url).origin, async (request) => {
        asked.push(request.url)
        return new Response(null, { status: 404 })
      })
      return act
    },
    expected: { ...attack.expected, also: () => expect(asked).toEqual([]) },
  }
}

const claimsOfAgent = ({ agent, clock }: PersonStage) => ({
  iss: agent.id,
  sub: 'bot',
  cnf: { jwk: agent.signer.jwk },
  iat: clock.now,
  exp: clock.now + 3600,
})

const withoutAlg = (members: object) => ({ cnf: { jwk: { ...members } } })

/** Who may request tokens: only an agent, with an agent token that is its own. */
export const senderAttacks: readonly PersonAttack[] = [
  sentBy('P15', 'a person token', async (stage) => ({ jwt: await obtainPerson(stage) }), refused('invalid_jwt')),
  sentBy('P15', 'an auth token', async (stage) => ({ jwt: (await obtainBoth(stage)).auth }), refused('invalid_jwt')),
  sentBy(
    'P15',
    'a resource token',
    async (stage) => ({ jwt: await resourceToken(stage, await obtainPerson(stage)) }),
    refused('invalid_jwt'),
  ),
  ...['agent+jwt', 'JWT', 'AA-AGENT+JWT', 'application/aa-agent+jwt'].map((typ) =>
    sentBy(
      'P15',
      `an agent token as ${typ}`,
      async (stage) => {
        const { payload } = decodeToken(await agentToken(stage)) ?? {}
        const type = { ...draft11Tokens.agent, typ } as never
        return { jwt: await issueToken(type, payload as never, { signer: stage.agent.signer }) }
      },
      refused('invalid_jwt'),
    ),
  ),
  sentBy(
    'P16',
    'a stolen token',
    async (stage) => {
      const jwt = await agentToken(stage)
      return { jwt, signer: await newSigner() }
    },
    refused('invalid_signature'),
  ),
  sentBy(
    'P16',
    'a token for a key that it only names by thumbprint',
    ({ agent }) => ({ cnf: { jkt: agent.signer.thumbprint } as never }),
    refused('invalid_jwt'),
  ),
  sentBy('P16', 'an agent at another host', () => ({ sub: 'aauth:bot@bank.example' }), refused('invalid_jwt')),
  sentBy('P16', 'another document in dwk', () => ({ dwk: 'aauth-person.json' }), refused('invalid_jwt')),
  sentBy('P16', 'an expired token', ({ clock }) => ({ iat: clock.now - 60, exp: clock.now }), refused('expired_jwt')),
  sentBy('P16', 'a token from the future', ({ clock }) => ({ iat: clock.now + 61 }), refused('clock_skew')),
  sentBy(
    'P16',
    'a key without alg',
    ({ agent: { signer } }) => withoutAlg({ kty: 'OKP', crv: 'Ed25519', x: signer.jwk.x }) as never,
    refused('unsupported_algorithm'),
  ),
  sentBy(
    'P16',
    'a key with EdDSA',
    ({ agent: { signer } }) => withoutAlg({ ...publishedJwk(signer.jwk, draft11Jose), alg: 'EdDSA' }) as never,
    refused('unsupported_algorithm'),
  ),
  sentBy(
    'P16',
    'a key of another type than its alg',
    ({ agent: { signer } }) => withoutAlg({ ...publishedJwk(signer.jwk, draft11Jose), alg: 'ES256' }) as never,
    refused('invalid_key'),
  ),
  sentBy(
    'P16',
    'a token for another person server',
    () => ({ ps: 'https://other.example' }),
    refused('invalid_request', 400),
  ),
  ...['https://169.254.169.254', 'https://agent.example:8443', 'https://agent.example/a', 'http://localhost:9'].map(
    (iss) =>
      unasked(
        sentBy(
          'P17',
          `an agent provider named ${iss}`,
          () => ({ iss, sub: `aauth:bot@${new URL(iss).host}` }),
          refused('invalid_jwt'),
        ),
        iss,
      ),
  ),
  ...['https://169.254.169.254', 'https://10.0.0.1', 'https://api.example:8443', 'http://localhost:9', 'file:///a'].map(
    (resource) =>
      unasked(
        {
          id: 'P17',
          claim: `a resource named ${resource}`,
          when: async (stage) => () => askPerson(stage, { resource }),
          expected: refused('invalid_request', 400),
        },
        resource,
      ),
  ),
]

/** A signed request for a person token, before it is sent. */
async function signedRequest(stage: PersonStage): Promise<Request> {
  const sent: Request[] = []
  const recording: typeof globalThis.fetch = async (input) => {
    sent.push(new Request(input))
    return new Response()
  }
  await askPerson({ ...stage, fetch: recording })
  return sent[0] as Request
}

function changedOnTheWay(
  claim: string,
  change: (signed: Request, stage: PersonStage) => Request | Promise<Request>,
  expected: PersonOutcome = refused('invalid_signature'),
): PersonAttack {
  return {
    id: 'P18',
    claim,
    when: async (stage) => {
      const changed = await change(await signedRequest(stage), stage)
      return () => stage.fetch(changed)
    },
    expected,
  }
}

function withField(signed: Request, name: string, change: (value: string) => string | undefined): Request {
  const headers = new Headers(signed.headers)
  const value = change(headers.get(name) ?? '')
  if (value === undefined) headers.delete(name)
  else headers.set(name, value)
  return new Request(signed, { headers })
}

const withBody = ({ url, method, headers }: Request, body: string) => new Request(url, { method, headers, body })

export const messageAttacks: readonly PersonAttack[] = [
  changedOnTheWay('another body', (signed, { otherResource }) =>
    withBody(signed, JSON.stringify({ resource: otherResource.id, ...interaction })),
  ),
  changedOnTheWay('another media type', (signed) => withField(signed, 'content-type', () => 'application/json;x=1')),
  changedOnTheWay(
    'no digest',
    (signed) => withField(signed, 'content-digest', () => undefined),
    refused('invalid_input'),
  ),
  changedOnTheWay(
    'a query',
    (signed) => new Request(`${signed.url}?resource=https://mail.example`, signed),
    refused('invalid_input'),
  ),
  changedOnTheWay(
    'a body that the signature does not cover',
    async (_signed, stage) =>
      signRequest(
        new Request(`${stage.authServer}/person/token`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ resource: stage.resource.id, ...interaction }),
        }),
        {
          profile: draft11BaseSigning,
          signer: stage.agent.signer,
          signatureKey: { scheme: 'jwt', jwt: await agentToken(stage) },
          created: stage.clock.now,
        },
      ),
    refused('invalid_input'),
  ),
  changedOnTheWay('an old request', (signed, { clock }) => {
    clock.now += 61
    return signed
  }),
  {
    id: 'P18',
    claim: 'the same request again, at another instance',
    when: async (stage) => {
      const signed = await signedRequest(stage)
      expect((await stage.fetch(signed.clone())).status).toBe(202)
      return () => stage.fetch(signed)
    },
    expected: refused('invalid_signature'),
  },
  changedOnTheWay('a second key under the same label', (signed) =>
    withField(signed, 'signature-key', (own) => `${own}, ${own}`),
  ),
  changedOnTheWay('a key for another label, added on the way', (signed) =>
    withField(signed, 'signature-key', (own) => `${own}, evil=jwt;jwt="a.b.c"`),
  ),
  unasked(
    changedOnTheWay(
      'a key in the key set of a server',
      (signed) =>
        withField(
          signed,
          'signature-key',
          () => 'sig=jwks_uri;id="https://evil.example";dwk="aauth-agent.json";kid="k"',
        ),
      refused('unsupported_scheme'),
    ),
    'https://evil.example',
  ),
  changedOnTheWay(
    'a key that is not in a token',
    (signed) => withField(signed, 'signature-key', () => 'sig=hwk;kty="OKP";crv="Ed25519";x="AAAA"'),
    refused('unsupported_scheme'),
  ),
]

/** A request for an auth token whose resource token is changed. */
function changedResourceToken(
  claim: string,
  claims: object | ((stage: PersonStage) => Promise<object> | object),
  error = 'invalid_resource_token',
  audit: readonly string[] = [],
): PersonAttack {
  return {
    id: 'P19',
    claim,
    when: async (stage) => {
      const person = await obtainPerson(stage)
      const changed: object = typeof claims === 'function' ? await claims(stage) : claims
      return () => askAuth(stage, person, { claims: changed as never })
    },
    expected: { status: 400, error, audit },
  }
}

export const resourceTokenAttacks: readonly PersonAttack[] = [
  changedResourceToken('for another key', { agent_jkt: 'A'.repeat(43) }),
  changedResourceToken('for another server', { aud: 'https://other.example', ps: 'https://other.example' }),
  changedResourceToken('of another person server', { ps: 'https://other.example' }),
  changedResourceToken('for two servers', { aud: ['https://auth.example', 'https://other.example'] }),
  changedResourceToken('for another presented token', { presented_jti: 'other' }),
  changedResourceToken('for another user', { sub: 'other' }),
  changedResourceToken('with a tenant that the presented token lacks', { tenant: 'x' }),
  changedResourceToken('with a mission that the presented token lacks', { mission_s256: 'x' }),
  changedResourceToken('that names the agent', { agent: 'aauth:bot@agent.example' }),
  changedResourceToken('without a scope', { scope: undefined }),
  changedResourceToken('from the future', ({ clock }) => ({ iat: clock.now + 200 }), 'clock_skew'),
  changedResourceToken(
    'that has expired',
    ({ clock }) => ({ iat: clock.now - 300, exp: clock.now }),
    'expired_resource_token',
  ),
  changedResourceToken('signed by another key', async () => ({ signer: await newSigner() }), 'invalid_resource_token', [
    'agent.refused',
  ]),
  changedResourceToken(
    'signed by another resource',
    ({ otherResource }) => ({ signer: otherResource.signer }),
    'invalid_resource_token',
    ['agent.refused'],
  ),
  {
    id: 'P19',
    claim: 'of January 2026',
    when: async (stage) => {
      const presented_token = await obtainPerson(stage)
      const resource_token = await januaryResourceToken(stage)
      return () => post(stage, '/person/authorize', { resource_token, presented_token, ...interaction })
    },
    expected: refused('invalid_resource_token', 400),
  },
]

/** A request for an auth token with another presented token. */
function presenting(
  claim: string,
  present: (stage: PersonStage, person: string) => Promise<Parameters<typeof askAuth>[2] & { presented?: string }>,
  error = 'invalid_presented_token',
): PersonAttack {
  return {
    id: 'P20',
    claim,
    when: async (stage) => {
      const person = await obtainPerson(stage)
      const { presented = person, ...options } = await present(stage, person)
      return () => askAuth(stage, presented, options)
    },
    expected: { status: 400, error },
  }
}

export const presentedTokenAttacks: readonly PersonAttack[] = [
  presenting('an agent token', async (stage) => ({ presented_token: await agentToken(stage) })),
  presenting('a resource token', async (stage, person) => ({ presented_token: await resourceToken(stage, person) })),
  presenting('a person token that another server signed', async ({ clock }, person) => ({
    presented: await issueToken(draft11Tokens.person, decodeToken(person)?.payload as never, {
      signer: await newSigner(),
      now: () => clock.now,
    }),
  })),
  presenting('another agent’s person token', async () => ({ by: { sub: 'aauth:other@agent.example' } })),
  presenting('a person token for another key', async () => {
    const signer = await newSigner()
    const cnf = { jwk: publishedJwk(signer.jwk, draft11Jose) }
    return { by: { signer, cnf }, claims: { agent_jkt: signer.thumbprint } }
  }),
  presenting('a person token for another resource', async (stage) => {
    const page = pendingIn(await askPerson(stage, { resource: stage.otherResource.id }))
    await decide(stage, page.page)
    const { person_token: presented } = await (await poll(stage, page.location)).json()
    return { presented }
  }),
  presenting(
    'an expired person token',
    async ({ clock }) => {
      clock.now += 3600
      return {}
    },
    'expired_presented_token',
  ),
  presenting(
    'the person token of an access that its user removed',
    async ({ storage }) => {
      const [grant] = await storage.listGrants()
      await storage.revokeGrant({ grantId: grant?.id ?? '', by: 'test' })
      return {}
    },
    'revoked_presented_token',
  ),
  {
    id: 'P20',
    claim: 'another person token of the same user and agent than the resource saw',
    when: async (stage) => {
      const person = await obtainPerson(stage)
      const { person_token: presented_token } = await (await askPerson(stage)).json()
      const resource_token = await resourceToken(stage, person)
      return () => post(stage, '/person/authorize', { resource_token, presented_token, ...interaction })
    },
    expected: {
      status: 400,
      error: 'invalid_resource_token',
      also: ({ reported }) => {
        expect(reported).toEqual([
          expect.objectContaining({ message: expect.stringContaining('does not belong to the presented token') }),
        ])
      },
    },
  },
]

/** Each edition's tokens and requests, at the endpoints of the other. */
export const editionAttacks: readonly PersonAttack[] = [
  {
    id: 'P21',
    claim: 'a request that is signed as in January 2026',
    when: async (stage) => {
      const form = new URLSearchParams({ resource: stage.resource.id })
      const signed = await signForm(stage, { by: identityOf(stage.agent), form, path: '/person/token' })
      return () => stage.fetch(signed)
    },
    expected: refused('invalid_signature'),
  },
  {
    id: 'P21',
    claim: 'January’s agent token',
    when: async (stage) => {
      const jwt = await issueToken(january.tokens.agent, claimsOfAgent(stage), { signer: stage.agent.signer })
      return () => askPerson(stage, {}, { jwt })
    },
    expected: refused('invalid_jwt'),
  },
  {
    id: 'P21',
    claim: 'an agent token of draft -11 in January’s signature',
    when: async (stage) => {
      const signatureKey = { scheme: 'jwt', jwt: await agentToken(stage) } as const
      const by = { ...identityOf(stage.agent), signatureKey }
      const signed = await signForm(stage, { by, form: new URLSearchParams({ request_type: 'auth', scope: 'openid' }) })
      return () => stage.fetch(signed)
    },
    expected: refused('invalid_agent_token'),
  },
  {
    id: 'P21',
    claim: 'a request of draft -11 at January’s endpoint',
    when: async (stage) => () => post(stage, '/agent/token', { resource: stage.resource.id }),
    expected: refused('invalid_signature'),
  },
]
