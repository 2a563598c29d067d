import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSigner, generatePrivateJwk } from 'countersign'
import { draft11Documents, draft11Jose, draft11Tokens, serializeRequirement } from 'countersign/editions/draft-11'
import { confirmationJwk, decodeToken, issueToken, publishedJwk } from 'countersign/tokens'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../../../../../test/free-port.js'
import { createKilledAgent, createReloadingUser, kills, pause } from '../../agent/killed-agents.js'

/** Where a process is killed, and the maximum delay after that, in milliseconds. */
const steps = {
  'requests a token': 40,
  'waits for the user': 60,
  'polls for the decision': 60,
  'receives the decision': 20,
  'receives the browser': 20,
} as const
type Step = keyof typeof steps

const jwk = await generatePrivateJwk({ kid: 'agent-1' })
const signer = await createSigner(await generatePrivateJwk({ kid: 'peer-1' }))

/** Records of one agent, by its origin: its deferred requests by their codes, and the listener for each step. */
interface Round {
  pending: Map<string, { isAllowed: boolean; isDelivered: boolean }>
  reach: (step: Step) => void
}
const rounds = new Map<string, Round>()
let origin: string

interface Reply {
  status?: number
  headers?: Record<string, string>
  body: object | string
  after?: () => void
}

const documents: Record<string, () => object> = {
  [`/.well-known/${draft11Documents.authServer.name}`]: () => ({
    issuer: origin,
    jwks_uri: `${origin}/jwks.json`,
    person_token_endpoint: `${origin}/token`,
    auth_token_endpoint: `${origin}/authorize`,
  }),
  '/jwks.json': () => ({ keys: [publishedJwk(signer.jwk, draft11Jose)] }),
}

/** An API that requires a person token, and a person server in one, which asks the user once. */
const peer = createServer((incoming, outgoing) => {
  void respond(incoming).then(({ status = 200, headers = {}, body, after }) => {
    outgoing.writeHead(status, { 'content-type': 'application/json', ...headers })
    outgoing.end(JSON.stringify(body), after)
  })
})

async function respond(incoming: IncomingMessage): Promise<Reply> {
  const { url: path = '', method, headers } = incoming
  const document = documents[path]
  if (document) return { body: document() }
  if (path.startsWith('/.well-known/')) return { status: 404, body: {} }
  const [, jwt = ''] = /jwt="([^"]+)"/.exec(String(headers['signature-key'])) ?? []
  const { header, payload } = decodeToken(jwt) ?? expect.fail('an unsigned request')
  if (path === '/data')
    return header.typ === draft11Tokens.person.typ
      ? { body: 'data' }
      : { status: 401, headers: { 'aauth-requirement': 'requirement=person-token' }, body: {} }
  const round = rounds.get(String(payload.iss)) ?? expect.fail('an unknown agent')
  const issue = async () => ({ body: { person_token: await personToken(payload) } })
  if (path === '/token') {
    round.reach('requests a token')
    // The user need not allow again what the agent received and lost.
    if ([...round.pending.values()].some(({ isDelivered }) => isDelivered)) return issue()
    const id = `${round.pending.size}`
    round.pending.set(id, { isAllowed: false, isDelivered: false })
    return deferred(`/pending/${id}`, id)
  }
  const id = path.replace('/pending/', '')
  const pending = round.pending.get(id) ?? expect.fail(`${method} ${path}`)
  if (pending.isDelivered) return { status: 410, body: { error: 'invalid_code' } }
  round.reach('polls for the decision')
  for (let turn = 0; turn < 20 && !pending.isAllowed; turn += 1) await pause(10)
  if (!pending.isAllowed || incoming.socket.destroyed) return deferred(path, id)
  pending.isDelivered = true
  return { ...(await issue()), after: () => round.reach('receives the decision') }
}

function deferred(location: string, code: string): Reply {
  const requirement = serializeRequirement({ requirement: 'interaction', url: `${origin}/interact`, code })
  return {
    status: 202,
    headers: { location, 'retry-after': '0', 'aauth-requirement': requirement },
    body: { status: 'pending' },
  }
}

async function personToken(agentToken: Record<string, unknown>): Promise<string> {
  const iat = Math.floor(Date.now() / 1000)
  const cnf = { jwk: confirmationJwk(agentToken) as object }
  const claims = { iss: origin, dwk: draft11Documents.authServer.name, aud: origin, sub: 'alice', jti: 'j', cnf }
  return issueToken(draft11Tokens.person, { ...claims, iat, exp: iat + 3600 }, { signer })
}

beforeAll(async () => {
  peer.listen(0, '127.0.0.1')
  await once(peer, 'listening')
  origin = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`
})
afterAll(() => {
  peer.closeAllConnections()
  peer.close()
})

/** Allows a request, and returns the address to which the user's browser then goes. */
function allow({ pending }: Round, { searchParams }: URL): string {
  const request = pending.get(searchParams.get('code') ?? '') ?? expect.fail('no request')
  request.isAllowed = true
  return searchParams.get('callback') ?? expect.fail('no callback')
}

/** Kills an agent at a step, and restarts it until it has its response; undefined if it had the response before the kill. */
async function killAt(step: Step): Promise<{ prompts: number; deferrals: number } | undefined> {
  const port = await freePort()
  const agent = `http://127.0.0.1:${port}`
  const round: Round = {
    pending: new Map(),
    reach(reached) {
      if (reached === step) killed.kill()
    },
  }
  rounds.set(agent, round)
  const user = createReloadingUser(
    (page) => allow(round, page),
    () => round.reach('receives the browser'),
  )
  const killed = createKilledAgent({
    options: { port, jwk, api: origin, authServer: origin, edition: 'draft-11' },
    lease: 45,
    delay: steps[step],
    onPrompt(url) {
      round.reach('waits for the user')
      user.show(url)
    },
  })
  try {
    if ((await killed.finish()) === 0) return undefined
    return { prompts: user.pages.size, deferrals: round.pending.size }
  } finally {
    user.stop()
    rounds.delete(agent)
  }
}

it.each(Object.keys(steps) as Step[])(
  `an agent that is killed ${kills} times while it %s finishes the same request, and prompts once`,
  { timeout: 1_200_000 },
  async (step) => {
    let killed = 0
    for (let turn = 0; turn < kills * 3 && killed < kills; turn += 1) {
      const round = await killAt(step)
      if (!round) continue
      killed += 1
      expect(round.prompts).toBe(1)
      // A request whose response was lost is not known to the next process.
      if (step !== 'requests a token') expect(round.deferrals).toBe(1)
    }
    expect(killed).toBe(kills)
  },
)
