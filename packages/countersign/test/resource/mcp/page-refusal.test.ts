import { request as sendRequest } from 'node:http'
import { type McpOptions, protectMcp } from 'countersign/resource/mcp'
import { describe, expect, it } from 'vitest'
import { message, openMcpStage, openPort, post } from './mcp-stage.js'

const table = { tools: { read_note: '' } }

/** The status of the response to an unauthenticated request: 401 if only its authentication is missing. */
function openServer(id: string, options: Partial<McpOptions> = {}) {
  const handler = protectMcp(openMcpStage(id).resource, { ...table, ...options }).around(() => new Response('served'))
  return async (headers: Record<string, string>, method = 'POST') =>
    (await handler(new Request(`${id}/mcp`, { method, headers }))).status
}

describe('a web page that calls an MCP server on loopback (B25)', () => {
  it.each([
    ['no page', {}, 401],
    ['its own origin', { host: '127.0.0.1:3000', origin: 'http://127.0.0.1:3000' }, 401],
    [
      'another port on loopback, such as the Inspector',
      { host: 'localhost:3000', origin: 'http://localhost:6274' },
      401,
    ],
    ['an IPv6 address', { host: '[::1]:3000' }, 401],
    ['a website that directs its own hostname to loopback', { host: 'evil.example:3000' }, 403],
    ['a hostname that begins like a loopback address', { host: '127.0.0.1.evil.example:3000' }, 403],
    ['a website', { host: '127.0.0.1:3000', origin: 'https://evil.example' }, 403],
    ['a page without an origin', { host: '127.0.0.1:3000', origin: 'null' }, 403],
  ])('from %s', async (_name, headers: Record<string, string>, status) => {
    const statusOf = openServer('http://127.0.0.1:3000')
    for (const method of ['POST', 'GET', 'DELETE']) expect(await statusOf(headers, method), method).toBe(status)
  })

  it('is refused on the wire, too', async () => {
    const port = await openPort()
    const { middleware } = protectMcp(openMcpStage(port.origin).resource, table)
    port.serve((incoming, outgoing) => middleware(incoming, outgoing, () => outgoing.end('served')))
    const { port: number } = new URL(port.origin)
    const statusOf = (host: string) =>
      new Promise((resolve, reject) => {
        sendRequest({ host: '127.0.0.1', port: number, path: '/mcp', headers: { host } }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
          .on('error', reject)
          .end()
      })
    expect([await statusOf(`localhost:${number}`), await statusOf(`evil.example:${number}`)]).toEqual([401, 403])
  })

  it('is accepted from an origin that is listed', async () => {
    const statusOf = openServer('http://127.0.0.1:3000', { origins: ['https://app.example'] })
    expect(await statusOf({ origin: 'https://app.example' })).toBe(401)
    expect(await statusOf({ origin: 'http://localhost:6274' })).toBe(403)
  })
})

describe('a web page that calls an MCP server on the internet', () => {
  it('is accepted from any origin by default: its hostname has no certificate for another one', async () => {
    expect(await openServer('https://api.example')({ origin: 'https://page.example' })).toBe(401)
  })

  it('is accepted only from the listed origins, and from the server’s own', async () => {
    const statusOf = openServer('https://api.example', { origins: ['https://app.example'] })
    for (const origin of ['https://app.example', 'https://api.example']) expect(await statusOf({ origin })).toBe(401)
    expect(await statusOf({ origin: 'https://app.example.evil.example' })).toBe(403)
  })

  it('learns nothing but that it may not call', async () => {
    const stage = openMcpStage()
    stage.serve(protectMcp(stage.resource, { ...table, origins: [] }).around(() => new Response('served')))
    const refused = await post(await stage.newAgent('planner'), stage.url, message('ping'), {
      origin: 'https://page.example',
    })
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([403, null])
    expect(await refused.json()).toMatchObject({
      id: null,
      error: { message: expect.stringContaining('origins') as string },
    })
  })
})

it('origins must be a list', () => {
  expect(() => protectMcp(openMcpStage().resource, { ...table, origins: 'https://app.example' as '*' })).toThrow(
    'protectMcp: origins must be a list of origins, or "*"',
  )
})
