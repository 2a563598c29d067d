import { randomBytes } from 'node:crypto'
import { createSigner, type ErrorCode, generatePrivateJwk } from 'countersign'
import { decodeToken } from 'countersign/tokens'
import { type AuthServerOptions, fixedKeys, type Storage, StorageError } from 'countersign-server'
import { expect, it } from 'vitest'
import { openMapStage, type StageOptions } from '../../attacks/stage.js'
import { keepRefusals, type ToldRefusal } from '../../told-refusals.js'
import {
  allowed,
  allowedCode,
  clientDocument,
  clientId,
  codeForm,
  decide,
  json,
  type OAuthStage,
  openStage,
  post,
  redeem,
  refresh,
  refreshForm,
  resourceDocument,
  token,
} from './oauth-stage.js'

const metadata = 'https://notes.example/.well-known/oauth-protected-resource/mcp'

const openWith = (options: StageOptions) => openStage({}, (given) => openMapStage({ ...given, ...options }))

/** What stops a refresh, and how the client learns it. Nothing is consumed: the same refresh token works again afterwards. */
interface Outage {
  stage: OAuthStage
  begin: () => void
  end: () => void
}

async function ruleThatDenies(): Promise<Outage> {
  let denies = false
  const stage = await openWith({ policy: () => (denies ? { deny: 'maintenance' } : 'ask') })
  return { stage, begin: () => (denies = true), end: () => (denies = false) }
}

async function policyThatFails(): Promise<Outage> {
  let fails = false
  const policy: AuthServerOptions['policy'] = () => {
    if (fails) throw new Error('the policy service is down')
    return 'ask'
  }
  const stage = await openWith({ policy, onError: () => undefined })
  return { stage, begin: () => (fails = true), end: () => (fails = false) }
}

async function keyThatCannotSign(): Promise<Outage> {
  let fails = false
  const working = await createSigner(await generatePrivateJwk({ kid: 'o1', algorithm: 'ecdsa-p256-sha256' }))
  const signer: typeof working = {
    ...working,
    sign: async (data) => {
      if (fails) throw new Error('the key service is down')
      return working.sign(data)
    },
  }
  const stage = await openStage({ keys: fixedKeys({ signer, secret: randomBytes(32) }) }, (given) =>
    openMapStage({ ...given, onError: () => undefined }),
  )
  return { stage, begin: () => (fails = true), end: () => (fails = false) }
}

async function storageThatFails(verb: 'prepare' | 'commit'): Promise<Outage> {
  let fails = false
  const failing = verb === 'prepare' ? ['prepareRotation', 'prepareRedemption'] : ['rotateRefresh', 'redeemCode']
  const wrap = (storage: Storage) =>
    new Proxy(storage, {
      get: (target, name, receiver) =>
        fails && failing.includes(String(name))
          ? () => Promise.reject(new StorageError('unavailable', 'the database did not respond'))
          : (Reflect.get(target, name, receiver) as unknown),
    })
  const stage = await openWith({ wrap, onError: () => undefined })
  return { stage, begin: () => (fails = true), end: () => (fails = false) }
}

async function resourceThatChanged(respond: () => Response): Promise<Outage> {
  const stage = await openStage()
  const begin = () => {
    stage.clock.now += 301
    stage.documents.set(metadata, respond)
  }
  return { stage, begin, end: () => stage.documents.set(metadata, () => json(resourceDocument)) }
}

const outages: [string, () => Promise<Outage>, number, string][] = [
  ['a rule that denies', ruleThatDenies, 400, 'access_denied'],
  ['a policy that fails', policyThatFails, 503, 'temporarily_unavailable'],
  ['a key that cannot sign', keyThatCannotSign, 503, 'temporarily_unavailable'],
  ['a database that cannot be read', () => storageThatFails('prepare'), 503, 'temporarily_unavailable'],
  ['a database that cannot be written', () => storageThatFails('commit'), 503, 'temporarily_unavailable'],
]

