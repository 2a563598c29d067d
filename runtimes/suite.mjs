import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { createAgentServer, memoryDelegates } from 'countersign/agent-server'
import { createDelegate } from 'countersign/delegate'
import { january } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import { signRequest } from 'countersign/signatures'
import { createTestWorld } from 'countersign/testing'
import { decodeToken, issueToken } from 'countersign/tokens'

/** Checks that run the same in every runtime. They use neither the network nor the platform's own interfaces. */

const api = 'https://api.test'
const routes = {
  '/known': { require: 'identity' },
  '/events': { require: 'authorization', scope: 'events.read events.write' },
}
const posted = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"title":"Lunch"}' }

function requireEqual(actual, expected) {
  const [one, other] = [actual, expected].map((value) => JSON.stringify(value))
  if (one !== other) throw new Error(`${one} instead of ${other}`)
}

async function rejection(promise) {
  const problem = await promise.then(
    () => 'nothing was thrown',
    (error) => error,
  )
  if (!(problem instanceof Error)) throw new Error(problem)
  return problem
}

async function openWorld(options = {}) {
  const world = await createTestWorld()
  const scopes = { 'events.read': 'See your events', 'events.write': 'Change your events' }
  const resource = createResource({ id: api, scopes, denyList: {}, ...world.forResource, ...options })
  world.origins.set(api, async (request) => {
    const route = routes[new URL(request.url).pathname]
    if (!route) return resource.handler(request)
    try {
      const { agent, delegate = 'none', body } = await resource.verify(request, route)
      return Response.json({ agent, delegate, body: body ? new TextDecoder().decode(body) : '' })
    } catch (error) {
      return resource.toResponse(error)
    }
  })
  return world
}

async function signsAndVerifies(algorithm) {
  const signer = await createSigner(await generatePrivateJwk({ algorithm }))
  const { kid: _kid, alg: _alg, ...jwk } = signer.jwk
  const sign = () =>
    signRequest(new Request(`${api}/events?day=1`, posted), {
      signer,
      profile: january.signing,
      signatureKey: { scheme: 'hwk', jwk },
    })
  const resource = createResource({
    id: api,
    signer,
    authServer: 'https://auth.test',
    fetch: async () => new Response(),
  })
  const { thumbprint } = await resource.verify(await sign(), { require: 'signature' })
  requireEqual(thumbprint, signer.thumbprint)
  const signed = await sign()
  const changed = new Request(`${api}/events?day=2`, { ...posted, headers: signed.headers })
  requireEqual((await rejection(resource.verify(changed, { require: 'signature' }))).code, 'signature_mismatch')
}

async function issuesTokens() {
  const signer = await createSigner(await generatePrivateJwk())
  const now = () => 1_800_000_000
  const { kid: _kid, alg: _alg, ...jwk } = signer.jwk
  const claims = { iss: 'https://agent.test', sub: 'laptop', aud: [api], cnf: { jwk }, exp: now() + 60 }
  const token = await issueToken(january.tokens.agent, claims, { signer, now })
  requireEqual(decodeToken(token)?.payload.sub, 'laptop')
}

async function agentGetsWhatItsUserAllows() {
  const world = await openWorld()
  const agent = await world.agent()
  for (let times = 0; times < 2; times++) {
    const response = await agent.fetch(`${api}/events`, posted)
    requireEqual(await response.json(), { agent: agent.id, delegate: 'none', body: posted.body })
  }
  requireEqual(agent.person.asked.length, 1)
}

async function refusesUser() {
  const world = await openWorld()
  const agent = await world.agent({ person: world.person('bob', { allows: [] }) })
  requireEqual((await rejection(agent.fetch(`${api}/events`))).code, 'access_denied')
}

/** The status with which a request with one fault is refused. */
const faults = {
  unsigned: 401,
  'key-only': 401,
  'no-token': 401,
  'other-key': 401,
  'old-signature': 401,
  'changed-body': 401,
  replayed: 401,
  'expired-token': 401,
  'early-token': 401,
  'narrow-token': 403,
  'wrong-audience': 401,
  'wrong-issuer': 401,
  'forged-token': 401,
  'stolen-token': 401,
  'revoked-token': 401,
}

async function refusesFaults() {
  for (const [fault, status] of Object.entries(faults)) {
    const agent = await (await openWorld()).agent()
    requireEqual([fault, (await agent.send(fault, `${api}/events`, posted)).status], [fault, status])
  }
}

async function delegateActs() {
  const world = await openWorld()
  const id = 'https://agent.test'
  const redirectUri = 'http://127.0.0.1:8080/callback'
  const server = createAgentServer({
    id,
    signer: await createSigner(await generatePrivateJwk()),
    redirectUris: [redirectUri],
    delegates: memoryDelegates(),
    enroll: ({ credential }) => ({ name: credential }),
    now: world.now,
  })
  world.origins.set(id, (request) => server.handler(request))
  const { fetch, now } = world
  const signer = await createSigner(await generatePrivateJwk({ algorithm: 'ecdsa-p256-sha256' }))
  const delegate = createDelegate({ id, signer, credential: () => 'laptop', fetch, now })
  const agent = createAgent({
    ...world.forAgent,
    ...delegate,
    redirectUri,
    onConsent: async ({ url }) => {
      await world.person('alice').open(url)
    },
  })
  world.origins.set(new URL(redirectUri).origin, (request) => agent.handler(request))
  requireEqual((await (await agent.fetch(`${api}/known`)).json()).delegate, 'laptop')
  requireEqual((await agent.fetch(`${api}/events`)).status, 200)
}

const checks = {
  'Ed25519 signs and verifies': () => signsAndVerifies('ed25519'),
  'ECDSA signs and verifies': () => signsAndVerifies('ecdsa-p256-sha256'),
  'RSA-PSS signs and verifies': () => signsAndVerifies('rsa-pss-sha512'),
  'issues tokens': issuesTokens,
  'an agent gets what its user allows': agentGetsWhatItsUserAllows,
  'an agent gets nothing that its user denies': refusesUser,
  'a resource refuses each fault': refusesFaults,
  'a delegate enrolls and acts': delegateActs,
}

/** Runs the checks. Resolves to the outcome of each: `ok`, or its error. */
export async function runSuite({ without = [] } = {}) {
  const outcomes = {}
  for (const [name, check] of Object.entries(checks).filter(([each]) => !without.includes(each)))
    try {
      await check()
      outcomes[name] = 'ok'
    } catch (error) {
      outcomes[name] = String(error?.stack ?? error)
    }
  return outcomes
}
