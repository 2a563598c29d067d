import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { expect } from 'vitest'
import {
  allowed,
  allowedCode,
  authorizeUrl,
  clientDocument,
  clientId,
  codeForm,
  decide,
  issuer,
  json,
  type OAuthStage,
  openConsent,
  post,
  redeem,
  redirectUri,
  refreshForm,
  resource,
} from '../../editions/oauth/oauth-stage.js'
import { words } from '../../pages/reading.js'
import { createScriptedUser, signInToAccount } from '../../scripted-user.js'
import type { Attack, Outcome } from '../attack.js'
import { craftToken } from '../crafted-token.js'
import { people } from '../stage.js'
import { otherClient } from './code-attacks.js'

type OAuthAttack = Attack<OAuthStage>
type Changes = Record<string, string | undefined>

/** The page that says what is wrong, from which nothing leads to a client. */
const pageOnly = (page: string, status = 400): Outcome<OAuthStage> => ({
  status,
  page,
  also: (_stage, body, response) => {
    expect(response.headers.get('location')).toBeNull()
    expect(body).not.toMatch(/href="(?!\/)|action="(?!\/)/)
  },
})

/** Opens an authorization request with one change, as a signed-in user, for documents with one change. */
function asked(
  id: string,
  claim: string,
  changes: Changes,
  { expected, prepare }: { expected: Outcome<OAuthStage>; prepare?: (stage: OAuthStage) => unknown },
): OAuthAttack {
  return {
    id,
    claim,
    when: async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await signInToAccount(user, issuer, people.alice)
      await prepare?.(stage)
      return () => user.open(authorizeUrl(changes))
    },
    expected,
  }
}

/** A document that cannot be used. Once it is right, the request works, because nothing about it was cached. */
function badDocument(claim: string, respond: () => Response | Promise<Response>): OAuthAttack {
  const attack = asked(
    'B07',
    `a client’s document with ${claim}`,
    {},
    {
      expected: pageOnly('client_unknown'),
      prepare: ({ documents }) => documents.set(clientId, respond as () => Response),
    },
  )
  return {
    ...attack,
    expected: {
      ...attack.expected,
      also: async (stage, ...answer) => {
        await attack.expected.also?.(stage, ...answer)
        stage.documents.set(clientId, () => json(clientDocument))
        expect((await decide(stage)).searchParams.get('code')).not.toBeNull()
      },
    },
  }
}

/** Addresses that no client, resource or key set may have. Nothing is fetched, and the page is the same for all of them. */
const forbiddenHosts = [
  '127.0.0.1',
  '10.0.0.1',
  '169.254.169.254',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:169.254.169.254]',
  '2130706433',
  '0x7f000001',
  'localhost',
  'metadata',
]

const expectNothingFetched = ({ fetched }: OAuthStage) => expect(fetched).toEqual([])

