import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { type ProtectedMcp, protectMcp } from 'countersign/resource/mcp'
import { describe, expect, it } from 'vitest'
import { signAccessToken } from '../../access-token.js'
import { dataFrame, exchangeFrames, headersFrame } from '../../attacks/raw-http2.js'
import { oauthDocuments } from '../../origins.js'
import { listenWith } from '../events-resource.js'
import { ids, message, openMcpStage } from './mcp-stage.js'

const signer = await createSigner(await generatePrivateJwk({ kid: 'oauth-1' }))
const documents = oauthDocuments(ids.authServer, [signer.jwk])

async function bearer(): Promise<string> {
  const claims = { iss: ids.authServer, aud: `${ids.api}/mcp`, scope: 'notes.read' }
  return `Bearer ${await signAccessToken(claims, { signer })}`
}

type Listener = (incoming: Http2ServerRequest, outgoing: Http2ServerResponse) => void

const mounts: Record<string, (mcp: ProtectedMcp, received: string[]) => Listener> = {
  middleware: (mcp, received) => (incoming, outgoing) =>
    mcp.middleware(incoming, outgoing, () => {
      let text = ''
      incoming.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      incoming.on('end', () => {
        received.push(text)
        outgoing.end('{}')
      })
      incoming.resume()
      // The stream has already ended if its content was read.
      if (incoming.readableEnded) {
        received.push(JSON.stringify((incoming as { body?: unknown }).body) ?? '')
        outgoing.end('{}')
      }
    }),
  around: (mcp, received) =>
    createNodeListener(
      mcp.around(async (request) => {
        received.push(await request.text())
        return Response.json({})
      }),
      { origin: ids.api },
    ),
}

async function openServer(mount: (typeof mounts)[string]) {
  const stage = openMcpStage(ids.api, {}, documents)
  const received: string[] = []
  const mcp = protectMcp(stage.resource, {
    accept: ['aauth', 'oauth'],
    path: '/mcp',
    tools: { look: 'notes.read', change: 'notes.write' },
  })
  const port = await listenWith(createServer(mount(mcp, received)))
  async function send(method: string, headers: Iterable<[string, string]>, content?: string): Promise<number> {
    const head: [string, string][] = [
      [':method', method],
      [':scheme', 'https'],
      [':authority', 'mcp.example'],
      [':path', '/mcp'],
      ...headers,
    ]
    const frames = [headersFrame(head, { end: content === undefined })]
    if (content !== undefined) frames.push(dataFrame(content))
    return (await exchangeFrames(port, frames)).status
  }
  return { stage, received, send }
}

const call = JSON.stringify(message('tools/call', { name: 'change' }))

// M20
describe.each(Object.entries(mounts))('an MCP server over HTTP/2, %s', (_, mount) => {
  it.each(['GET', 'DELETE'])('receives no content of %s, which nothing announces', async (method) => {
    const { received, send, stage } = await openServer(mount)
    const authorization: [string, string] = ['authorization', await bearer()]
    expect(await send(method, [authorization])).toBe(200)
    expect(await send(method, [authorization], call)).toBe(400)
    const agent = await stage.newAgent('planner')
    const statuses: number[] = []
    stage.serve(async ({ headers }) => {
      const signed = [...headers].filter(([name]) => name !== 'content-length')
      statuses.push(await send(method, signed, call))
      return new Response(null, { status: 200 })
    })
    await agent.fetch(stage.url, { method })
    expect(statuses, 'a signed request to which content was added').toEqual([400])
    expect(received).toEqual([''])
  })
})
