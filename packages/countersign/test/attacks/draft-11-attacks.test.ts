import { createRevokedTokens, draft11ResourceWith } from 'countersign/editions/draft-11'
import { createNodeListener } from 'countersign/node'
import { createMemoryNonces, type Resource, type VerifyRequestOptions } from 'countersign/resource'
import { describe, expect, it } from 'vitest'
import {
  openStage,
  otherServer,
  requestOf,
  requestWith,
  revocation,
  revokes,
  said,
  serverKey,
  signers,
  type TokenKind,
  tokenOf,
} from '../editions/draft-11/resource-stage.js'
import { boundTo, craftToken, ids, newSigner, now, type WireMessage, withField } from '../editions/draft-11/wire.js'
import { receivedMessage } from '../received-message.js'
import { listen } from '../resource/events-resource.js'

const needs = {
  '/agent': { require: 'identity' },
  '/user': { require: 'user' },
  '/data': { require: 'authorization', scope: 'data.read' },
  '/work': { require: 'authorization', scope: 'data.read' },
} as const satisfies Record<string, VerifyRequestOptions<'identity' | 'user' | 'authorization'>>

/** The account that `/work` concerns. */
const edition = draft11ResourceWith({
  accounts: { has: (account) => account === 'work', of: ({ path }) => (path === '/work' ? 'work' : undefined) },
})

/** Two instances of one API that share their stores, and what they fetched. */
function openInstances() {
  const shared = {
    edition,
    claimNonce: createMemoryNonces({ now: () => now }),
    revokedTokens: createRevokedTokens(() => now),
  }
  const stages = [openStage(shared), openStage(shared)] as const
  return { resources: stages.map(({ resource }) => resource), fetched: () => stages.flatMap(({ fetched }) => fetched) }
}

type Send = (message: WireMessage, instance: 0 | 1) => Promise<Response>

async function answer(
  resource: Resource,
  pathname: string,
  verify: () => Promise<unknown>,
  other: () => Promise<Response>,
) {
  if (!Object.hasOwn(needs, pathname)) return other()
  return verify().then(
    () => new Response('served'),
    (error: unknown) => resource.toResponse(error),
  )
}

const runners: Record<string, (resources: readonly Resource[]) => Promise<Send>> = {
  async 'the library'(resources) {
    return (message, instance) => {
      const resource = resources[instance] as Resource
      const request = requestOf(message)
      const { pathname } = new URL(request.url)
      return answer(
        resource,
        pathname,
        () => resource.verify(receivedMessage(message), needs[pathname as keyof typeof needs]),
        () => resource.handler(request, receivedMessage(message)),
      )
    }
  },
  async HTTP(resources) {
    const ports = await Promise.all(
      resources.map((resource) =>
        listen(
          createNodeListener(
            (request, received) => {
              const { pathname } = new URL(request.url)
              const need = needs[pathname as keyof typeof needs]
              return answer(
                resource,
                pathname,
                () => resource.verify(received ?? request, need),
                () => resource.handler(request, received),
              )
            },
            { origin: ids.resource },
          ),
        ),
      ),
    )
    return async ({ method, target, headers, body }, instance) => {
      const fields = headers.filter(([name]) => name !== 'host')
      return fetch(`http://127.0.0.1:${ports[instance]}${target}`, {
        method,
        headers: fields,
        body: body === '' ? null : body,
      })
    }
  },
}

interface Attack {
  claim: string
  /** The valid request. @default with an auth token, for `/data` */
  valid?: () => Promise<WireMessage>
  /** The attack that is made from it. */
  change: (valid: WireMessage) => WireMessage | Promise<WireMessage>
  status?: number
  /** The `error` of `Signature-Error`. @default none */
  problem?: string
  /** @default a person token for `/data` and `/user` */
  requirement?: string | null
  /** An origin from which nothing may be fetched. */
  unasked?: string
}

const stranger = await newSigner('stranger')
const post = { method: 'POST', body: '{"amount":1}', also: ['content-type', 'content-digest'] }

const withAuth =
  (claims: Record<string, unknown> = {}) =>
  async () =>
    requestWith(await tokenOf('auth', claims), { target: '/data' })
