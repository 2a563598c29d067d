import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { createAgentServer, memoryDelegates } from 'countersign/agent-server'
import { createDelegate } from 'countersign/delegate'
import { expect, it } from 'vitest'
import { issuer, openIssuer, type TokenChanges } from '../../countersign/test/agent-server/fake-issuer.js'
import { createWorld, ids } from './world.js'

/** An agent whose CI jobs may read without a user, and whose installations may not. */
async function openScene() {
  const policies = [
    { name: 'ci', agent: ids.agent, delegate: 'workload.deploy', scopes: ['data.read'], decision: 'grant' as const },
  ]
  const world = await createWorld({ server: { policies, lifetimes: { authToken: 600 } } })
  const now = () => world.clock.now
  const platform = openIssuer({ origins: world.origins, now }, ids.agent)
  const server = createAgentServer({
    id: ids.agent,
    signer: world.agentSigner,
    redirectUris: ['http://127.0.0.1/callback'],
    delegates: memoryDelegates(),
    enroll: () => ({ name: 'laptop-7' }),
    workloads: [{ name: 'deploy', issuer, claims: { repository: 'octo/app', ref: 'refs/heads/main' } }],
    fetch: world.fetch,
    now,
  })
  world.origins.set(ids.agent, (request) => server.handler(request))
  const consents: string[] = []
  const tokens: string[] = []

  /** A job, or an installation if the platform's token is undefined. */
  async function start(changes: TokenChanges | undefined) {
    const { fetch } = world
    const platformToken = () => {
      tokens.push(platform.token(changes))
      return tokens.at(-1) as string
    }
    const delegate = createDelegate({
      id: ids.agent,
      signer: await createSigner(await generatePrivateJwk()),
      fetch,
      now,
      ...(changes ? { platformToken } : { credential: () => 'laptop' }),
    })
    return createAgent({
      ...delegate,
      authServers: [ids.authServer],
      onePerson: true,
      onConsent: ({ url }) => void consents.push(url),
      redirectUri: 'http://127.0.0.1:8500/callback',
      consentTimeout: 60,
      fetch,
      now,
    })
  }
  return { world, start, consents, tokens }
}

it('a CI job acts as itself, by a policy of the auth server, without a user', async () => {
  const { world, start, consents, tokens } = await openScene()
  const job = await start({})
  const known = await (await job.fetch(`${ids.resource}/data-jwks`)).json()
  expect(known).toMatchObject({ agent: ids.agent, delegate: 'workload.deploy' })
  expect(tokens).toHaveLength(1)
  // The agent token expires with the platform's token, after 300 seconds: the job gets new ones before that.
  world.clock.now += 240
  expect((await job.fetch(`${ids.resource}/data-jwks`)).status).toBe(200)
  expect(tokens).toHaveLength(2)
  expect(await (await job.fetch(`${ids.resource}/read`)).json()).toEqual(['data.read'])
  expect(consents).toEqual([])
})

it('the policy gives a job no more than it lists, and an installation of the same agent nothing', async () => {
  const { start, consents } = await openScene()
  const [job, laptop] = [await start({}), await start(undefined)]
  job.fetch(`${ids.resource}/data-auth`).catch(() => undefined)
  await expect.poll(() => consents, { timeout: 30_000 }).toHaveLength(1)
  laptop.fetch(`${ids.resource}/read`).catch(() => undefined)
  await expect.poll(() => consents, { timeout: 30_000 }).toHaveLength(2)
})

it('a job of another repository gets no agent token', async () => {
  const { start } = await openScene()
  const job = await start({ claims: { repository: 'evil/app' } })
  await expect(job.fetch(`${ids.resource}/read`)).rejects.toMatchObject({
    code: 'agent_token_refused',
    error: 'workload_denied',
    message: expect.stringContaining('repo:evil/app:ref:refs/heads/main'),
  })
})
