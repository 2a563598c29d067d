import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type AgentOptions, createAgent } from 'countersign/agent'
import { createNodeListener } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'

const signer = await createSigner(await generatePrivateJwk())
let origin: string
const targets: string[] = []
const covered: boolean[] = []

// Real sockets and Node's own fetch: what it sends does not always match the Request.
const server = createServer((incoming, outgoing) => {
  targets.push(incoming.url ?? '')
  covered.push(String(incoming.headers['signature-input']).includes('"@query"'))
  createNodeListener(answer, { origin })(incoming, outgoing)
})
let answer: Parameters<typeof createNodeListener>[0]

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const resource = createResource({
    id: origin,
    signer,
    authServer: 'https://auth.example',
    allowInsecureLoopback: true,
  })
  answer = async (request, received) => {
    try {
      const { body } = await resource.verify(received ?? request, { require: 'signature' })
      return new Response(Buffer.from(body))
    } catch (error) {
      return resource.toResponse(error)
    }
  }
})

afterAll(() => new Promise((resolve) => server.close(resolve)))

const agentWith = (options: Partial<AgentOptions> = {}) =>
  createAgent({
    id: 'http://127.0.0.1:1',
    signer,
    authServers: [],
    interop: { introduce: 'key' },
    allowInsecureLoopback: true,
    onConsent: () => undefined,
    ...options,
  })

describe('S18: the agent’s fetch sends what it signed', () => {
  it.each([
    ['/a?', '/a'],
    ['/a?#part', '/a'],
    ['/?', '/'],
    ['?', '/'],
    ['/a#?', '/a'],
    ['/a', '/a'],
    ['/a??', '/a??'],
    ['/a?b', '/a?b'],
    ['/a?b#?', '/a?b'],
    ['/a?%', '/a?%'],
    ['/a^b?c^d', '/a%5Eb?c^d'],
    ["/a?'", '/a?%27'],
  ])('%s', async (asked, sent) => {
    const agent = agentWith()
    for (const input of [`${origin}${asked}`, new URL(`${origin}${asked}`), new Request(`${origin}${asked}`)]) {
      for (const init of [{}, { method: 'POST', body: 'hello' }]) {
        const response = await agent.fetch(input, init)
        expect([response.status, await response.text()]).toEqual([200, init.body ?? ''])
        expect(targets.at(-1)).toBe(sent)
        expect(covered.at(-1)).toBe(sent.includes('?'))
      }
    }
  })
})

function listenForWarnings(): string[] {
  const warnings: string[] = []
  const note = ({ message }: Error) => void warnings.push(message)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  return warnings
}

it('warns once if a resource does not find its key, and names where the key must be published', async () => {
  const warnings = listenForWarnings()
  const refuse = (error: string) => async () =>
    new Response(null, { status: 401, headers: { 'signature-error': `error=${error}` } })
  const fetchFrom = (error: string) => agentWith({ fetch: refuse(error) }).fetch('https://keys.example/')
  for (const error of ['invalid_key', 'unknown_key', 'unknown_key']) expect((await fetchFrom(error)).status).toBe(401)
  await new Promise(setImmediate)
  expect(warnings).toEqual([expect.stringMatching(/https:\/\/keys\.example[\s\S]*\/\.well-known\/aauth-agent/)])
})

describe('clock skew', () => {
  const seconds = () => Date.now() / 1000

  it('of a fraction of a second is ignored', async () => {
    for (const fraction of [0.001, 0.5, 0.999]) {
      const response = await agentWith({ now: () => Math.floor(seconds()) + fraction }).fetch(`${origin}/a`)
      expect(response.status).toBe(200)
    }
  })

  it('of minutes causes one warning, with the size of the skew', async () => {
    const warnings = listenForWarnings()
    const fetchWith = (offset: number) => agentWith({ now: () => seconds() + offset }).fetch(`${origin}/a`)
    expect((await fetchWith(-30)).status).toBe(200)
    await new Promise(setImmediate)
    expect(warnings).toEqual([])
    // The response carries the server's time, which the next signature uses.
    for (const round of [1, 2]) expect([round, (await fetchWith(-300)).status]).toEqual([round, 200])
    await new Promise(setImmediate)
    expect(warnings).toEqual([
      expect.stringMatching(
        /^clock skew between this agent and http:\/\/127\.0\.0\.1:\d+: the agent's clock is (?:299|300|301) s behind the server, which refuses/,
      ),
    ])
  })

  const at = 1_800_000_000
  it.each<[string, number | undefined, number, string, boolean]>([
    ['56 s ahead', 56, 401, 'error=invalid_signature', true],
    ['56 s behind', -56, 401, 'error=invalid_signature', true],
    ['55 s ahead', 55, 401, 'error=invalid_signature', false],
    ['55 s behind', -55, 401, 'error=invalid_signature', false],
    ['an hour ahead, and the request was forbidden', 3600, 403, 'error=invalid_signature', false],
    ['an hour ahead, and the key is unknown', 3600, 401, 'error=unknown_key', false],
    ['an hour ahead, and the response does not mention the signature', 3600, 401, '', false],
    ['unknown, since the response has no Date', undefined, 401, 'error=invalid_signature', false],
  ])('%s', async (name, offset, status, signatureError, warned) => {
    const warnings = listenForWarnings()
    const headers = new Headers(signatureError === '' ? {} : { 'signature-error': signatureError })
    if (offset !== undefined) headers.set('date', new Date((at - offset) * 1000).toUTCString())
    const fetch = async () => new Response(null, { status, headers })
    const url = `https://${name.replaceAll(/\W+/g, '-')}.example/`
    expect((await agentWith({ fetch, now: () => at }).fetch(url)).status).toBe(status)
    await new Promise(setImmediate)
    const expected = `: the agent's clock is ${Math.abs(offset ?? 0)} s ${(offset ?? 0) > 0 ? 'ahead of' : 'behind'} the server`
    expect(warnings.filter((message) => message.startsWith('clock skew between this agent'))).toEqual(
      warned ? [expect.stringContaining(expected)] : [],
    )
  })
})