const posted = async () => requestWith(await tokenOf('auth'), { target: '/data', ...post })
const queried = async () => requestWith(await tokenOf('auth'), { target: '/data?to=ann', also: ['@query'] })

const withAccount = async () => requestWith(await tokenOf('auth', { account: 'work' }), { target: '/work' })
const asked = async (body: object) =>
  requestWith(await tokenOf('person'), { ...post, target: '/aauth/authorize', body: JSON.stringify(body) })

/** The same request with another token. */
const instead =
  (kind: TokenKind, claims: Record<string, unknown> = {}, signer = signers.agent) =>
  async () =>
    requestWith(await tokenOf(kind, claims), { target: '/data', signer })

const forged = async (typ: string, claims: object = {}) => {
  const common = {
    iss: ids.personServer,
    dwk: 'aauth-person.json',
    ps: ids.personServer,
    sub: 'p1',
    aud: ids.resource,
    scope: 'data.read',
  }
  const jwt = await craftToken(typ, signers.personServer, {
    ...common,
    jti: 'j',
    iat: now,
    exp: now + 300,
    cnf: boundTo(signers.agent),
    ...claims,
  })
  return requestWith(jwt, { target: '/data' })
}

const keyOf = (members: object) => ({ cnf: { jwk: { ...signers.agent.jwk, ...members } } })

