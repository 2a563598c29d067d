import { type Agent, type AgentStore, createWebAgent, memoryStore, type WebConsentRequest } from 'countersign/agent'
import { draft11Agent, serializeRequirement } from 'countersign/editions/draft-11'
import { createNodeListener } from 'countersign/node'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import {
  agentSigner,
  boundTo,
  ids,
  openStage,
  others,
  pendingResponse,
  problem,
  requirement,
  type Seen,
  type Stage,
  unauthorized,
} from '../editions/draft-11/agent-stage.js'
import { craftToken, newSigner } from '../editions/draft-11/wire.js'
import { listen } from '../resource/events-resource.js'

const data = `${ids.resource}/data`
const stranger = await newSigner('api-1')

/** How many processes the agent has, which share a store, and how they reach the other parties. */
const runners: Readonly<
  Record<string, { processes: number; reach: (fetch: typeof globalThis.fetch) => Promise<typeof globalThis.fetch> }>
> = {
  'in process': { processes: 1, reach: async (fetch) => fetch },
  'over HTTP': { processes: 1, reach: overHttp },
  'by two processes at once, over HTTP': { processes: 2, reach: overHttp },
}

const sharedStore = (): AgentStore => ({ ...memoryStore(), isShared: true })

/** Reaches every origin over one port: a header names the URL. */
async function overHttp(fetch: typeof globalThis.fetch): Promise<typeof globalThis.fetch> {
  const port = await listen(
    createNodeListener(
      async (request) => {
        const { method } = request
        const headers = new Headers(request.headers)
        const url = headers.get('test-url') ?? ''
        headers.delete('test-url')
        const body = await request.arrayBuffer()
        return fetch(new Request(url, { method, headers, body: body.byteLength > 0 ? body : null }))
      },
      { origin: 'https://any.example' },
    ),
  )
  return async (input, init) => {
    const request = new Request(input, init)
    const { method, headers, signal } = request
    const body = request.body === null ? null : await request.arrayBuffer()
    const sent = [...headers, ['test-url', request.url]] as [string, string][]
    return globalThis.fetch(`http://127.0.0.1:${port}/`, { method, headers: sent, body, signal, redirect: 'manual' })
  }
}

interface Attack {
  id: string
  claim: string
  /** What a valid stage is changed to. */
  change: (stage: Stage) => void
  /** The error code of the rejected request, or the status of the response that the program gets. */
  expected: string | number
  /** What must not have been sent. */
  never: (seen: Seen) => boolean
  /** How many tokens the agent holds afterwards. @default 0 */
  held?: number
}

const atAuthorize = ({ url }: Seen) => url.endsWith('/authorize')
const elsewhere = ({ url }: Seen) => !new Set<string>([ids.resource, ids.personServer]).has(new URL(url).origin)

/** A resource that responds to the person token with a changed resource token. */
function challenging(claim: string, token: (stage: Stage, seen: Seen) => Promise<string>): Attack {
  return {
    id: 'P31',
    claim,
    change(stage) {
      const { api } = stage
      stage.api = async (seen) => {
        if (seen.typ !== 'aa-person+jwt') return api(seen)
        const resourceToken = await token(stage, seen)
        return unauthorized(requirement(serializeRequirement({ requirement: 'auth-token', resourceToken })))
      }
    },
    expected: 'resource_token_refused',
    never: atAuthorize,
    held: 1,
  }
}

const reSigned = (jwt: string, typ = 'aa-resource+jwt', signer = stranger) =>
  craftToken(typ, signer, decodeToken(jwt)?.payload ?? {})

const challenges: readonly Attack[] = [
  ...(
    [
      ['of another resource', { iss: 'https://other.example' }],
      ['for another person server', { ps: 'https://other.example' }],
      ['for another audience', { aud: 'https://other.example' }],
      ['for two audiences', { aud: [ids.personServer, 'https://other.example'] }],
      ['for another user', { sub: 'someone else' }],
      ['for another presented token', { presented_jti: 'another' }],
      ['for another key', { agent_jkt: stranger.thumbprint }],
      ['that has expired', { exp: 1_789_999_999 }],
      ['with keys in another document', { dwk: 'aauth-person.json' }],
    ] as const
  ).map(([what, claims]) =>
    challenging(`a resource token ${what}`, (stage, seen) => stage.resourceToken(seen, claims)),
  ),
  challenging('a resource token signed by another key', async (stage, seen) =>
    reSigned(await stage.resourceToken(seen)),
  ),
  challenging('a resource token of January 2026', async (stage, seen) =>
    reSigned(await stage.resourceToken(seen), 'resource+jwt'),
  ),
  challenging('an auth token instead of a resource token', async (stage, seen) =>
    reSigned(await stage.resourceToken(seen), 'aa-auth+jwt'),
  ),
]

type Kind = 'person' | 'auth'

