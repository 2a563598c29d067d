import { serializeRequirement } from 'countersign/editions/draft-11'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import {
  agentSigner,
  boundTo,
  ids,
  openStage,
  others,
  requirement,
  type Seen,
  type Stage,
  trace,
  unauthorized,
} from './agent-stage.js'
import { craftToken, newSigner } from './wire.js'

const data = `${ids.resource}/data`
const other = await newSigner('api-1')

/** A resource that presents its token, changed. */
function challengeWith(stage: Stage, token: (seen: Seen) => Promise<string>): void {
  const { api } = stage
  stage.api = async (seen) => {
    if (seen.typ !== 'aa-person+jwt') return api(seen)
    return unauthorized(
      requirement(serializeRequirement({ requirement: 'auth-token', resourceToken: await token(seen) })),
    )
  }
}

const reSigned = async (jwt: string, typ = 'aa-resource+jwt', signer = other) =>
  craftToken(typ, signer, decodeToken(jwt)?.payload ?? {})

describe('a resource token', () => {
  it.each<[string, object]>([
    ['from another resource', { iss: 'https://other.example' }],
    ['for another person server', { ps: 'https://other.example' }],
    ['with another audience', { aud: 'https://other.example' }],
    ['with two audiences', { aud: [ids.personServer, 'https://other.example'] }],
    ['for another user', { sub: 'someone else' }],
    ['without a user', { sub: undefined }],
    ['for another presented token', { presented_jti: 'another' }],
    ['without a presented token', { presented_jti: undefined }],
    ['for another key', { agent_jkt: other.thumbprint }],
    ['that has expired', { exp: 1_790_000_000 }],
    ['with keys in another document', { dwk: 'aauth-person.json' }],
    ['without a scope', { scope: undefined }],
    ['that names the agent', { agent: 'aauth:agent@agent.example' }],
  ])('%s is rejected before the person server sees it', async (_, claims) => {
    const stage = openStage()
    challengeWith(stage, (seen) => stage.resourceToken(seen, claims))
    await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'resource_token_refused' })
    expect(trace(stage).filter((each) => each.includes('/authorize'))).toEqual([])
  })

  it.each<[string, (jwt: string) => Promise<string>]>([
    ['with another type', (jwt) => reSigned(jwt, 'aa-auth+jwt')],
    ['of January 2026', (jwt) => reSigned(jwt, 'resource+jwt')],
    ['signed by another key', (jwt) => reSigned(jwt)],
    ['that is none', async () => 'none'],
  ])('%s is rejected', async (_, change) => {
    const stage = openStage()
    challengeWith(stage, async (seen) => change(await stage.resourceToken(seen)))
    await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'resource_token_refused' })
    expect(trace(stage).filter((each) => each.includes('/authorize'))).toEqual([])
  })

  it('of a resource without jwks_uri is rejected, although a resource without resource tokens needs none', async () => {
    const stage = openStage()
    stage.resourceDocument = { jwks_uri: undefined }
    await expect(stage.agent.fetch(data)).rejects.toMatchObject({
      code: 'resource_token_refused',
      message: expect.stringContaining('it has no jwks_uri') as string,
    })
    expect(trace(stage).filter((each) => each.includes('/authorize'))).toEqual([])
    stage.api = async ({ typ }) =>
      typ === 'aa-person+jwt' ? new Response('yours') : unauthorized(requirement('requirement=person-token'))
    expect(await (await stage.agent.fetch(data)).text()).toBe('yours')
  })

  it('of another resource is rejected, even though that resource signed it', async () => {
    const stage = openStage()
    challengeWith(stage, (seen) => stage.resourceToken(seen))
    await expect(stage.agent.fetch(`${others.resource}/data`)).rejects.toThrow(
      'its iss is not the resource that was called',
    )
    expect(trace(stage).filter((each) => each.includes('/authorize'))).toEqual([])
  })

  it('may have one audience in an array', async () => {
    const stage = openStage()
    challengeWith(stage, (seen) => stage.resourceToken(seen, { aud: [ids.personServer] }))
    expect((await stage.agent.fetch(data)).status).toBe(200)
  })

  it('without a token that was presented leads nowhere', async () => {
    const stage = openStage()
    stage.api = async (seen) =>
      unauthorized(
        requirement(
          serializeRequirement({ requirement: 'auth-token', resourceToken: await stage.resourceToken(seen) }),
        ),
      )
    expect((await stage.agent.fetch(data)).status).toBe(401)
    expect(stage.seen).toHaveLength(1)
  })

  it('passes its login_hint on, unchanged', async () => {
    const stage = openStage()
    challengeWith(stage, (seen) => stage.resourceToken(seen, { login_hint: 'user@example.com' }))
    expect((await stage.agent.fetch(data)).status).toBe(200)
    const { body } = stage.seen.find(({ url }) => url.endsWith('/authorize')) as Seen
    expect(JSON.parse(body)).toMatchObject({ login_hint: 'user@example.com' })
  })
})

