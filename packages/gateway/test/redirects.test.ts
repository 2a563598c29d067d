import { createGateway } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'
import { json } from '../../countersign/test/resource/events-resource.js'
import { type Arrived, exchange, message, openGateway, signedLines } from './gateway-stage.js'

const open = [{ method: '*', path: '/*', require: 'none' }] as const

/** Opens a gateway whose API sends one header, given its own authority, and returns that header as the client receives it. */
async function receivedBy(name: string, valueFor: (authority: string) => string, given: object = {}) {
  const stage = await openGateway({ routes: open, ...given }, (incoming, outgoing) => {
    outgoing.writeHead(307, [name, valueFor(incoming.headers.host ?? '')])
    outgoing.end()
  })
  const answer = await exchange(stage.port, message(['GET /albums HTTP/1.1', 'Host: client.example']))
  const value = new RegExp(`^${name}: (.*)\r$`, 'im').exec(answer)?.[1]
  return { value, arrived: stage.arrived, authority: new URL(stage.upstreamUrl).host }
}

// G55
describe('a redirect of the API', () => {
  it.each<[string, (authority: string) => string, string]>([
    ['Location', (own) => `http://${own}/albums/`, 'https://api.example/albums/'],
    ['location', (own) => `HTTP://${own}?a=/../b`, 'https://api.example?a=/../b'],
    ['Location', (own) => `http://${own}`, 'https://api.example'],
    // uvicorn takes the scheme from X-Forwarded-Proto, but the host from Host.
    ['Location', (own) => `https://${own}/albums/`, 'https://api.example/albums/'],
    ['Location', (own) => `//${own}/albums/`, 'https://api.example/albums/'],
    ['Location', () => 'http://api.example/albums/', 'https://api.example/albums/'],
    ['Location', () => 'https://API.example:443/albums/', 'https://api.example/albums/'],
    ['Content-Location', (own) => `http://${own}/albums/7`, 'https://api.example/albums/7'],
    ['Refresh', (own) => `5; url=http://${own}/albums/`, '5; url=https://api.example/albums/'],
    ['Refresh', (own) => `0;URL='http://${own}'`, "0;URL='https://api.example'"],
    ['Refresh', (own) => `0 http://${own}/`, '0 https://api.example/'],
  ])('in %s that names its own address leads to the resource', async (name, valueFor, expected) => {
    expect((await receivedBy(name, valueFor)).value).toBe(expected)
  })

  it.each<[string, (authority: string) => string]>([
    ['a relative reference', () => '/albums/'],
    ['a path that reads as its address', (own) => `/http://${own}/`],
    ['another host', () => 'http://elsewhere.example/albums/'],
    ['a host that starts with its address', (own) => `http://${own}.evil.example/`],
    ['a port that starts with its port', (own) => `http://${own}0/`],
    ['no port', (own) => `http://${own.split(':')[0]}/`],
    ['another port of the resource', () => 'https://api.example:8443/'],
    ['its address as a username', (own) => `http://${own}@evil.example/`],
    ['its address as a name and password, with a quotation mark', (own) => `http://${own}"@evil.example/`],
    ['a username at its address', (own) => `http://admin@${own}/`],
    ['a backslash after its address', (own) => `http://${own}\\@evil.example/`],
    ['a tab in its address', (own) => `http://${own}\t.evil.example/`],
    ['another scheme', (own) => `ftp://${own}/`],
    ['a scheme with one slash', (own) => `http:/${own}/`],
    ['its address in the query of another host', (own) => `https://login.example/?next=http://${own}/`],
  ])('to %s is forwarded unchanged', async (_, valueFor) => {
    for (const name of ['Location', 'Content-Location']) {
      const { value, authority } = await receivedBy(name, valueFor)
      expect(value).toBe(valueFor(authority))
    }
  })

  it.each<[string, (authority: string) => string]>([
    ['without a URL', () => '5'],
    ['to a host after a quotation mark', (own) => `0; url=http://${own}"@evil.example/`],
    ['to another host', () => '0; url="http://evil.example/"'],
  ])('in Refresh %s is forwarded unchanged', async (_, valueFor) => {
    const { value, authority } = await receivedBy('Refresh', valueFor)
    expect(value).toBe(valueFor(authority))
  })

  it('does not change other headers', async () => {
    const link = (own: string) => `<http://${own}/albums?page=2>; rel="next"`
    const { value, authority } = await receivedBy('Link', link)
    expect(value).toBe(link(authority))
  })

  // The MCP server's path has its own way through the gateway.
  it('of an MCP server leads to the resource', async () => {
    const mcp = [{ path: '/mcp', tools: {} }]
    const stage = await openGateway({ routes: [], mcp }, (incoming, outgoing) => {
      outgoing.writeHead(307, { location: `http://${incoming.headers.host}/mcp/` })
      outgoing.end()
    })
    const list = json({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
    const init = {
      ...list,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    }
    const lines = await signedLines('/mcp', init)
    const answer = await exchange(
      stage.port,
      message([...lines, `Content-Length: ${String(list.body).length}`], String(list.body)),
    )
    expect(answer).toMatch(/^location: https:\/\/api\.example\/mcp\/\r$/im)
  })
})

describe('the Host header', () => {
  it('is that of the upstream, whatever the client sends', async () => {
    const { arrived, authority } = await receivedBy('Location', () => '/')
    expect(hostsOf(arrived)).toEqual([authority])
  })

  it('is that of the resource with preserveHost, whatever the client sends', async () => {
    const stage = await openGateway({ routes: open })
    const upstream = { url: stage.upstreamUrl, preserveHost: true }
    stage.gateway.use({ ...stage.options, upstream })
    await exchange(stage.port, message(['GET /albums HTTP/1.1', 'Host: client.example']))
    expect(hostsOf(stage.arrived)).toEqual(['api.example'])
  })

  it('of the resource in a redirect of the API gets the scheme of the resource', async () => {
    const stage = await openGateway({ routes: open }, (incoming, outgoing) => {
      outgoing.writeHead(307, { location: `http://${incoming.headers.host}/albums/` })
      outgoing.end()
    })
    stage.gateway.use({ ...stage.options, upstream: { url: stage.upstreamUrl, preserveHost: true } })
    const answer = await exchange(stage.port, message(['GET /albums HTTP/1.1', 'Host: client.example']))
    expect(answer).toMatch(/^location: https:\/\/api\.example\/albums\/\r$/im)
  })

  it('cannot be configured as anything but true or false', async () => {
    const { options, upstreamUrl: url } = await openGateway({ routes: open })
    const upstream = { url, preserveHost: 'api.example' as never }
    expect(() => createGateway({ ...options, upstream })).toThrow('upstream.preserveHost must be true or false')
  })
})

const hostsOf = (arrived: readonly Arrived[]) =>
  arrived.map(({ rawHeaders }) => rawHeaders[rawHeaders.findIndex((name) => name.toLowerCase() === 'host') + 1])
