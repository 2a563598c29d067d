import { createServer, request as sendRequest } from 'node:http'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createResource } from 'countersign/resource'
import { createGateway } from 'countersign-gateway'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { listenWith } from '../../countersign/test/resource/events-resource.js'
import { openClientStage } from '../../server/test/editions/oauth/clients/client-stage.js'
import { runSteps } from '../../server/test/editions/oauth/clients/client-steps.js'
import { expectAsInTable } from '../../server/test/editions/oauth/clients/client-table.js'
import { createNotesHandler, tools } from '../../server/test/editions/oauth/clients/notes-server.js'
import type { ProtectedNotes, ProtectedNotesOptions } from '../../server/test/editions/oauth/clients/protected-notes.js'
import { sdks } from '../../server/test/editions/oauth/clients/sdk-clients.js'

/** What the MCP server behind the gateway received. */
interface Received {
  proof: unknown
  authorization: unknown
}

/** The notes of `protectNotes`, behind a gateway. The MCP server itself knows nothing about its callers. */
async function protectBehindGateway(options: ProtectedNotesOptions, received: Received[]): Promise<ProtectedNotes> {
  const { origin, issuer, fetch, now } = options
  const serve = createNodeListener(createNotesHandler(), { origin: 'http://127.0.0.1' })
  const upstream = await listenWith(
    createServer((incoming, outgoing) => {
      const { 'x-aauth-proof': proof, authorization } = incoming.headers
      received.push({ proof, authorization })
      serve(incoming, outgoing)
    }),
  )
  const resource = createResource({
    id: origin,
    signer: await createSigner(await generatePrivateJwk({ kid: 'notes-1' })),
    authServer: issuer,
    scopes: { connect: 'Connect', 'notes.read': 'See your notes', 'notes.write': 'Change your notes' },
    denyList: {},
    fetch,
    now,
  })
  const path = '/mcp'
  const server = { path, name: 'Notes', connect: 'connect', initialScope: 'connect notes.read', tools }
  const gateway = createGateway({
    resource,
    upstream: `http://127.0.0.1:${upstream}`,
    mcp: [{ ...server, accept: ['aauth', 'oauth'] }],
  })
  onTestFinished(() => gateway.close())
  const port = await listenWith(gateway.server)
  return { url: origin + path, handler: (request) => sendTo(port, request) }
}

/** Sends a request to a port, with the host of its URL. */
async function sendTo(port: number, request: Request): Promise<Response> {
  const { method, headers } = request
  const { host, pathname, search } = new URL(request.url)
  const body = Buffer.from(await request.arrayBuffer())
  return new Promise((resolve, reject) => {
    const sent = sendRequest({ host: '127.0.0.1', port, method, path: pathname + search, agent: false }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.once('error', reject)
      answer.once('end', () => {
        const { statusCode: status = 502, rawHeaders } = answer
        const shown = new Headers()
        for (let at = 0; at < rawHeaders.length; at += 2) shown.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '')
        const content = [204, 205, 304].includes(status) ? null : Buffer.concat(chunks)
        resolve(new Response(content, { status, headers: shown }))
      })
    })
    sent.once('error', reject)
    for (const [name, value] of headers) sent.setHeader(name, value)
    sent.setHeader('host', host)
    sent.end(body)
  })
}

describe.each(Object.entries(sdks))('%s', (id, open) => {
  it('does behind a gateway what the table of clients says', async () => {
    vi.spyOn(console, 'warn').mockReturnValue()
    const received: Received[] = []
    const stage = await openClientStage((options) => protectBehindGateway(options, received))
    const client = open(stage)
    onTestFinished(() => client.close())
    expectAsInTable(id, await runSteps(client, stage))
    expect(stage.wire.filter((line) => line.includes('oauth-protected-resource'))).toContain(
      'GET https://notes.example/.well-known/oauth-protected-resource/mcp 200',
    )
    expect(new Set(received.map(({ proof }) => proof))).toEqual(new Set(['bearer']))
    expect(received.every(({ authorization }) => authorization === undefined)).toBe(true)
  })
})
