import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type AuthTokenClaims, january, serializeChallenge } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { createKilledAgent, createReloadingUser, kills, pause } from './killed-agents.js'

/** Where a process is killed, and the maximum delay after that, in milliseconds. */
const steps = {
  'starts a consent': 40,
  'waits for the user': 60,
  'receives the callback': 20,
  'exchanges the code': 30,
  'stores the token': 20,
} as const
type Step = keyof typeof steps

const jwk = await generatePrivateJwk({ kid: 'agent-1' })
const signer = await createSigner(await generatePrivateJwk({ kid: 'peer-1' }))
const thumbprint = (await createSigner(jwk)).thumbprint

/** Records of one agent, by its origin: the codes that the auth server received, and the listener for each step. */
interface Round {
  codes: Set<string>
  reach: (step: Step) => void
}
const rounds = new Map<string, Round>()
let origin: string
let requests = 0

/** An API and an auth server in one: it gives a token for any code, once. */
const peer = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    const form = Buffer.concat(chunks).toString()
    void respond(incoming.url ?? '', String(incoming.headers['signature-key']), form).then(
      ({ status = 200, headers = {}, body, after }) => {
        outgoing.writeHead(status, { 'content-type': 'application/json', ...headers })
        outgoing.end(body, after)
      },
    )
  })
})

interface Reply {
  status?: number
  headers?: Record<string, string>
  body: string
  after?: () => void
}

async function respond(path: string, key: string, body: string): Promise<Reply> {
  const exp = Math.floor(Date.now() / 1000) + 36_000
  const [agent = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(key) ?? []
  if (path === '/data' && key.includes('scheme=jwt')) return { body: '"data"' }
  if (path === '/data') {
    const claims = { iss: origin, aud: origin, agent, agent_jkt: thumbprint, scope: 'data.read', exp }
    const resourceToken = await issueToken(january.tokens.resource, claims, { signer })
    const challenge = serializeChallenge({ level: 'authorization', resourceToken, authServer: origin })
    return { status: 401, headers: { 'agent-auth': challenge }, body: '{}' }
  }
  if (path === '/agent/token') return respondToForm(new URLSearchParams(body), agent, exp)
  if (!path.startsWith('/.well-known/')) return { body: JSON.stringify({ keys: [signer.jwk] }) }
  const endpoints = { agent_token_endpoint: `${origin}/agent/token`, agent_auth_endpoint: `${origin}/agent/auth` }
  return { body: JSON.stringify({ issuer: origin, resource: origin, jwks_uri: `${origin}/jwks.json`, ...endpoints }) }
}

async function respondToForm(form: URLSearchParams, agent: string, exp: number): Promise<Reply> {
  const round = rounds.get(agent) ?? expect.fail('an unknown agent')
  if (form.get('request_type') === 'auth') {
    round.reach('starts a consent')
    requests += 1
    return { body: JSON.stringify({ request_token: `request-${requests}`, expires_in: 600 }) }
  }
  const code = form.get('code') ?? ''
  if (round.codes.has(code)) return { status: 400, body: '{"error":"invalid_grant"}' }
  round.reach('exchanges the code')
  await pause(Math.random() * 15)
  round.codes.add(code)
  const { kty, crv, x } = jwk
  const cnf = { jwk: { kty, crv, x } as never }
  const claims: AuthTokenClaims = { iss: origin, aud: origin, agent, sub: 'alice', cnf, exp }
  const body = JSON.stringify({ auth_token: await issueToken(january.tokens.auth, claims, { signer }) })
  return { body, after: () => round.reach('stores the token') }
}

beforeAll(async () => {
  peer.listen(0, '127.0.0.1')
  await once(peer, 'listening')
  origin = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`
})
afterAll(() => void peer.close())

/** The address with which the user's browser returns from a page, with a code. */
function callbackOf({ searchParams }: URL): URL {
  const callback = new URL(searchParams.get('redirect_uri') ?? '')
  callback.searchParams.set('state', searchParams.get('state') ?? '')
  callback.searchParams.set('code', `code-for-${searchParams.get('request_token')}`)
  return callback
}

/** Kills an agent at a step, and restarts it until it has its response; undefined if it had the response before the kill. */
async function killAt(step: Step): Promise<{ prompts: number; isCodeUsed: boolean } | undefined> {
  const port = await freePort()
  const agent = `http://127.0.0.1:${port}`
  const reach = (reached: Step) => {
    if (reached === step) killed.kill()
  }
  const round: Round = { codes: new Set(), reach }
  rounds.set(agent, round)
  const user = createReloadingUser(callbackOf, () => reach('receives the callback'))
  let isCodeUsed = false
  const killed = createKilledAgent({
    options: { port, jwk, api: origin, authServer: origin },
    lease: 30,
    delay: steps[step],
    onPrompt(url) {
      reach('waits for the user')
      user.show(url)
    },
    onKilled() {
      isCodeUsed ||= round.codes.size > 0
    },
  })
  try {
    return (await killed.finish()) === 0 ? undefined : { prompts: user.pages.size, isCodeUsed }
  } finally {
    user.stop()
    rounds.delete(agent)
  }
}

it.each(Object.keys(steps) as Step[])(
  `an agent that is killed ${kills} times while it %s loses no decision, and prompts again only for a token that was issued and lost`,
  { timeout: 1_200_000 },
  async (step) => {
    let killed = 0
    let promptedAgain = 0
    for (let turn = 0; turn < kills * 3 && killed < kills; turn += 1) {
      const round = await killAt(step)
      if (!round) continue
      killed += 1
      if (round.prompts === 1) continue
      // The auth server gave a token for the code, and the process was killed before it could store it.
      expect(round.isCodeUsed, 'prompted again unnecessarily').toBe(true)
      expect(round.prompts).toBe(2)
      promptedAgain += 1
    }
    expect(killed).toBe(kills)
    if (process.env.LONG_TESTS)
      process.stdout.write(`${step}: ${killed} kills, ${promptedAgain} between the auth server and the disk\n`)
  },
)
