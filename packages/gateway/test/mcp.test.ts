import { createGateway, type GatewayOptions } from 'countersign-gateway'
import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { agent, byToken, id, json, resourceSigner } from '../../countersign/test/resource/events-resource.js'
import { exchange, message, openGateway, signedLines, statusOf } from './gateway-stage.js'

const mcp = [{ path: '/mcp', tools: { look: 'events.read', change: 'events.write' } }]
const call = (name: string) => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name } })

async function openMcp(given: Partial<GatewayOptions> = {}) {
  const options: Partial<GatewayOptions> = { mcp, routes: [{ method: '*', path: '/*', require: 'none' }], ...given }
  const stage = await openGateway(options, (_, outgoing) => {
    outgoing.setHeader('content-type', 'application/json')
    outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [] } }))
  })
  async function send(body: object, more: string[] = [], path = '/mcp') {
    const text = JSON.stringify(body)
    const accept = { accept: 'application/json, text/event-stream' }
    const init = { ...json(body), headers: { 'content-type': 'application/json', ...accept } }
    const lines = await signedLines(path, init, await byToken('events.read'))
    return exchange(stage.port, message([...lines, `Content-Length: ${text.length}`, ...more], text))
  }
  return { ...stage, send }
}

describe('an MCP server behind the gateway', () => {
  it('gets the calls that its table allows, with who asks', async () => {
    const { send, arrived } = await openMcp()
    const answer = await send(call('look'), ['X-AAuth-Scope: all', 'X_AAuth_Subject: admin'])
    expect(statusOf(answer)).toBe(200)
    expect(answer).toMatch(/"result":\{"content":\[\]\}/)
    expect(answer).toMatch(/cache-control: private, no-store/i)
    expect(JSON.parse(arrived[0]?.body ?? '')).toEqual(call('look'))
    expect(arrived[0]?.headers).toMatchObject({
      'x-aauth-level': 'authorization',
      'x-aauth-agent-server': agent,
      'x-aauth-subject': 'person-1',
      'x-aauth-scope': 'events.read',
    })
    expect(JSON.stringify(arrived[0]?.rawHeaders)).not.toMatch(/admin/)
  })

  it('gets no other call, no batch, no override, and nothing by another spelling of its path', async () => {
    const { send, arrived, port } = await openMcp()
    expect(statusOf(await send(call('change')))).toBe(403)
    expect(await send(call('unknown'))).toMatch(/"error"/)
    expect(statusOf(await send([call('look')]))).toBe(400)
    expect(statusOf(await send(call('look'), ['X-HTTP-Method-Override: DELETE']))).toBe(400)
    for (const path of ['/Mcp', '/mcp/', '/mcp;x', '/mcp.json'])
      expect(statusOf(await send(call('change'), [], path))).toBe(404)
    expect(statusOf(await exchange(port, message(['GET /mcp HTTP/1.1', 'Host: api.example'])))).toBe(401)
    expect(arrived).toEqual([])
    expect(statusOf(await exchange(port, message(['GET /others HTTP/1.1', 'Host: api.example'])))).toBe(200)
  })

  // G32
  it.each(
    `/mcp/x /mcp/sse /MCP/messages /mcp;a/x /mcp.php/x /mcp.json/ /mcp.a.b /mcp:x /mcp,x /mcp%20x /mcp%E2%80%8B /%20mcp /mcp@x /mcp~ /.mcp /mcp.tar.gz /mcp(x)/y /mcp%3Fx`.split(
      ' ',
    ),
  )('gets nothing by %s, whoever asks', async (path) => {
    for (const otherwise of ['refuse', 'pass'] as const) {
      const { send, arrived, port } = await openMcp({ otherwise })
      expect(statusOf(await send(call('change'), [], path))).toBe(404)
      expect(statusOf(await send(call('look'), [], path))).toBe(404)
      const text = JSON.stringify(call('change'))
      const unsigned = [`POST ${path} HTTP/1.1`, 'Host: api.example', `Content-Length: ${text.length}`]
      expect(statusOf(await exchange(port, message(unsigned, text)))).toBe(404)
      expect(arrived).toEqual([])
    }
  })

  it.each(['/mcp-docs', '/mcpx', '/mcp_x', '/x/mcp', '/mcp2/x'])('is not what is at %s', async (path) => {
    const { port } = await openMcp()
    expect(statusOf(await exchange(port, message([`GET ${path} HTTP/1.1`, 'Host: api.example'])))).toBe(200)
  })

  // G16
  it('gets an assertion, where there is one', async () => {
    const { send, arrived, options } = await openMcp({ assertion: { signer: resourceSigner } })
    expect(statusOf(await send(call('look'), ['X-AAuth-Assertion: forged']))).toBe(200)
    const keys = createLocalJWKSet({ keys: [resourceSigner.jwk as JWK] })
    const token = String(arrived[0]?.headers['x-aauth-assertion'])
    const { payload } = await jwtVerify(token, keys, { issuer: id, audience: options.upstream })
    expect(payload).toMatchObject({ level: 'authorization', agent, sub: 'person-1', scope: 'events.read' })
    expect(payload).toMatchObject({ method: 'POST', target: '/mcp', auth_server: 'https://auth.example' })
  })

  // G17
  it('is asked by a page whose origin is listed, which reads the challenge and the session', async () => {
    const { send, arrived, port } = await openMcp({ cors: { origins: ['https://app.example'] } })
    const preflight = (method: string, origin = 'https://app.example') =>
      exchange(
        port,
        message([
          'OPTIONS /mcp HTTP/1.1',
          'Host: api.example',
          `Origin: ${origin}`,
          `Access-Control-Request-Method: ${method}`,
          'Access-Control-Request-Headers: content-digest, mcp-protocol-version, signature',
        ]),
      )
    for (const method of ['GET', 'POST', 'DELETE']) {
      const answer = await preflight(method)
      expect(answer).toMatch(/^HTTP\/1\.1 204[\s\S]*allow-origin: https:\/\/app\.example\r\n/i)
      expect(answer).toMatch(/allow-headers: content-digest, mcp-protocol-version, signature\r\n/i)
      expect(answer).toContain(`Access-Control-Allow-Methods: ${method}\r\n`)
    }
    for (const answer of [await preflight('PUT'), await preflight('POST', 'https://evil.example')])
      expect(answer).not.toMatch(/allow-origin/i)
    expect(arrived).toEqual([])

    const page = ['Origin: https://app.example']
    const answers = [
      [200, await send(call('look'), page)],
      [403, await send(call('change'), page)],
      [400, await send([call('look')], page)],
      [400, await send(call('look'), [...page, 'X-HTTP-Method-Override: DELETE'])],
      [413, await send({ ...call('look'), more: 'x'.repeat(1_100_000) }, page)],
      [401, await exchange(port, message(['GET /mcp HTTP/1.1', 'Host: api.example', ...page]))],
      [405, await exchange(port, message(['PUT /mcp HTTP/1.1', 'Host: api.example', ...page]))],
    ] as const
    for (const [status, answer] of answers) {
      expect(statusOf(answer)).toBe(status)
      expect(answer.match(/allow-origin: https:\/\/app\.example\r\n/gi), answer).toHaveLength(1)
      expect(answer).toMatch(/expose-headers: [^\r]*agent-auth[^\r]*mcp-session-id/i)
      expect(answer).toMatch(/vary: [^\r]*origin/i)
    }
    const other = await send(call('look'), ['Origin: https://evil.example'])
    expect(statusOf(other)).toBe(200)
    expect(other).not.toMatch(/allow-origin/i)
  })

  it('that is down is 502', async () => {
    const { send, upstream } = await openMcp()
    await new Promise((resolve) => upstream.close(resolve))
    expect(statusOf(await send(call('look')))).toBe(502)
  })

  it('has one path', async () => {
    const { options } = await openGateway()
    expect(() => createGateway({ ...options, mcp: [{ path: '/mcp/*' }] })).toThrow(/must be one path/)
    expect(() => createGateway({ ...options, mcp: [{ path: '/%6dcp' }] })).toThrow(/need no encoding/)
  })

  // G32
  it.each([
    [{ mcp: [...mcp, { path: '/mcp', tools: {} }] }, /mcp: \/mcp is that of the MCP server at \/mcp, or below it/],
    [{ mcp: [...mcp, { path: '/Mcp/other' }] }, /mcp: \/Mcp\/other is that of/],
    [{ mcp: [{ path: '/jwks.json' }] }, /mcp: \/jwks\.json is that of/],
    [{ mcp: [{ path: '/resource' }] }, /mcp: \/resource\/token is that of/],
    ...['/mcp', '/mcp/health', '/mcp/*', '/mcp/{id}/x', '/mcp.json'].map(
      (path) =>
        [{ mcp, routes: [{ method: 'GET', path, require: 'none' }] }, /routes\[0\]\.path .* table counts/] as const,
    ),
  ] as [Partial<GatewayOptions>, RegExp][])('is not protected by two rules: %j', async (change, reason) => {
    const { options } = await openGateway()
    expect(() => createGateway({ ...options, ...change })).toThrow(reason)
  })
})