const resources: typeof outages = [
  [
    'a resource that names another server',
    () => resourceThatChanged(() => json({ ...resourceDocument, authorization_servers: ['https://other.example'] })),
    400,
    'invalid_target',
  ],
  [
    'a resource whose document names another resource',
    () => resourceThatChanged(() => json({ ...resourceDocument, resource: 'https://notes.example/other' })),
    400,
    'invalid_target',
  ],
  [
    'a resource that cannot be reached',
    () => resourceThatChanged(() => new Response('', { status: 503 })),
    503,
    'temporarily_unavailable',
  ],
]

it.each([...outages, ...resources])('a refresh during %s costs nothing', async (_, open, status, error) => {
  const { stage, begin, end } = await open()
  const { refresh_token } = await allowed(stage)
  begin()
  const response = await post(stage, '/oauth/token', {
    grant_type: 'refresh_token',
    refresh_token,
    client_id: clientId,
  })
  expect({ status: response.status, error: await response.json() }).toMatchObject({ status, error: { error } })
  expect(Number(response.headers.get('retry-after') ?? 0) > 0).toBe(status === 503)
  end()
  stage.clock.now += 120
  const again = await refresh(stage, refresh_token)
  expect(again.status).toBe(200)
  expect((await refresh(stage, again.refresh_token)).status).toBe(200)
  expect(await stage.storage.listEvents({ event: 'refresh.reused' })).toEqual([])
})

it.each(outages)('%s does not consume a code', async (_, open, status, error) => {
  const { stage, begin, end } = await open()
  const code = (await decide(stage)).searchParams.get('code') ?? ''
  begin()
  expect(await redeem(stage, code)).toMatchObject({ status, error })
  end()
  expect((await redeem(stage, code)).status).toBe(200)
})

it('asks the resource again when its document has expired, and not before', async () => {
  const stage = await openStage()
  const first = await allowed(stage)
  const fetches = () => stage.fetched.filter((url) => url === metadata).length
  expect(fetches()).toBe(1)
  stage.clock.now += 299
  const second = await refresh(stage, first.refresh_token)
  expect(fetches()).toBe(1)
  stage.clock.now += 1
  expect((await refresh(stage, second.refresh_token)).status).toBe(200)
  expect(fetches()).toBe(2)
})

it('limits how often a family is refreshed, without consuming its token', async () => {
  const stage = await openStage()
  let { refresh_token } = await allowed(stage)
  for (let done = 0; done < 60; done++) ({ refresh_token } = await refresh(stage, refresh_token))
  const refused = await post(stage, '/oauth/token', { grant_type: 'refresh_token', refresh_token, client_id: clientId })
  expect(refused.status).toBe(429)
  expect(await refused.json()).toMatchObject({ error: 'temporarily_unavailable' })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  const other = await allowed(stage)
  expect((await refresh(stage, other.refresh_token)).status).toBe(200)
  stage.clock.now += 60
  expect((await refresh(stage, refresh_token)).status).toBe(200)
})

it('notices reuse although the copy’s bearer used up the rate with requests that change nothing', async () => {
  const stage = await openStage()
  const first = await allowed(stage)
  const second = await refresh(stage, first.refresh_token)
  stage.clock.now += 61
  for (let done = 0; done < 60; done++)
    await refresh(stage, second.refresh_token, { resource: 'https://b.example/mcp' })
  expect((await refresh(stage, second.refresh_token)).status).toBe(429)
  expect((await refresh(stage, first.refresh_token)).error).toBe('invalid_grant')
  stage.clock.now += 60
  expect((await refresh(stage, second.refresh_token)).error).toBe('invalid_grant')
})

it('lets operators raise the limit of refreshes', async () => {
  const stage = await openWith({ limits: { rateFactor: 2 } })
  let { refresh_token } = await allowed(stage)
  for (let done = 0; done < 120; done++) ({ refresh_token } = await refresh(stage, refresh_token))
  expect((await refresh(stage, refresh_token)).status).toBe(429)
})

