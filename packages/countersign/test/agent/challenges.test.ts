import { createAgent } from 'countersign/agent'
import { type AgentEdition, january } from 'countersign/editions'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { agentSigner, ended, ids, openStage, type Stage } from './stage.js'

const data = `${ids.api}/data`
const asking = (agentAuth: string, status = 401) => new Response('no', { status, headers: { 'agent-auth': agentAuth } })
const schemes = (stage: Stage) =>
  stage.seen.map(({ scheme, url }) => (url.startsWith(ids.authServer) ? 'token request' : scheme))

/** A stage whose auth server issues tokens immediately. */
function openDirect(options: Parameters<typeof openStage>[0] = {}, more: object = {}): Stage {
  const stage = openStage(options)
  stage.token.auth = async () => ({ auth_token: await stage.authToken(), ...more })
  return stage
}

describe('a refusal', () => {
  it.each<[string, string, number, string[]]>([
    ['a challenge for an identity', 'httpsig; identity=?1', 401, ['hwk', 'jwks']],
    ['a challenge for an identity, with 403', 'httpsig; identity=?1', 403, ['hwk', 'jwks']],
    ['a challenge for an identity, with 429', 'httpsig; identity=?1', 429, ['hwk', 'jwks']],
    ['a challenge for a token, without auth server or resource token', 'httpsig; auth-token', 401, ['hwk', 'jwks']],
    ['a challenge for a signature', 'httpsig', 401, ['hwk']],
    ['a challenge with another status', 'httpsig; identity=?1', 400, ['hwk']],
    ['a challenge with a success status', 'httpsig; identity=?1', 200, ['hwk']],
  ])('is handled for an agent that introduces itself by key: %s', async (_what, agentAuth, status, expected) => {
    const stage = openDirect({ interop: { introduce: 'key' } })
    stage.api = () => asking(agentAuth, status)
    const response = await stage.agent.for('s1').fetch(data)
    expect(response.status).toBe(status)
    expect(await response.text()).toBe('no')
    expect(schemes(stage)).toEqual(expected)
  })

  it('is satisfied if it has a resource token, even for an agent that introduces itself by key', async () => {
    const stage = openDirect({ interop: { introduce: 'key' } })
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(schemes(stage)).toEqual(['hwk', 'token request', 'jwt'])
  })

  it('is returned to the caller if it requires an identity from an agent that already gave one', async () => {
    const stage = openDirect()
    stage.api = () => asking('httpsig; identity=?1')
    expect((await stage.agent.for('s1').fetch(data)).status).toBe(401)
    expect(schemes(stage)).toEqual(['jwks'])
  })

  it.each([401, 403, 429])('is satisfied if it is a %d with a challenge', async (status) => {
    const stage = openDirect()
    stage.api = (_path, { scheme }) => (scheme === 'jwt' ? new Response('data') : stage.challenge('data.read', status))
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
  })

  it('without a resource token drops the refused auth token, and a new one is requested with the agent’s key', async () => {
    const stage = openDirect()
    await stage.agent.for('s1').fetch(data)
    const [, , first] = stage.seen
    const answering = stage.api
    stage.api = (path, one) => (one.jwt === first?.jwt ? asking('httpsig; auth-token') : answering(path, one))
    stage.seen.length = 0
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(schemes(stage)).toEqual(['jwt', 'jwks', 'token request', 'jwt'])
    stage.seen.length = 0
    await stage.agent.for('s1').fetch(data)
    expect(schemes(stage)).toEqual(['jwt'])
  })

  it('drops the refused token, even if no other replaces it', async () => {
    const stage = openDirect()
    await stage.agent.for('s1').fetch(data)
    stage.api = (_path, { scheme }) => (scheme === 'jwt' ? asking('httpsig; auth-token') : new Response('public'))
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('public')
    stage.seen.length = 0
    await stage.agent.for('s1').fetch(data)
    expect(schemes(stage)).toEqual(['jwks'])
  })

  it('of a token with 403 and no resource token is returned to the caller, and the token is kept', async () => {
    const stage = openDirect()
    await stage.agent.for('s1').fetch(data)
    stage.api = () => asking('httpsig; auth-token', 403)
    stage.seen.length = 0
    expect((await stage.agent.for('s1').fetch(data)).status).toBe(403)
    expect((await stage.agent.for('s1').fetch(data)).status).toBe(403)
    expect(schemes(stage)).toEqual(['jwt', 'jwt'])
  })

  it('of a token with a refresh token: 401 refreshes it, 403 requests more', async () => {
    for (const [status, type] of [
      [401, 'refresh'],
      [403, 'auth'],
    ] as const) {
      const stage = openDirect({}, { refresh_token: 'r' })
      await stage.agent.for('s1').fetch(data)
      const first = stage.seen.at(-1)?.jwt
      const answering = stage.api
      stage.api = (path, one) => (one.jwt === first ? stage.challenge('data.read', status) : answering(path, one))
      stage.seen.length = 0
      expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
      expect(stage.forms().map(({ request_type }) => request_type)).toEqual([type])
    }
  })

  it('of every token is returned to the caller after each step was tried once', async () => {
    const stage = openDirect({}, { refresh_token: 'r' })
    stage.api = () => stage.challenge('data.read')
    expect((await stage.agent.for('s1').fetch(data)).status).toBe(401)
    expect(schemes(stage)).toEqual(['jwks', 'token request', 'jwt', 'token request', 'jwt'])
    expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['auth', 'refresh'])
  })

  it('has its unread body canceled, to free the connection', async () => {
    let cancelled = 0
    const stage = openDirect()
    const answering = stage.api
    stage.api = async (path, one) => {
      const response = (await answering(path, one)) as Response
      if (response.status !== 401) return response
      const cancel = () => void cancelled++
      return new Response(new ReadableStream({ cancel }), { status: 401, headers: response.headers })
    }
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(cancelled).toBe(1)
  })
})

