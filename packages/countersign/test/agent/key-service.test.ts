import { createHash, createPrivateKey, sign as nodeSign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ended, ids, openStage } from './stage.js'

const algorithm = 'ecdsa-p256-sha256'
const key = await generatePrivateJwk({ algorithm, kid: 'in-the-cloud' })
const { d: _d, ...jwk } = key
const otherKey = await generatePrivateJwk({ algorithm })

/** How the key service handles a request; by default it signs. */
type Answering = (bytes: Uint8Array, response: ServerResponse) => void | Promise<void>

const signWith = (privateJwk: typeof key): Answering => {
  const handle = createPrivateKey({ key: { ...privateJwk }, format: 'jwk' })
  return (bytes, response) => void response.end(nodeSign('sha256', bytes, { key: handle, dsaEncoding: 'der' }))
}
const answerWith =
  (status: number): Answering =>
  (_bytes, response) =>
    void response.writeHead(status).end()

/** A stand-in for a cloud key service; records what it was asked to sign, as digests. */
const service = { url: '', answers: [] as Answering[], signed: [] as string[], patience: 60_000 }
const server = createServer((incoming, response) => void serve(incoming, response))
async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  service.signed.push(createHash('sha256').update(bytes).digest('hex'))
  await (service.answers.shift() ?? signWith(key))(bytes, response)
}
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  service.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(() => {
  service.answers = []
  service.signed = []
  service.patience = 60_000
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

async function sign(body: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const response = await fetch(service.url, { method: 'POST', body, signal: AbortSignal.timeout(service.patience) })
  if (!response.ok) throw new Error(`the key service answered ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

/** An agent whose key is in the service, with the peers of a stage. */
async function openAgent() {
  const stage = openStage()
  const asked: string[] = []
  const signer = await createRemoteSigner({ jwk, sign, dsaEncoding: 'der' })
  const { resourceToken, authToken } = stage
  stage.resourceToken = (scope) => resourceToken(scope, { agent_jkt: signer.thumbprint })
  stage.authToken = () => authToken({ cnf: { jwk } })
  const agent = createAgent({
    id: ids.agent,
    signer,
    authServers: [ids.authServer],
    redirectUri: 'http://127.0.0.1:53123/callback',
    onConsent: ({ url }) => void asked.push(url),
    now: () => stage.clock.now,
    fetch: stage.toPeers,
  })
  async function answer(url: string): Promise<string> {
    const callback = new URL('http://127.0.0.1:53123/callback?code=the-code')
    callback.searchParams.set('state', new URL(url).searchParams.get('state') ?? '')
    return (await agent.handler(new Request(callback))).text()
  }
  return { stage, agent, asked, answer }
}

const data = `${ids.api}/data`

describe('an agent whose key is in a key service', () => {
  it('has each request signed there, however long it takes', async () => {
    const { stage, agent } = await openAgent()
    stage.api = () => new Response('data')
    service.answers.push(async (bytes, response) => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      await signWith(key)(bytes, response)
    })
    expect(await ended(agent.fetch(data))).toBe('data')
    expect(await ended(agent.fetch(data))).toBe('data')
    expect(service.signed).toHaveLength(2)
    expect(stage.seen.map(({ headers }) => headers.get('signature'))).toEqual([
      expect.stringMatching(/^sig1?=:[\w+/]{86}==:$/),
      expect.stringMatching(/^sig1?=:[\w+/]{86}==:$/),
    ])
  })

  it.each<[string, Answering, object]>([
    ['is overloaded', answerWith(429), { message: 'the key service answered 429' }],
    ['is unavailable', answerWith(503), { message: 'the key service answered 503' }],
    ['responds too late', () => undefined, { name: 'TimeoutError' }],
    [
      'closes the connection',
      (_bytes, response) => void response.destroy(),
      { name: 'TypeError', message: 'fetch failed' },
    ],
    ['signs with another key', signWith(otherKey), { code: 'signer_refused' }],
  ])(
    'reports the error of a key service that %s, sends nothing, and recovers with the next request',
    async (what, answer, said) => {
      const { stage, agent } = await openAgent()
      stage.api = () => new Response('data')
      service.answers.push(answer)
      if (what === 'responds too late') service.patience = 400
      await expect(agent.fetch(data)).rejects.toMatchObject(said)
      expect(stage.seen).toEqual([])
      service.patience = 60_000
      expect(await ended(agent.fetch(data))).toBe('data')
    },
  )

  it('prompts the user again if the service fails after the decision', async () => {
    const { agent, asked, answer } = await openAgent()
    const first = agent.fetch(data)
    await expect.poll(() => asked).toHaveLength(1)
    service.answers.push(answerWith(503))
    const [page] = await Promise.all([
      answer(asked[0] ?? ''),
      expect(first).rejects.toMatchObject({ message: 'the key service answered 503' }),
    ])
    expect(page).toContain('could not complete the request')
    const second = agent.fetch(data)
    await expect.poll(() => asked).toHaveLength(2)
    await answer(asked[1] ?? '')
    expect(await ended(second)).toBe('data')
  })
})