it.each([[['authorization_code', 'refresh_token']], [['authorization_code']]])(
  'a code that is used twice revokes the access token of a client with the grant types %j',
  async (grant_types) => {
    const stage = await openStage()
    stage.documents.set(clientId, () => json({ ...clientDocument, grant_types }))
    const code = (await decide(stage)).searchParams.get('code') ?? ''
    const first = await redeem(stage, code)
    expect(await redeem(stage, code)).toMatchObject({ status: 400, error: 'invalid_grant' })
    const [, family] = String(decodeToken(first.access_token)?.payload.jti).split('.')
    const since = stage.clock.now - 600
    const listed = await stage.storage.listRevocations({ since, perUser: 20, limit: 100, families: true })
    expect(listed.families).toEqual([family])
  },
)

it('tells clients in full why they get no token, and the operator what they do not learn', async () => {
  const told: ToldRefusal[] = []
  const stage = await openWith({ onEvent: keepRefusals(told) })
  const { refresh_token } = await allowed(stage)
  const [ofCode, ofRefresh] = [codeForm(await allowedCode(stage)), refreshForm(refresh_token)]
  const { client_id: _id, ...anonymous } = ofRefresh
  const other = 'https://notes.example/other'
  const verifier = (code_verifier: string) => ({ ...ofCode, code_verifier })
  const missing = (name: string) => `The parameter ${name} is missing or empty.`
  const unreserved = 'code_verifier must be 43 to 128 unreserved characters.'
  const grant = 'Not valid for this request.'
  const malformed = ['request_malformed', 'invalid_request'] as const
  const rows: [Record<string, string>, ErrorCode, string, string, string?][] = [
    [{}, ...malformed, missing('grant_type')],
    [
      { ...ofRefresh, grant_type: 'password' },
      'request_malformed',
      'unsupported_grant_type',
      'grant_type must be one of: authorization_code, refresh_token.',
    ],
    [anonymous, ...malformed, 'The parameter client_id is missing.'],
    [{ ...refreshForm(''), refresh_token: '' }, ...malformed, 'The parameter code or refresh_token is missing.'],
    [{ ...ofRefresh, grant_type: 'authorization_code' }, ...malformed, missing('code')],
    [{ ...ofCode, grant_type: 'refresh_token' }, ...malformed, missing('refresh_token')],
    [verifier(''), ...malformed, missing('code_verifier')],
    [verifier('v'.repeat(42)), ...malformed, unreserved],
    [verifier('v'.repeat(129)), ...malformed, unreserved],
    [verifier('+'.repeat(43)), ...malformed, unreserved],
    [verifier(`${'v'.repeat(43)}+`), ...malformed, unreserved],
    [verifier('-._'.repeat(15).slice(0, 43)), 'code_unknown', 'invalid_grant', grant, 'foreign_key'],
    [verifier('~'.repeat(128)), 'code_unknown', 'invalid_grant', grant, 'foreign_key'],
    [codeForm('x'), 'code_unknown', 'invalid_grant', grant, 'The code was not issued to this client'],
    [
      { ...ofCode, redirect_uri: 'http://127.0.0.1:1/callback' },
      'code_unknown',
      'invalid_grant',
      grant,
      'redirect_mismatch',
    ],
    [
      { ...ofCode, resource: other },
      'request_malformed',
      'invalid_target',
      'The code was issued for another resource.',
    ],
    [refreshForm('x'), 'refresh_token_refused', 'invalid_grant', grant, 'was not issued to this client'],
    [
      { ...ofRefresh, resource: other },
      'request_malformed',
      'invalid_target',
      'The refresh token was issued for another resource.',
    ],
    [
      { ...ofRefresh, scope: 'notes.write' },
      'request_malformed',
      'invalid_scope',
      'The refresh token was issued for none of these scopes. Omit scope.',
    ],
    [
      { ...ofRefresh, client_id: 'nobody' },
      'identity_required',
      'invalid_client',
      'The client_id does not name a usable client.',
    ],
  ]
  for (const [form, code, error, description, reason = ''] of rows) {
    const response = await post(stage, '/oauth/token', form)
    expect(await response.json(), description).toEqual({ error, error_description: description })
    expect(response.status).toBe(code === 'identity_required' ? 401 : 400)
    expect(told.splice(0)).toMatchObject([{ code, reason: expect.stringContaining(reason) }])
  }
  // None of this used anything up.
  expect([(await token(stage, ofCode)).status, (await token(stage, ofRefresh)).status]).toEqual([200, 200])
})