/** Publishes a client that must sign assertions with the key of `signer`. */
function publishKey({ documents, clock }: OAuthStage, signer: Signer, changes: object = {}): void {
  clock.now += 301
  const jwks = { keys: [{ ...signer.jwk, kid: signer.kid }] }
  documents.set(clientId, () =>
    json({ ...clientDocument, token_endpoint_auth_method: 'private_key_jwt', jwks, ...changes }),
  )
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

async function assertionForm(
  { clock }: OAuthStage,
  signer: Signer,
  { header = {}, ...claims }: { header?: object } & Record<string, unknown> = {},
): Promise<Record<string, string>> {
  const whole = {
    iss: clientId,
    sub: clientId,
    aud: issuer,
    exp: clock.now + 60,
    jti: crypto.randomUUID(),
    ...claims,
  }
  const assertion = await craftToken({ alg: 'ES256', kid: signer.kid, ...header }, whole, signer)
  return { client_assertion_type: assertionType, client_assertion: assertion }
}

/** Redeems a code of a client that signs assertions, with one change to the assertion. If it is refused, the code still works. */
function asserted(
  claim: string,
  change: (stage: OAuthStage, signer: Signer) => Promise<Record<string, string>>,
  expected: Outcome<OAuthStage> = { status: 401, error: 'invalid_client' },
): OAuthAttack {
  let code = ''
  let signer: Signer
  return {
    id: 'B18',
    claim,
    when: async (stage) => {
      signer = await createSigner(await generatePrivateJwk({ kid: 'c1', algorithm: 'ecdsa-p256-sha256' }))
      publishKey(stage, signer)
      code = await allowedCode(stage)
      const changed = await change(stage, signer)
      return () => post(stage, '/oauth/token', { ...codeForm(code), ...changed })
    },
    expected: {
      ...expected,
      also: async (stage) => {
        if (expected.status === 200) return
        expect((await redeem(stage, code, await assertionForm(stage, signer))).status).toBe(200)
      },
    },
  }
}

const other = async () => createSigner(await generatePrivateJwk({ kid: 'c1', algorithm: 'ecdsa-p256-sha256' }))

const redirects: readonly [claim: string, uri: string | undefined][] = [
  ['none', undefined],
  ['a prefix of a listed one', 'https://client.example/call'],
  ['a listed one with something appended', 'https://client.example/callback/evil'],
  ['a listed one in capitals', 'https://client.example/Callback'],
  ['a listed host in capitals', 'https://Client.example/callback'],
  ['a listed one over http', 'http://client.example/callback'],
  ['a listed one with a port', 'https://client.example:8443/callback'],
  ['another path', 'https://client.example/other'],
  ['another host', 'https://evil.example/callback'],
  ['localhost.evil', 'http://localhost.evil.example/callback'],
  ['127.0.0.1@evil', 'http://127.0.0.1@evil.example/callback'],
  ['127.0.0.1.evil', 'http://127.0.0.1.evil.example/callback'],
  ['another loopback host', 'http://localhost:53123/callback'],
  ['another path at loopback', 'http://127.0.0.1:53123/other'],
  ['a query at loopback', 'http://127.0.0.1:53123/callback?x=1'],
  ['an own code', 'http://127.0.0.1:53123/callback?code=x'],
  ['a fragment', 'https://client.example/callback#x'],
  ['a dot segment', 'https://client.example/x/../callback'],
  ['a script', 'javascript:alert(1)'],
  ['a private scheme', 'cursor://callback'],
  ['a line break', 'https://client.example/callback\r\nx: y'],
]

const brokenRequests: readonly [claim: string, changes: Changes][] = [
  ['no response_type', { response_type: undefined }],
  ['another response_type', { response_type: 'token' }],
  ['no challenge', { code_challenge: undefined }],
  ['a request object', { request: 'eyJhbGciOiJub25lIn0.e30.' }],
  ['a request_uri', { request_uri: 'https://evil.example/request' }],
  ['an unknown resource', { resource: 'https://evil.example/mcp' }],
  ['prompt=none', { prompt: 'none' }],
]

const contentHost = 'https://pages.example/mallory/client.json'

/** Publishes a client on a host where anyone can publish. */
function publishElsewhere({ documents, origins }: OAuthStage): void {
  documents.set(contentHost, () => json({ ...clientDocument, client_id: contentHost, client_name: 'Claude' }))
  origins?.set(
    'https://pages.example',
    async (request) => documents.get(request.url)?.() ?? new Response(null, { status: 404 }),
  )
}

/** Clients and redirects that pretend to be others, and what they make the server fetch. */
export const clientAttacks: readonly OAuthAttack[] = [
  asked(
    'B',
    'the base case of a request: a consent page',
    {},
    {
      expected: {
        status: 303,
        headers: { location: /^\/oauth\/consent\?/ },
        audit: ['request.created', 'request.bound'],
      },
    },
  ),

  badDocument('another client_id', () => json({ ...clientDocument, client_id: otherClient })),
  badDocument('the status 302', () => new Response(null, { status: 302, headers: { location: clientId } })),
  badDocument('the status 201', () => Response.json(clientDocument, { status: 201 })),
  badDocument('the status 404 and JSON', () => Response.json(clientDocument, { status: 404 })),
  badDocument(
    'the type text/html',
    () => new Response(JSON.stringify(clientDocument), { headers: { 'content-type': 'text/html' } }),
  ),
  badDocument('1 MB', () => json({ ...clientDocument, padding: 'x'.repeat(1_000_000) })),
  badDocument('no JSON', () => new Response('<html>', { headers: { 'content-type': 'application/json' } })),
  badDocument('a secret', () => json({ ...clientDocument, client_secret: 's' })),
  badDocument('an error that may be cached for a day', () =>
    Response.json({ error: 'x' }, { status: 500, headers: { 'cache-control': 'max-age=86400' } }),
  ),
  badDocument('another client_id, which may be cached for a day', () =>
    Response.json({ ...clientDocument, client_id: otherClient }, { headers: { 'cache-control': 'max-age=86400' } }),
  ),

  ...forbiddenHosts.flatMap((host) => [
    asked(
      'B08',
      `a client at ${host}`,
      { client_id: `https://${host}/client.json` },
      {
        expected: { status: 400, page: 'client_unknown', also: expectNothingFetched },
      },
    ),
    asked(
      'B08',
      `a resource at ${host}`,
      { resource: `https://${host}/mcp` },
      {
        expected: {
          status: 400,
          page: 'request_invalid',
          also: (stage) => expect(stage.fetched.filter((url) => url !== clientId)).toEqual([]),
        },
      },
    ),
    asked(
      'B08',
      `a key set at ${host}`,
      {},
      {
        prepare: ({ documents }) =>
          documents.set(clientId, () =>
            json({
              ...clientDocument,
              token_endpoint_auth_method: 'private_key_jwt',
              jwks_uri: `https://${host}/jwks`,
            }),
          ),
        expected: {
          ...pageOnly('client_unknown'),
          also: (stage) => expect(new Set(stage.fetched)).toEqual(new Set([clientId])),
        },
      },
    ),
  ]),
  asked(
    'B08',
    'a logo at an address that is not public: it is not fetched',
    {},
    {
      prepare: ({ documents }) =>
        documents.set(clientId, () => json({ ...clientDocument, logo_uri: 'https://169.254.169.254/logo.png' })),
      expected: {
        status: 303,
        audit: ['request.created', 'request.bound'],
        also: (stage) => expect(stage.fetched.filter((url) => url.includes('169.254'))).toEqual([]),
      },
    },
  ),
  asked(
    'B08',
    'a document of this server',
    { client_id: `${issuer}/.well-known/oauth-authorization-server` },
    {
      expected: { status: 400, page: 'client_unknown', also: expectNothingFetched },
    },
  ),

  {
    id: 'B09',
    claim: 'a client with a known name on a host where anyone can publish: the page shows the host',
    when: async (stage) => {
      publishElsewhere(stage)
      return async () => {
        const { page } = await openConsent(stage, authorizeUrl({ client_id: contentHost }))
        return new Response(page, { headers: { 'content-type': 'text/html' } })
      }
    },
    expected: {
      status: 200,
      page: 'consent-first-time',
      audit: ['session.created', 'request.created', 'request.bound'],
      also: (_stage, body) => {
        expect(words(body)).toContain('Allow pages.example to access notes.example/mcp for you?')
        expect(words(body)).toContain('Nothing proves that this request comes from there.')
      },
    },
  },
  ...[contentHost, 'https://pages.example'].map(
    (blocked): OAuthAttack => ({
      id: 'B09',
      claim: `a client, after the operator has blocked ${blocked}`,
      when: async (stage) => {
        publishElsewhere(stage)
        await stage.storage.setAgentBlocked({ agent: blocked, blocked: true, by: 'operator' })
        const user = createScriptedUser(stage.fetch)
        await signInToAccount(user, issuer, people.alice)
        return () => user.open(authorizeUrl({ client_id: contentHost }))
      },
      expected: { ...pageOnly('policy_forbids', 403), audit: ['agent.refused'] },
    }),
  ),
  {
    id: 'B09',
    claim: 'a client on a host for which the policy denies everything',
    options: { policy: ({ agent }) => (new URL(agent).host === 'pages.example' ? { deny: 'user-content' } : 'ask') },
    when: async (stage) => {
      publishElsewhere(stage)
      const user = createScriptedUser(stage.fetch)
      await signInToAccount(user, issuer, people.alice)
      return () => user.open(authorizeUrl({ client_id: contentHost }))
    },
    expected: { ...pageOnly('policy_forbids', 403), audit: ['agent.refused'] },
  },

  ...redirects.map(([claim, uri]) =>
    asked(
      'B10',
      `the redirect URI: ${claim}`,
      { redirect_uri: uri },
      {
        expected: pageOnly(uri === undefined ? 'bad_form' : 'redirect_mismatch'),
      },
    ),
  ),
  asked(
    'B10',
    'a listed redirect URI that cannot be used',
    { redirect_uri: 'https://client.example/callback?code=x' },
    {
      prepare: ({ documents }) =>
        documents.set(clientId, () =>
          json({ ...clientDocument, redirect_uris: [redirectUri, 'https://client.example/callback?code=x'] }),
        ),
      expected: pageOnly('redirect_mismatch'),
    },
  ),

  ...brokenRequests.map(
    ([claim, changes]): OAuthAttack => ({
      id: 'B11',
      claim: `${claim}, before anyone has signed in`,
      when: async (stage) => () => createScriptedUser(stage.fetch).open(authorizeUrl(changes)),
      expected: {
        status: 303,
        headers: { location: /^\/account\/sign-in\?/ },
        also: expectNothingFetched,
      },
    }),
  ),
  ...brokenRequests
    .filter(([, changes]) => changes.prompt === undefined)
    .map(([claim, changes]) =>
      asked('B11', `${claim}, by a signed-in user`, changes, {
        expected: {
          status: 400,
          page: 'request_invalid',
          also: (_stage, _body, response) => expect(response.headers.get('location')).toBeNull(),
        },
      }),
    ),
  {
    id: 'B11',
    claim: 'a HEAD request, which stores nothing',
    when: async (stage) => {
      const { user } = await openConsent(stage)
      return () => user.send(new Request(authorizeUrl(), { method: 'HEAD' }))
    },
    expected: { status: 405 },
  },

  asserted('the base case of an assertion', assertionForm, { status: 200, audit: ['code.redeemed'] }),
  asserted('an assertion for another server', (stage, signer) =>
    assertionForm(stage, signer, { aud: 'https://other-auth.example' }),
  ),
  asserted('an assertion for the resource', (stage, signer) => assertionForm(stage, signer, { aud: resource })),
  asserted('an assertion for two servers', (stage, signer) =>
    assertionForm(stage, signer, { aud: [issuer, 'https://other-auth.example'] }),
  ),
  asserted('an assertion that has expired', (stage, signer) =>
    assertionForm(stage, signer, { exp: stage.clock.now - 1 }),
  ),
  asserted('an assertion of another client', (stage, signer) =>
    assertionForm(stage, signer, { iss: otherClient, sub: otherClient }),
  ),
  asserted('an assertion signed with another key of that name', async (stage) => assertionForm(stage, await other())),
  asserted('an assertion with its own key in the header', async (stage) => {
    const signer = await other()
    return assertionForm(stage, signer, { header: { jwk: signer.jwk } })
  }),
  asserted('an unsigned assertion', async (stage, signer) => {
    const { client_assertion: signed = '' } = await assertionForm(stage, signer, { header: { alg: 'none' } })
    return { client_assertion_type: assertionType, client_assertion: signed.slice(0, signed.lastIndexOf('.') + 1) }
  }),
  asserted('a client secret instead of an assertion', async () => ({ client_secret: 's' })),
  asserted('no assertion', async () => ({})),
  asserted('an assertion that was used before', async (stage, signer) => {
    const form = await assertionForm(stage, signer)
    await post(stage, '/oauth/token', { ...codeForm(await allowedCode(stage)), ...form })
    return form
  }),
  {
    id: 'B18',
    claim: 'an assertion with a key that the client has removed',
    when: async (stage) => {
      const signer = await other()
      publishKey(stage, signer)
      const { refresh_token } = await redeem(stage, await allowedCode(stage), await assertionForm(stage, signer))
      publishKey(stage, await other())
      const form = await assertionForm(stage, signer)
      return () => post(stage, '/oauth/token', { ...refreshForm(refresh_token), ...form })
    },
    expected: { status: 401, error: 'invalid_client' },
  },
  {
    id: 'B18',
    claim: 'a refresh without an assertion, for a family that began with one, once the client allows both',
    when: async (stage) => {
      const signer = await other()
      publishKey(stage, signer)
      const { refresh_token } = await redeem(stage, await allowedCode(stage), await assertionForm(stage, signer))
      publishKey(stage, signer, {
        token_endpoint_auth_method: undefined,
        token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
      })
      return () => post(stage, '/oauth/token', refreshForm(refresh_token))
    },
    expected: { status: 400, error: 'invalid_grant' },
  },
  {
    id: 'B18',
    claim: 'a refresh without an assertion, once the client requires one',
    when: async (stage) => {
      const { refresh_token } = await allowed(stage)
      publishKey(stage, await other())
      return () => post(stage, '/oauth/token', refreshForm(refresh_token))
    },
    expected: { status: 401, error: 'invalid_client' },
  },

  {
    id: 'B22',
    claim: 'fresh client ids and resources before anyone has signed in: nothing is fetched',
    when: async (stage) => async () => {
      const user = createScriptedUser(stage.fetch)
      let last = new Response()
      for (let each = 0; each < 50; each++)
        last = await user.open(
          authorizeUrl({ client_id: `https://client.example/${each}.json`, resource: `https://notes.example/${each}` }),
        )
      return last
    },
    expected: {
      status: 303,
      headers: { location: /^\/account\/sign-in\?/ },
      also: expectNothingFetched,
    },
  },
  {
    id: 'B22',
    claim: 'fresh client ids of a signed-in user',
    when: async (stage) => {
      const user = createScriptedUser(stage.fetch)
      await signInToAccount(user, issuer, people.alice)
      const open = (each: number) => user.open(authorizeUrl({ client_id: `https://client.example/${each}.json` }))
      for (let each = 0; each < 60; each++) await open(each)
      stage.fetched.length = 0
      return () => open(60)
    },
    expected: {
      ...pageOnly('too_many_requests', 429),
      headers: { 'retry-after': /^[1-9]\d*$/ },
      also: expectNothingFetched,
    },
  },
  ...(
    [
      ['a code', '/oauth/token', { grant_type: 'authorization_code', code: 'aacd_x.y', code_verifier: 'x'.repeat(43) }],
      ['a refresh token', '/oauth/token', { grant_type: 'refresh_token', refresh_token: 'aart_x' }],
      ['no secret', '/oauth/token', { grant_type: 'refresh_token' }],
      ['a revocation', '/oauth/revoke', { token: 'aart_x' }],
    ] as const
  ).map(
    ([claim, path, form]): OAuthAttack => ({
      id: 'B22',
      claim: `${claim} that was not issued to the named client: nothing is fetched`,
      when: async (stage) => () => post(stage, path, { client_id: 'https://victim.example/x', ...form }),
      expected: {
        ...(path === '/oauth/revoke'
          ? { status: 200 }
          : { status: 400, error: claim === 'no secret' ? 'invalid_request' : 'invalid_grant' }),
        also: expectNothingFetched,
      },
    }),
  ),
]