/** A person server that issues a changed token. */
function issuing(kind: Kind, what: string, token: (stage: Stage, seen: Seen) => Promise<string>): Attack {
  return {
    id: 'P32',
    claim: `${kind === 'auth' ? 'an auth' : 'a person'} token ${what}`,
    change(stage) {
      const endpoint = kind === 'auth' ? 'authorize' : 'token'
      stage.personServer[endpoint] = async (seen) => Response.json({ [`${kind}_token`]: await token(stage, seen) })
    },
    expected: 'auth_token_refused',
    never: ({ typ }) => typ === `aa-${kind}+jwt`,
    held: kind === 'auth' ? 1 : 0,
  }
}

const issued: readonly Attack[] = (['person', 'auth'] as const).flatMap((kind) => [
  ...(
    [
      ['of another server', { iss: 'https://other.example' }],
      ['for another resource', { aud: 'https://other.example' }],
      ['for two resources', { aud: [ids.resource, 'https://other.example'] }],
      ['for another key', { cnf: boundTo(stranger) }],
      ['that has expired', { exp: 1_789_999_999 }],
      ['for more than an hour', { exp: 1_790_003_661 }],
      ['with keys in another document', { dwk: 'aauth-access.json' }],
      ...(kind === 'auth' ? ([['for another user', { sub: 'someone else' }]] as const) : []),
    ] as const
  ).map(([what, claims]) => issuing(kind, what, (stage, seen) => stage[`${kind}Token`](seen, claims))),
  issuing(kind, 'with the type of the other', async (stage, seen) =>
    reSigned(await stage[`${kind}Token`](seen), kind === 'auth' ? 'aa-person+jwt' : 'aa-auth+jwt'),
  ),
  issuing(kind, 'signed by another key', async (stage, seen) =>
    reSigned(await stage[`${kind}Token`](seen), `aa-${kind}+jwt`),
  ),
])

const page = (url: string) => requirement(`requirement=interaction;url="${url}";code="ABCD-EFGH-JKMN"`)

const misdirected: readonly Attack[] = [
  {
    id: 'P33',
    claim: 'a person server defers to another origin',
    change(stage) {
      stage.personServer.token = () => pendingResponse('https://other.example/pending/1', page(`${ids.personServer}/i`))
    },
    expected: 'endpoint_refused',
    never: elsewhere,
  },
  {
    id: 'P33',
    claim: 'a resource defers to another origin',
    change(stage) {
      stage.api = () => pendingResponse('https://other.example/pending/1', page(`${ids.resource}/i`))
    },
    expected: 'endpoint_refused',
    never: elsewhere,
  },
  ...[
    'http://ps.example/interact',
    'https://ps.example/interact?next=evil',
    'https://ps.example/interact#part',
    'javascript:alert(1)',
    'https://login.example/interact',
  ].map(
    (url): Attack => ({
      id: 'P33',
      claim: `the page for the user is ${url}`,
      change(stage) {
        stage.personServer.token = (seen) => stage.defer(seen, () => Response.json({}), page(url))
      },
      expected: 'endpoint_refused',
      never: elsewhere,
    }),
  ),
  {
    id: 'P33',
    claim: 'the keys of a person server are on another origin',
    change(stage) {
      stage.document = { jwks_uri: 'https://keys.example/ps.json' }
    },
    expected: 'auth_server_unknown',
    never: ({ typ }) => typ === 'aa-person+jwt',
  },
  {
    id: 'P33',
    claim: 'the keys of a resource are on another origin',
    change(stage) {
      stage.resourceDocument = { jwks_uri: 'https://keys.example/api.json' }
    },
    expected: 'resource_token_refused',
    never: atAuthorize,
    held: 1,
  },
]

const required = (headers: Record<string, string>) => (stage: Stage) => {
  stage.api = () => unauthorized(headers)
}

const endless: readonly Attack[] = [
  {
    id: 'P34',
    claim: 'the same token is required again',
    change: required(requirement('requirement=person-token')),
    expected: 401,
    never: atAuthorize,
    held: 1,
  },
  {
    id: 'P34',
    claim: 'an unknown requirement',
    change: required(requirement('requirement=payment')),
    expected: 401,
    never: ({ url }) => !url.startsWith(ids.resource),
  },
  {
    id: 'P34',
    claim: 'a challenge of January 2026',
    change: required({ 'agent-auth': 'httpsig; auth-token; resource_token="a.b.c"; auth_server="https://ps.example"' }),
    expected: 401,
    never: ({ url }) => !url.startsWith(ids.resource),
  },
  {
    id: 'P34',
    claim: 'an auth token is required before a token for the user was presented',
    change(stage) {
      stage.api = async (seen) =>
        unauthorized(
          requirement(
            serializeRequirement({ requirement: 'auth-token', resourceToken: await stage.resourceToken(seen) }),
          ),
        )
    },
    expected: 401,
    never: ({ url }) => !url.startsWith(ids.resource),
  },
  {
    id: 'P34',
    claim: 'components that the agent cannot sign',
    change: required({ 'signature-error': 'error=invalid_input, required_input=("@status" "a b")' }),
    expected: 401,
    never: ({ covered }) => covered.includes('@status'),
  },
  {
    id: 'P34',
    claim: 'every presented token is refused as revoked',
    change(stage) {
      stage.personServer.token = async (seen) => Response.json({ person_token: await stage.personToken(seen) })
      stage.personServer.authorize = () => problem(400, 'revoked_presented_token')
    },
    expected: 401,
    never: ({ typ }) => typ === 'aa-auth+jwt',
    held: 1,
  },
]

