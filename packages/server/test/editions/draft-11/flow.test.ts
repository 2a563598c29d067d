import { type AgentOptions, createAgent } from 'countersign/agent'
import { draft11Agent, draft11Resource } from 'countersign/editions/draft-11'
import { createResource } from 'countersign/resource'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { openMapStage, openSharedPostgresStage, openSharedStage, type StageOptions } from '../../attacks/stage.js'
import { protectedApi, scopes } from '../../world.js'
import { decide, openPerson, openPersonStage, type PersonStage, people, poll } from './person-stage.js'

const stages = [
  ['SQLite', openMapStage],
  ['two instances on one SQLite file', openSharedStage],
  ['two instances on PostgreSQL', openSharedPostgresStage],
] as const

interface Flow extends PersonStage {
  /** Requests as `METHOD host/path typ status`, in order. */
  trace: string[]
  asked: string[]
  newAgent: (options?: Partial<AgentOptions>) => ReturnType<typeof createAgent>
}

/** The library's agent and resource, with a user who decides. */
async function openFlow({
  consent = 'grant',
  person = people.alice,
  ...options
}: StageOptions & {
  open?: (options: StageOptions) => ReturnType<typeof openMapStage>
  consent?: 'grant' | 'deny'
  person?: typeof people.alice | typeof people.bob
} = {}): Promise<Flow> {
  const stage = await openPersonStage(options)
  const { origins, clock, agent: party, resource: api, authServer } = stage
  const [trace, asked]: [string[], string[]] = [[], []]
  const now = () => clock.now
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const { host, pathname } = new URL(request.url)
    const jwt = /jwt="([^"]+)"/.exec(request.headers.get('signature-key') ?? '')?.[1] ?? ''
    const { typ: named = '-' } = decodeToken(jwt)?.header ?? {}
    const typ = `${named as string}`.replace(/^aa-|\+jwt$/g, '')
    const response = await stage.fetch(request)
    const path = pathname.replace(/aarq_.*/, 'X')
    if (!pathname.startsWith('/.well-known') && !pathname.endsWith('.json'))
      trace.push(`${request.method} ${host}${path} ${typ} ${response.status}`)
    return response
  }
  const resource = createResource({
    edition: draft11Resource,
    id: api.id,
    signer: api.signer,
    authServers: [authServer],
    scopes,
    fetch,
    now,
  })
  origins?.set(api.id, protectedApi(resource))
  const newAgent = (changes: Partial<AgentOptions> = {}) =>
    createAgent({
      edition: draft11Agent,
      id: party.id,
      signer: party.signer,
      authServers: [authServer],
      onePerson: true,
      about: { name: 'Flow Agent' },
      async onConsent({ url }) {
        asked.push(url)
        await decide({ ...stage, fetch: stage.fetch }, url, consent, { person, duration: '86400' })
      },
      fetch,
      now,
      ...changes,
    })
  const agent = newAgent()
  origins?.set(party.id, (request) => agent.handler(request))
  return { ...stage, trace, asked, newAgent: (changes) => (changes ? newAgent(changes) : agent) }
}

const data = 'https://api.example/data-auth'

describe.each(stages)('a flow of draft -11 with the library’s agent and resource, on %s', (_name, open) => {
  it('ends with the response after the user allowed both requests, in the order of the protocol', {
    timeout: 60_000,
  }, async () => {
    const flow = await openFlow({ open })
    const response = await flow.newAgent().fetch(data)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ scope: ['data.read', 'data.write'], iss: flow.authServer })
    expect(flow.trace.filter((each) => !each.includes(' 202'))).toEqual([
      // The API announces what it needs, which needs the user.
      'POST auth.example/person/token agent 403',
      'GET api.example/data-auth agent 401',
      'GET auth.example/person/pending/X agent 200',
      'GET api.example/data-auth person 401',
      'GET auth.example/person/pending/X agent 200',
      'GET api.example/data-auth auth 200',
    ])
    expect(flow.trace.filter((each) => each.startsWith('POST'))).toEqual([
      'POST auth.example/person/token agent 403',
      'POST auth.example/person/token agent 202',
      'POST auth.example/person/authorize agent 202',
    ])
    expect(flow.asked).toHaveLength(2)
    expect(await flow.storage.findViolations()).toEqual([])
  })

  it('needs no user again, for a new process of the agent, while the grant lasts', { timeout: 60_000 }, async () => {
    const flow = await openFlow({ open })
    await flow.newAgent().fetch(data)
    flow.trace.length = 0
    const again = flow.newAgent({ onConsent: undefined })
    expect((await again.fetch(data)).status).toBe(200)
    expect(flow.trace).toEqual([
      'POST auth.example/person/token agent 200',
      'GET api.example/data-auth person 401',
      'POST auth.example/person/authorize agent 200',
      'GET api.example/data-auth auth 200',
    ])
    expect(flow.asked).toHaveLength(2)
  })

  it('is refused if the user denies it', { timeout: 60_000 }, async () => {
    const flow = await openFlow({ open, consent: 'deny' })
    await expect(flow.newAgent().fetch(data)).rejects.toMatchObject({ code: 'access_denied', error: 'denied' })
    expect(await flow.storage.listGrants()).toEqual([])
  })

  it('issues one token, however many polls arrive at once after the decision', { timeout: 60_000 }, async () => {
    const flow = await openFlow({ open })
    const { location, page } = await openPerson(flow)
    const held = Array.from({ length: 8 }, () => poll(flow, location, { wait: 20 }))
    await decide(flow, page)
    const later = Array.from({ length: 8 }, () => poll(flow, location, { wait: 5 }))
    const statuses = (await Promise.all([...held, ...later])).map(({ status }) => status)
    // Polls that wait are told once that the user is there.
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(1)
    const last = await poll(flow, location)
    const tokens = [...statuses, last.status].filter((status) => status === 200)
    expect(tokens).toHaveLength(1)
    expect(await flow.storage.findViolations()).toEqual([])
  })
})
