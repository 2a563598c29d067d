import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { createAgentServer, type DelegateStore, memoryDelegates } from 'countersign/agent-server'
import { createDelegate } from 'countersign/delegate'
import { draft11AgentServer } from 'countersign/editions/draft-11/agent-server'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { askPerson, obtainPerson, openPerson, openPersonStage, poll, problemIn } from './person-stage.js'

/** An agent server for the installations of the stage's agent. A credential is the name of its installation. */
async function openProvider(answerOf: (url: string) => Response | undefined = () => undefined) {
  const stage = await openPersonStage()
  const { agent, origins, clock } = stage
  const delegates: DelegateStore = memoryDelegates()
  const fetched: string[] = []
  const open = () =>
    createAgentServer({
      edition: draft11AgentServer,
      id: agent.id,
      signer: agent.signer,
      redirectUris: ['http://127.0.0.1/callback'],
      delegates,
      enroll: ({ credential = '' }) => ({ name: credential }),
      now: () => clock.now,
      fetch: async (url, init) => {
        fetched.push(url)
        return answerOf(url) ?? stage.fetch(url, init)
      },
    })
  const server = open()
  origins?.set(agent.id, (request) => server.handler(request))
  async function install(name: string, authServer = stage.authServer) {
    const signer = await createSigner(await generatePrivateJwk())
    const delegate = (of = authServer) =>
      createDelegate({
        id: agent.id,
        signer,
        credential: () => name,
        authServer: of,
        fetch: stage.fetch,
        now: () => clock.now,
      })
    const own = delegate()
    const by = async (): Promise<{ jwt: string; signer: Signer }> => ({ jwt: await own.agentToken(), signer })
    return { delegate, by }
  }
  return { stage, server, open, install, fetched, delegates }
}

const skipPauses = () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const ticking = setInterval(() => vi.advanceTimersByTime(500), 5)
  onTestFinished(() => {
    clearInterval(ticking)
    vi.useRealTimers()
  })
}

describe('an agent server that revokes an installation', () => {
  it('tells its person server, which refuses all its tokens, and ends what it waits for (T28)', async () => {
    const { stage, server, install, fetched } = await openProvider()
    const [laptop, phone] = [await install('laptop'), await install('phone')]
    const first = await laptop.by()
    const presented = await obtainPerson(stage, {}, first)
    const { location } = await openPerson(stage, { resource: stage.otherResource.id }, first)
    stage.clock.now += 3400
    const second = await laptop.by()
    expect(second.jwt).not.toBe(first.jwt)
    expect((await openPerson(stage, {}, await phone.by())).code).not.toBe('')
    expect(fetched, 'nothing is fetched before').toEqual([])
    expect(await server.revoke('laptop')).toEqual([{ authServer: stage.authServer, outcome: 'delivered' }])
    for (const by of [first, second]) {
      const refused = await askPerson(stage, {}, by)
      expect(refused.headers.get('signature-error')).toMatch(/error=(?:revoked|expired)_jwt/)
    }
    expect((await askPerson(stage, {}, second)).headers.get('signature-error')).toBe('error=revoked_jwt')
    expect((await poll(stage, location, second)).status).toBe(401)
    const { jti, iss } = decodeToken(presented)?.payload ?? {}
    expect([iss, typeof jti]).toEqual([stage.authServer, 'string'])
    expect((await askPerson(stage, {}, await phone.by())).status).toBe(202)
    expect(await server.revoke('laptop'), 'again').toEqual([{ authServer: stage.authServer, outcome: 'delivered' }])
    expect(await server.revoke('tablet')).toBeUndefined()
    await expect(laptop.delegate().agentToken()).rejects.toMatchObject({ error: 'revoked_delegate' })
  })

  it('issues one token in a twelfth of its lifetime, and revokes those that another process issued', async () => {
    const { stage, open, install, delegates } = await openProvider()
    stage.clock.now += 300 - (stage.clock.now % 300)
    const laptop = await install('laptop')
    const jwt = await laptop.delegate().agentToken()
    stage.clock.now += 299
    expect(await laptop.delegate().agentToken()).toBe(jwt)
    stage.clock.now += 1
    const next = await laptop.delegate().agentToken()
    expect(next).not.toBe(jwt)
    expect(await delegates.listTokens('laptop')).toHaveLength(2)
    const by = await laptop.by()
    await openPerson(stage, {}, { ...by, jwt })
    expect(await open().revoke('laptop')).toEqual([{ authServer: stage.authServer, outcome: 'delivered' }])
    for (const each of [jwt, next]) expect((await askPerson(stage, {}, { ...by, jwt: each })).status).toBe(401)
  })

  it('reports which person servers could not be told, after three attempts, and can try again', async () => {
    skipPauses()
    let attempts = 0
    let isDown = true
    const { stage, server, install } = await openProvider((url) => {
      if (!url.endsWith('/person/revoke')) return undefined
      attempts++
      return isDown ? new Response(null, { status: 503 }) : undefined
    })
    const laptop = await install('laptop')
    const by = await laptop.by()
    await openPerson(stage, {}, by)
    expect(await server.revoke('laptop')).toEqual([{ authServer: stage.authServer, outcome: 'failed' }])
    expect(attempts).toBe(3)
    expect((await askPerson(stage, {}, by)).status).toBe(202)
    isDown = false
    expect(await server.revoke('laptop')).toEqual([{ authServer: stage.authServer, outcome: 'delivered' }])
    expect(await problemIn(await askPerson(stage, {}, by))).toMatchObject({ error: 'revoked_jwt' })
  })

  it('does not tell a person server that has never seen one of its tokens, or that accepts no revocations', async () => {
    const { stage, server, install } = await openProvider()
    await (await install('laptop')).by()
    expect(await server.revoke('laptop')).toEqual([{ authServer: stage.authServer, outcome: 'unsupported' }])
  })

  it('names at most 20 person servers in the tokens of an installation', async () => {
    const { stage, server, install } = await openProvider()
    const { delegate } = await install('laptop')
    for (let at = 0; at < 20; at++) await delegate(`https://ps${at}.example`).agentToken()
    await expect(delegate('https://ps20.example').agentToken()).rejects.toMatchObject({ error: 'audience_denied' })
    await delegate('https://ps7.example').agentToken()
    stage.clock.now += 3700
    await delegate('https://ps20.example').agentToken()
    expect(server.id).toBe(stage.agent.id)
  })
})

it('an agent server connects to no private address to report a revocation', async () => {
  skipPauses()
  let connections = 0
  const listener = createServer(() => void connections++).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  onTestFinished(() => void listener.close())
  const authServer = `https://127.0.0.1:${(listener.address() as AddressInfo).port}`
  const delegates = memoryDelegates()
  const server = createAgentServer({
    edition: draft11AgentServer,
    id: 'https://agent.example',
    signer: await createSigner(await generatePrivateJwk()),
    redirectUris: ['http://127.0.0.1/callback'],
    delegates,
    enroll: () => undefined,
  })
  await delegates.enroll({ name: 'laptop', thumbprint: 't', enrolledAt: 1 }, false)
  const expiresAt = Math.floor(Date.now() / 1000) + 3600
  await delegates.recordToken('laptop', { jti: 'j', authServer, expiresAt }, 0)
  expect(await server.revoke('laptop')).toEqual([{ authServer, outcome: 'failed' }])
  expect(connections).toBe(0)
})