const attacks = [...challenges, ...issued, ...misdirected, ...endless]

/** The most requests for one call, of which the first presents nothing. */
const mostRequests = 20

describe.each(Object.entries(runners))('an agent of draft -11, attacked %s', (_name, { processes, reach }) => {
  async function openAgents(stage: Stage): Promise<readonly [Agent, ...Agent[]]> {
    const fetch = await reach(stage.fetch)
    const store = sharedStore()
    // Both processes show the page, on which the user decides once.
    const pages = new Set<string>()
    const onConsent = ({ url, code }: { url: string; code: string }) => {
      stage.asked.push({ url, code } as never)
      if (!pages.has(code)) stage.decide(url)
      pages.add(code)
    }
    const [first, ...more] = Array.from({ length: processes }, () => stage.newAgent({ fetch, store, onConsent }))
    return [first as Agent, ...more]
  }

  it('calls the API, without an attack', async () => {
    const stage = openStage()
    const agents = await openAgents(stage)
    for (const response of await Promise.all(agents.map((agent) => agent.fetch(data))))
      expect(await response.text()).toBe('data')
  })

  it.each(attacks.map((attack) => [attack.id, attack.claim, attack] as const))(
    '%s: %s',
    async (_id, _claim, { change, expected, never, held = 0 }) => {
      const stage = openStage()
      change(stage)
      const agents = await openAgents(stage)
      const outcomes = await Promise.all(
        agents.map((agent) =>
          agent.fetch(data).then(
            ({ status }) => status,
            ({ code }: { code: string }) => code,
          ),
        ),
      )
      expect(outcomes).toEqual(agents.map(() => expected))
      expect(stage.seen.filter(never)).toEqual([])
      expect(stage.seen.length).toBeLessThanOrEqual(mostRequests * agents.length)
      expect(await agents[0].tokens()).toHaveLength(held)
    },
  )

  const accessOf = ({ headers }: Seen) => headers.get('authorization')

  it('P35: a session token is sent to another origin, without a signature that covers it, or with an invalid value', async () => {
    const stage = openStage()
    const agents = await openAgents(stage)
    const given = ['one', 'with space', 'a, b', 'x'.repeat(5000), '']
    let calls = 0
    stage.api = () => new Response('data', { headers: { 'aauth-access': given[calls++] ?? '' } })
    for (const _ of given) for (const agent of agents.slice(0, 1)) await agent.fetch(data)
    for (const agent of agents) await agent.fetch(data)
    const sent = stage.seen.filter((seen) => accessOf(seen) !== null)
    expect(new Set(sent.map(accessOf))).toEqual(new Set(['AAuth one']))
    expect(sent).toHaveLength(given.length - 1 + agents.length)
    for (const { covered, typ } of sent)
      expect([covered.includes('authorization'), typ]).toEqual([true, 'aa-agent+jwt'])
    await agents[0].fetch(`${others.resource}/data`)
    expect(accessOf(stage.seen.at(-1) as Seen)).toBeNull()
  })

  it.each([
    ['another browser', 'victim', true],
    ['a browser without a session', '', true],
    ['its own browser, before anyone has decided,', 'attacker', false],
  ])('P36: %s returns to a web app', async (_browser, cookie, isDecided) => {
    const stage = openStage({ decision: 'none' })
    const fetch = await reach(stage.fetch)
    const store = sharedStore()
    const prompts: WebConsentRequest[] = []
    const apps = Array.from({ length: processes }, () =>
      createWebAgent({
        edition: draft11Agent,
        id: ids.agent,
        signer: agentSigner,
        authServers: [ids.personServer],
        sessionOf: (request) => request.headers.get('cookie'),
        onConsent: (consent) => void prompts.push(consent),
        store,
        fetch,
        now: () => stage.clock.now,
      }),
    )
    const refused = expect(apps[0]?.for('attacker').fetch(data)).rejects.toMatchObject({ code: 'other_user' })
    await expect.poll(() => prompts).toHaveLength(1)
    const { url } = prompts[0] as WebConsentRequest
    if (isDecided) stage.decide(url)
    const back = new URL(url).searchParams.get('callback') ?? ''
    const headers = cookie === '' ? {} : { cookie }
    const response = await apps.at(-1)?.handler(new Request(back, { headers }))
    expect(await response?.text()).toContain('data-state="refused"')
    await refused
    expect(stage.seen.filter(({ typ }) => typ === 'aa-person+jwt')).toEqual([])
    expect(stage.pending.size, 'no one can decide any more').toBe(0)
  })
})