describe('the keys of a party', () => {
  const elsewhere = 'https://keys.example'

  it('must be on its own origin, for a person server', async () => {
    const stage = openStage()
    stage.document = { jwks_uri: `${elsewhere}/ps.json` }
    const failure = (await stage.agent.fetch(data).catch((error: unknown) => error)) as Error
    expect(failure).toMatchObject({ code: 'auth_server_unknown' })
    expect(failure.message).toContain(`endpointOrigins: { '${ids.personServer}': ['${elsewhere}'] }`)
    expect(await stage.agent.tokens()).toEqual([])
  })

  it('may be elsewhere, for a person server, if the program lists that origin', async () => {
    const stage = openStage({ endpointOrigins: { [ids.personServer]: [elsewhere] } })
    stage.document = { jwks_uri: `${elsewhere}/ps.json` }
    expect((await stage.agent.fetch(data)).status).toBe(200)
  })

  it('must be on its own origin, for a resource', async () => {
    const stage = openStage()
    stage.resourceDocument = { jwks_uri: `${elsewhere}/api.json` }
    await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'resource_token_refused' })
    expect(trace(stage).filter((each) => each.includes('/authorize'))).toEqual([])
  })
})

const wrongClaims: [string, object][] = [
  ['from another server', { iss: 'https://other.example' }],
  ['for another resource', { aud: 'https://other.example' }],
  ['for two resources', { aud: [ids.resource, 'https://other.example'] }],
  ['for another key', { cnf: boundTo(other) }],
  ['for a key without its algorithm', { cnf: { jwk: agentSigner.jwk } }],
  ['that has expired', { exp: 1_790_000_000 }],
  ['with keys in another document', { dwk: 'aauth-access.json' }],
  ['for longer than an hour', { exp: 1_790_000_000 + 3661 }],
]

describe.each<['person' | 'auth', 'token' | 'authorize']>([
  ['person', 'token'],
  ['auth', 'authorize'],
])('a %s token', (kind, endpoint) => {
  const member = `${kind}_token`

  function issueWith(stage: Stage, token: (seen: Seen) => Promise<string>): void {
    stage.personServer[endpoint] = async (seen) => Response.json({ [member]: await token(seen) })
  }

  it.each([...wrongClaims, ...(kind === 'auth' ? [['for another user', { sub: 'else' }] as [string, object]] : [])])(
    '%s is rejected, and not stored',
    async (_, claims) => {
      const stage = openStage()
      issueWith(stage, (seen) => stage[`${kind}Token`](seen, claims))
      await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'auth_token_refused' })
      expect(await stage.agent.tokens()).toHaveLength(kind === 'auth' ? 1 : 0)
      expect(stage.seen.filter(({ typ }) => typ === `aa-${kind}+jwt`)).toEqual([])
    },
  )

  it.each([
    ['with the type of the other', kind === 'auth' ? 'aa-person+jwt' : 'aa-auth+jwt', undefined],
    ['signed by another key', `aa-${kind}+jwt`, other],
    ['issued by another person server', `aa-${kind}+jwt`, others.signer],
  ])('%s is rejected', async (_, typ, signer) => {
    const stage = openStage()
    issueWith(stage, async (seen) => {
      const iss = signer === others.signer ? others.personServer : ids.personServer
      const jwt = await stage[`${kind}Token`](seen, { ps: iss, iss })
      return signer ? reSigned(jwt, typ, signer) : swapType(jwt, typ)
    })
    await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'auth_token_refused' })
  })

  it('that is missing is reported', async () => {
    const stage = openStage()
    stage.personServer[endpoint] = () => Response.json({})
    await expect(stage.agent.fetch(data)).rejects.toThrow('the response contains no token')
  })
})

/** The token with another type; its signature is then wrong, but the type is checked first. */
function swapType(jwt: string, typ: string): string {
  const [, ...rest] = jwt.split('.')
  const header = { ...decodeToken(jwt)?.header, typ }
  return [Buffer.from(JSON.stringify(header)).toString('base64url'), ...rest].join('.')
}

it('names the command that shows what a server cannot find', async () => {
  const stage = openStage()
  stage.personServer.token = () => unauthorized({ 'signature-error': 'error=unknown_key' })
  await expect(stage.agent.fetch(`${ids.resource}/data`)).rejects.toMatchObject({
    code: 'key_unknown',
    message: expect.stringContaining('(countersign discover https://agent.example --edition draft-11)'),
  })
})

it('reports that the person server does not respond if its keys cannot be fetched', async () => {
  const stage = openStage()
  const { fetch } = stage
  stage.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input)
    if (url !== `${ids.personServer}/jwks.json`) return fetch(input, init)
    throw Object.assign(new TypeError('fetch failed'), { cause: new Error('connect ECONNREFUSED 192.0.2.1:443') })
  }
  await expect(stage.agent.fetch(data)).rejects.toMatchObject({
    code: 'auth_server_unreachable',
    message: `The auth server ${ids.personServer} does not respond (ECONNREFUSED). Try again later.`,
  })
  expect(await stage.agent.tokens()).toEqual([])
})