describe('a request', () => {
  it('is resent in full, with a new nonce, and follows no redirect', async () => {
    const stage = openDirect()
    const request = new Request(data, {
      method: 'PUT',
      body: 'hello',
      headers: { 'content-type': 'text/plain', 'x-own': '1' },
      redirect: 'follow',
    })
    expect(await ended(stage.agent.for('s1').fetch(request))).toBe('data')
    const sent = stage.seen.filter(({ url }) => url === data)
    expect(sent.map(({ method, body, redirect, headers }) => [method, body, redirect, headers.get('x-own')])).toEqual(
      Array(2).fill(['PUT', 'hello', 'manual', '1']),
    )
    expect(new Set(sent.map(({ headers }) => headers.get('nonce'))).size).toBe(2)
    expect(sent[0]?.headers.get('content-type')).toBe('text/plain')
  })

  it('is resent in full if its body is a stream', async () => {
    const stage = openDirect()
    const body = new Blob(['hel', 'lo']).stream()
    const headers = { 'content-type': 'text/plain' }
    const init = { method: 'POST', body, duplex: 'half', headers } as RequestInit
    expect(await ended(stage.agent.for('s1').fetch(data, init))).toBe('data')
    expect(stage.seen.filter(({ url }) => url === data).map(({ body }) => body)).toEqual(['hello', 'hello'])
  })

  it('is not sent if its session is forgotten while its body is read', async () => {
    const stage = openDirect()
    const body = new ReadableStream({
      pull(controller) {
        void stage.agent.forget('s1')
        controller.enqueue(Buffer.from('hello'))
        controller.close()
      },
    })
    const init = { method: 'POST', body, duplex: 'half', headers: { 'content-type': 'text/plain' } } as RequestInit
    expect(await ended(stage.agent.for('s1').fetch(data, init))).toBe('session_forgotten')
    expect(stage.seen).toEqual([])
  })

  it('fails when its signal aborts, if fetch observes the signal', async () => {
    const stage = openDirect()
    const abort = new AbortController()
    stage.api = (_path, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
        abort.abort(new Error('given up'))
      })
    for (const init of [{}, { method: 'POST', body: 'hello' }])
      expect(await ended(stage.agent.for('s1').fetch(data, { ...init, signal: abort.signal }))).toBe('given up')
  })

  it('fails when its signal aborts, even if fetch ignores the signal and returns a response', async () => {
    const stage = openDirect()
    const abort = new AbortController()
    stage.api = () => {
      abort.abort(new Error('given up'))
      return new Response('data')
    }
    expect(await ended(stage.agent.for('s1').fetch(data, { signal: abort.signal }))).toBe('given up')
  })

  it('is signed as the options specify', async () => {
    const stage = openDirect({ interop: { signatureEncoding: 'base64url', nonce: 'never' } })
    await stage.agent.for('s1').fetch(data, { method: 'POST' })
    for (const { headers } of stage.seen) {
      expect(headers.get('signature')).toMatch(/^sig1=:[\w-]{86}:$/)
      expect(headers.has('nonce')).toBe(false)
      expect(headers.get('signature-input')).toMatch(/;created=1800000000$/)
    }
    const plain = openDirect()
    await plain.agent.for('s1').fetch(data, { method: 'POST' })
    for (const { headers } of plain.seen) {
      expect(headers.get('signature')).toMatch(/^sig1=:[\w+/]{86}==:$/)
      expect(headers.has('nonce')).toBe(true)
    }
  })

  it('from a delegate carries its agent token, obtained again for each request', async () => {
    let tokens = 0
    const stage = openDirect({ agentToken: async () => `agent.token.${++tokens}` })
    stage.api = (_path, { jwt }) => (jwt?.startsWith('eyJ') ? new Response('data') : stage.challenge('data.read'))
    await stage.agent.for('s1').fetch(data)
    expect(stage.seen.map(({ jwt }) => jwt)).toEqual(['agent.token.1', 'agent.token.2', expect.stringMatching(/^eyJ/)])
  })

  it('names the published key, or contains only its public members', async () => {
    const stage = openDirect({ interop: { introduce: 'key' } })
    stage.api = (_path, { scheme }) => (scheme === 'hwk' ? asking('httpsig; identity=?1') : new Response('data'))
    await stage.agent.for('s1').fetch(data)
    expect(stage.seen.map(({ headers }) => headers.get('signature-key'))).toEqual([
      `sig1=(scheme=hwk crv="Ed25519" kty="OKP" x="${agentSigner.jwk.x}")`,
      `sig1=(scheme=jwks id="${ids.agent}" kid="agent-1" well-known="aauth-agent")`,
    ])
  })

  it('uses the platform’s fetch and the system clock by default', async () => {
    const sent: Request[] = []
    const fetch = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
      sent.push(new Request(input))
      return new Response('data')
    })
    onTestFinished(() => fetch.mockRestore())
    const options = { id: ids.agent, signer: agentSigner, authServers: [], onePerson: true, onConsent: () => undefined }
    const { fetch: ask } = createAgent(options)
    expect(await ended(ask(data))).toBe('data')
    const created = Number(/;created=(\d+)/.exec(sent[0]?.headers.get('signature-input') ?? '')?.[1])
    expect(Math.abs(created - Date.now() / 1000)).toBeLessThan(60)
  })
})