const rows: Record<string, Attack[]> = {
  P01: [
    {
      claim: 'a person token where an auth token is needed',
      change: instead('person'),
      requirement: 'auth-token;resource-token="…"',
    },
    {
      claim: 'a person token with the scope of an auth token',
      change: instead('person', { scope: 'data.read' }),
      problem: 'invalid_jwt',
    },
    { claim: 'an agent token where an auth token is needed', change: instead('agent'), requirement: 'person-token' },
    ...['auth+jwt', 'JWT', 'at+jwt', 'aa-resource+jwt', 'AA-AUTH+JWT', 'application/aa-auth+jwt'].map((typ) => ({
      claim: `the claims of an auth token as ${typ}`,
      change: () => forged(typ),
      problem: 'invalid_jwt',
    })),
  ],
  P02: [
    {
      claim: 'a stolen token, signed with another key',
      change: instead('auth', {}, stranger),
      problem: 'invalid_signature',
    },
    {
      claim: 'a token for another key',
      change: instead('auth', { cnf: boundTo(stranger) }),
      problem: 'invalid_signature',
    },
    {
      claim: 'a token for a key it only names by thumbprint',
      change: instead('auth', { cnf: { jkt: signers.agent.thumbprint } }),
      problem: 'invalid_jwt',
    },
    {
      claim: 'a token for two keys',
      change: instead('auth', { cnf: { ...boundTo(signers.agent), jkt: stranger.thumbprint } }),
      problem: 'invalid_jwt',
    },
  ],
  P03: [
    ...[
      'https://other.example',
      `${ids.resource}/`,
      `${ids.resource}.evil.example`,
      ids.resource.toUpperCase(),
      ids.personServer,
    ].map((aud) => ({
      claim: `a token for ${aud}`,
      change: instead('auth', { aud }),
      problem: 'invalid_jwt',
    })),
    {
      claim: 'a token for two resources',
      change: instead('auth', { aud: [ids.resource, 'https://other.example'] }),
      problem: 'invalid_jwt',
    },
    { claim: 'a token for no one', change: instead('auth', { aud: undefined }), problem: 'invalid_jwt' },
  ],
  P04: ['aauth-agent.json', 'aauth-resource.json', 'aauth-access.json', '../aauth-person.json', 'aauth-issuer'].map(
    (dwk) => ({
      claim: `an auth token that names the document ${dwk}`,
      change: instead('auth', { dwk }),
      problem: 'invalid_jwt',
    }),
  ),
  P05: [
    { claim: 'with an agent token', change: instead('agent'), requirement: 'person-token' },
    { claim: 'with an expired person token', change: instead('person', { exp: now }), problem: 'expired_jwt' },
    {
      claim: 'with a person token for another key',
      change: instead('person', {}, stranger),
      problem: 'invalid_signature',
    },
    {
      claim: 'with a person token that only names another resource',
      change: instead('person', { aud: 'https://other.example' }),
      problem: 'invalid_jwt',
    },
    {
      claim: 'without a signature',
      change: (valid) => ({ ...valid, headers: valid.headers.slice(0, 1) }),
      problem: 'invalid_signature',
    },
  ],
  P06: [
    {
      claim: 'another body',
      valid: posted,
      change: (valid) => ({ ...valid, body: '{"amount":9}' }),
      problem: 'invalid_signature',
    },
    {
      claim: 'another body and its digest',
      valid: posted,
      change: async (valid) => ({
        ...valid,
        ...(await requestWith(await tokenOf('auth'), {
          target: '/data',
          ...post,
          body: '{"amount":9}',
          components: ['@method', '@authority', '@path', 'signature-key'],
        })),
      }),
      problem: 'invalid_input',
    },
    {
      claim: 'another media type',
      valid: posted,
      change: (valid) => withField(valid, 'content-type', () => 'text/plain'),
      problem: 'invalid_signature',
    },
    {
      claim: 'a body where there was none',
      change: (valid) => ({
        ...valid,
        method: 'POST',
        body: '{}',
        headers: [...valid.headers, ['content-type', 'application/json']],
      }),
      problem: 'invalid_input',
    },
  ],
  P07: [
    {
      claim: 'another query',
      valid: queried,
      change: (valid) => ({ ...valid, target: '/data?to=eve' }),
      problem: 'invalid_signature',
    },
    {
      claim: 'another parameter',
      valid: queried,
      change: (valid) => ({ ...valid, target: '/data?to=ann&to=eve' }),
      problem: 'invalid_signature',
    },
    {
      claim: 'no query',
      valid: queried,
      change: (valid) => ({ ...valid, target: '/data' }),
      problem: 'invalid_signature',
    },
    {
      claim: 'a query where there was none',
      change: (valid) => ({ ...valid, target: '/data?to=eve' }),
      problem: 'invalid_input',
    },
  ],
  P08: [
    {
      claim: 'a key for another label, added on the way',
      change: (valid) => withField(valid, 'signature-key', (own) => `${own}, evil=jwt;jwt="a.b.c"`),
      problem: 'invalid_signature',
    },
    {
      claim: 'a second key under the same label',
      change: (valid) => withField(valid, 'signature-key', (own) => `${own}, ${own}`),
      problem: 'invalid_signature',
    },
    {
      claim: 'a first signature whose key is in the key set of a server',
      change: (valid) => firstOf(valid, 'jwks_uri;id="https://evil.example";dwk="aauth-agent.json";kid="k"'),
      problem: 'invalid_signature',
      unasked: 'https://evil.example',
    },
    {
      claim: 'nine keys',
      change: (valid) =>
        withField(
          valid,
          'signature-key',
          (own) => `${own}${[1, 2, 3, 4, 5, 6, 7, 8].map((at) => `, k${at}=hwk`).join('')}`,
        ),
      problem: 'invalid_signature',
    },
  ],
  P09: [
    { claim: 'a key without alg', change: instead('auth', keyOf({})), problem: 'unsupported_algorithm' },
    { claim: 'a key with EdDSA', change: instead('auth', keyOf({ alg: 'EdDSA' })), problem: 'unsupported_algorithm' },
    { claim: 'a key with none', change: instead('auth', keyOf({ alg: 'none' })), problem: 'unsupported_algorithm' },
    {
      claim: 'a symmetric key',
      change: instead('auth', { cnf: { jwk: { kty: 'oct', k: 'AA', alg: 'HS256' } } }),
      problem: 'invalid_key',
    },
    {
      claim: 'a key of another type than its alg',
      change: instead('auth', keyOf({ alg: 'ES256' })),
      problem: 'invalid_key',
    },
    { claim: 'a private key', change: instead('auth', keyOf({ alg: 'Ed25519', d: 'AA' })), problem: 'invalid_key' },
  ],
  P10: [
    {
      claim: 'a person server that is not accepted',
      change: instead('auth', { iss: otherServer, ps: otherServer }),
      status: 403,
      requirement: null,
      unasked: otherServer,
    },
    ...[
      'https://169.254.169.254',
      'https://ps.example:8443',
      'https://ps.example/a',
      'http://localhost:9',
      'https://ps.example@evil.example',
      'file:///etc/passwd',
    ].map((iss) => ({
      claim: `a person server named ${iss}`,
      change: instead('auth', { iss, ps: iss }),
      problem: 'invalid_jwt',
      unasked: iss,
    })),
    {
      claim: 'an agent provider at an address',
      valid: async () => requestWith(await tokenOf('agent'), { target: '/agent' }),
      change: async () =>
        requestWith(await tokenOf('agent', { iss: 'https://10.0.0.1', sub: 'aauth:a@10.0.0.1' }), { target: '/agent' }),
      problem: 'invalid_jwt',
      requirement: 'agent-token',
      unasked: 'https://10.0.0.1',
    },
    {
      claim: 'an agent at another host than its provider',
      valid: async () => requestWith(await tokenOf('agent'), { target: '/agent' }),
      change: async () => requestWith(await tokenOf('agent', { sub: 'aauth:a@bank.example' }), { target: '/agent' }),
      problem: 'invalid_jwt',
      requirement: 'agent-token',
    },
  ],
  P11: [
    {
      claim: 'a revocation by an agent',
      valid: () => revocation(revokes('j0')),
      change: async () =>
        revocation(revokes('j1'), { signer: signers.agent, key: { scheme: 'jwt', jwt: await tokenOf('auth') } }),
      problem: 'unsupported_scheme',
      requirement: null,
    },
    {
      claim: 'a revocation by a server that is not accepted',
      valid: () => revocation(revokes('j0')),
      change: () =>
        revocation(revokes('j1'), {
          signer: signers.otherServer,
          key: { ...serverKey, id: otherServer, kid: 'other-1' },
        }),
      status: 403,
      requirement: null,
      unasked: otherServer,
    },
    {
      claim: 'a revocation by another key',
      valid: () => revocation(revokes('j0')),
      change: () => revocation(revokes('j1'), { signer: stranger }),
      problem: 'invalid_signature',
      requirement: null,
    },
    {
      claim: 'a revocation of another token than was signed',
      valid: () => revocation(revokes('j0')),
      change: (valid) => ({ ...valid, body: valid.body.replace('j0', 'j1') }),
      problem: 'invalid_signature',
      requirement: null,
    },
    {
      claim: 'a revocation whose body is not signed',
      valid: () => revocation(revokes('j0')),
      change: () => revocation(revokes('j1'), { also: [] }),
      problem: 'invalid_input',
      requirement: null,
    },
  ],
  P12: [
    {
      claim: 'the same request again, at another instance',
      valid: async () => requestWith(await tokenOf('auth'), { target: '/data', parameters: ';nonce="once"' }),
      change: (valid) => valid,
      problem: 'invalid_signature',
    },
    {
      claim: 'a revoked token at another instance',
      valid: () => revocation(revokes('gone')),
      change: instead('auth', { jti: 'gone' }),
      problem: 'revoked_jwt',
    },
    {
      claim: 'a revoked person token at another instance',
      valid: () => revocation(revokes('gone')),
      change: instead('person', { jti: 'gone' }),
      problem: 'revoked_jwt',
    },
  ],
  P13: [
    {
      claim: 'January’s form with the token',
      change: (valid) =>
        withField(valid, 'signature-key', (own) => own.replace(/^sig=jwt;jwt=("[^"]+")$/, 'sig=(scheme=jwt jwt=$1)')),
      problem: 'invalid_signature',
    },
    {
      claim: 'both forms',
      change: (valid) => withField(valid, 'signature-key', (own) => `${own}, sig1=(scheme=jwt jwt="a.b.c")`),
      problem: 'invalid_signature',
    },
    {
      claim: 'January’s form first',
      change: (valid) => withField(valid, 'signature-key', (own) => `sig1=(scheme=jwt jwt="a.b.c"), ${own}`),
      problem: 'invalid_signature',
    },
    {
      claim: 'a bare key, as in January',
      change: (valid) =>
        withField(
          valid,
          'signature-key',
          () => `sig=hwk;kty="OKP";crv="Ed25519";x="${signers.agent.jwk.x}";alg="Ed25519"`,
        ),
      problem: 'unsupported_scheme',
    },
  ],
  P14: [
    { claim: 'an expired token', change: instead('auth', { exp: now }), problem: 'expired_jwt' },
    { claim: 'a token from the future', change: instead('auth', { iat: now + 61 }), problem: 'clock_skew' },
    { claim: 'a token for two hours', change: instead('auth', { exp: now + 7200 }), problem: 'invalid_jwt' },
    {
      claim: 'an old signature',
      change: async () => requestWith(await tokenOf('auth'), { target: '/data', created: now - 61 }),
      problem: 'invalid_signature',
    },
    {
      claim: 'a signature from the future',
      change: async () => requestWith(await tokenOf('auth'), { target: '/data', created: now + 61 }),
      problem: 'clock_skew',
    },
  ],
  P37: [
    ...['another', '', 'provider-1', stranger.thumbprint].map((keyid) => ({
      claim: `a keyid that is not the key's: ${keyid}`,
      change: async () =>
        requestWith(await tokenOf('auth'), { target: '/data', parameters: `;keyid="${keyid}";nonce="n"` }),
      problem: 'invalid_signature',
    })),
    {
      claim: 'the keyid of another key of the server',
      valid: () => revocation(revokes('j0'), { parameters: ';keyid="ps-1"' }),
      change: () => revocation(revokes('j1'), { parameters: ';keyid="ps-2"' }),
      problem: 'invalid_signature',
      requirement: null,
    },
  ],
  P38: [
    ...[{ account: 'home' }, { account: 'work ' }, { account: 'WORK' }, {}].map((claims) => ({
      claim: `an auth token for the account ${claims.account ?? '(none)'} at another one`,
      valid: withAccount,
      change: async () => requestWith(await tokenOf('auth', claims), { target: '/work' }),
      requirement: 'auth-token;resource-token="…"',
    })),
    {
      claim: 'an auth token for an account where none is concerned',
      valid: withAccount,
      change: instead('auth', { account: 'work' }),
      requirement: 'auth-token;resource-token="…"',
    },
    {
      claim: 'a person token with an account',
      valid: withAccount,
      change: async () => requestWith(await tokenOf('person', { account: 'work' }), { target: '/work' }),
      problem: 'invalid_jwt',
    },
    {
      claim: 'a resource token for an account that the user does not have',
      valid: () => asked({ scope: 'data.read', account: 'work' }),
      change: () => asked({ scope: 'data.read', account: 'home' }),
      status: 400,
      requirement: null,
    },
  ],
}

/** The request with another signature before its own signature. */
function firstOf(valid: WireMessage, key: string): WireMessage {
  const withKey = withField(valid, 'signature-key', (own) => `evil=${key}, ${own}`)
  const withInput = withField(withKey, 'signature-input', (own) => `evil=("@method");created=${now}, ${own}`)
  return withField(withInput, 'signature', (own) => `evil=:AAAA:, ${own}`)
}

const cases = Object.entries(rows).flatMap(([id, attacks]) =>
  attacks.map((attack) => [id, attack.claim, attack] as const),
)

describe.each(Object.keys(runners))('draft -11, against two instances through %s', (runner) => {
  it.each(cases)(
    '%s: %s',
    async (_id, _claim, {
      valid = withAuth(),
      change,
      status = 401,
      problem,
      requirement = 'person-token',
      unasked,
    }) => {
      const { resources, fetched } = openInstances()
      const send = (await runners[runner]?.(resources)) as Send
      const message = await valid()
      expect((await send(message, 0)).status, 'the valid request').toBe(200)
      const before = fetched().length
      const refused = await send(await change(message), 1)
      expect(said(refused)).toEqual({
        status,
        requirement: requirement === null ? undefined : `requirement=${requirement}`,
        problem: problem === undefined ? undefined : (expect.stringMatching(`^error=${problem}(,|$)`) as unknown),
      })
      if (unasked !== undefined)
        expect(
          fetched()
            .slice(before)
            .filter((url) => url.startsWith(unasked)),
        ).toEqual([])
    },
  )
})