describe('a background refresh', () => {
  const patient = { timeout: 60_000 }

  it('is abandoned after ten seconds, and the next request tries again', async () => {
    const timeout = vi.spyOn(AbortSignal, 'timeout')
    onTestFinished(() => timeout.mockRestore())
    const late = new AbortController()
    timeout.mockReturnValueOnce(late.signal)
    const stage = openDirect({}, { refresh_token: 'r', expires_in: 600 })
    await stage.agent.for('s1').fetch(data)
    const refreshing = stage.token.refresh
    let given: Request | undefined
    stage.token.refresh = (_form, { request }) => {
      given = request
      return new Promise(() => undefined)
    }
    stage.clock.now += 500
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    await vi.waitFor(() => expect(given).toBeDefined(), patient)
    expect(timeout.mock.calls).toEqual([[10_000]])
    expect(given?.signal.aborted).toBe(false)
    stage.token.refresh = refreshing
    late.abort(new Error('late'))
    expect(given?.signal.aborted).toBe(true)
    // The next refresh can begin only once the abandoned one has been removed.
    await vi.waitFor(async () => {
      await stage.agent.for('s1').fetch(data)
      expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['auth', 'refresh', 'refresh'])
    }, patient)
  })
})

it('takes at most six steps per request, whatever an edition reads in the responses', async () => {
  let levels = 0
  const endless: AgentEdition = {
    ...january,
    createAgentProtocol: (tools) => ({
      ...january.createAgentProtocol(tools),
      readRefusal: () => ({ challenge: { level: `level ${levels++}` } }),
      stepFor: () => 'identify',
    }),
  }
  const stage = openStage({ edition: endless })
  stage.api = () => asking('httpsig')
  expect((await stage.agent.for('s1').fetch(data)).status).toBe(401)
  expect(stage.seen).toHaveLength(7)
})

it('does not wait for other readers of a cloned response, such as a fetch that logs responses', async () => {
  const stage = openDirect({ interop: { introduce: 'key' } })
  const copies: Response[] = []
  const answering = stage.api
  stage.api = async (path, one) => {
    const answer = await answering(path, one)
    if (answer instanceof Response) copies.push(answer.clone())
    return answer
  }
  expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
  expect(copies.length).toBeGreaterThan(1)
})
