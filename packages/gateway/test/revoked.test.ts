import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FetchDocument } from 'countersign'
import { january, revocationEntry } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import type { KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished } from 'vitest'
import { documentFetch, issuerDocuments } from '../../countersign/test/origins.js'
import {
  agent,
  agentSigner,
  authServer,
  id,
  issuerSigner,
  json,
  listenWith,
  resourceSigner,
} from '../../countersign/test/resource/events-resource.js'
import { openGateway, routes, signedLines } from './gateway-stage.js'

const listUri = `${authServer}/.well-known/aauth-revocations`

async function tokenOf(grant: string, lifetime = 600): Promise<KeyReference> {
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: authServer,
    aud: id,
    agent,
    sub: 'person-1',
    scope: 'events.read',
    jti: `${grant}.random`,
    iat: now,
    exp: now + lifetime,
    cnf: { jwk: agentSigner.jwk },
  }
  return { scheme: 'jwt', jwt: await issueToken(january.tokens.auth, claims, { signer: issuerSigner }) }
}

/** A gateway whose auth server takes a grant back, in front of an API that never ends an answer. */
async function openTakenBack() {
  const documents = issuerDocuments(authServer, [issuerSigner.jwk])
  const { [`${authServer}/.well-known/aauth-issuer`]: metadata, ...others } = documents
  const published = {
    ...others,
    [`${authServer}/.well-known/aauth-issuer`]: { ...metadata, revocation_list_uri: listUri },
  }
  const revoked: string[] = []
  /** Called when a list was given. */
  let onList = () => undefined as unknown
  const fetch: FetchDocument = async (url, init) => {
    if (url !== listUri) return documentFetch(published).fetch(url, init)
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss: authServer, iat, exp: iat + 120, revoked: [...revoked] }
    const list = await issueToken(january.tokens.revocations, claims as never, { signer: issuerSigner })
    onList()
    return new Response(list)
  }
  const scopes = { 'events.read': 'See your events' }
  const resource = createResource({ id, signer: resourceSigner, authServer, scopes, fetch, denyList: {} })
  let open = 0
  const upstream = createServer((incoming, outgoing) => {
    incoming.resume()
    open++
    outgoing.once('close', () => open--)
    const type = incoming.url === '/signed' ? 'application/x-ndjson' : 'text/event-stream'
    outgoing.writeHead(200, { 'content-type': type }).write('data: 1\n\n')
  })
  upstream.on('upgrade', (_, socket: Duplex) => {
    open++
    socket.once('close', () => open--).on('error', () => undefined)
    // Half of a connection stays open here until it is ended, too.
    socket.resume().on('end', () => socket.end())
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\ndata: 1')
  })
  const { port } = await openGateway({
    resource,
    upstream: `http://127.0.0.1:${await listenWith(upstream)}`,
    mcp: [{ path: '/mcp', tools: { look: 'events.read' } }],
    routes: [
      ...routes.filter(({ path }) => path !== '/signed'),
      { method: 'GET', path: '/signed', require: 'authorization', scope: 'events.read' },
    ],
  })
  return {
    port,
    left: () => open,
    /** Takes a grant back at the worst moment: right after a list without it was given. Gives when. */
    takeBack: (grant: string) =>
      new Promise<number>((resolve) => {
        onList = async () => {
          onList = () => undefined
          revoked.push(await revocationEntry('grant', grant))
          resolve(Date.now())
        }
      }),
  }
}

const handshake = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: abc']
const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'look' } }
const accept = { accept: 'application/json, text/event-stream' }

type LinesFor = (token: KeyReference) => Promise<string[]>

/** What is asked for, by what it is. */
const kinds: Record<string, LinesFor> = {
  'a WebSocket': async (token) => [...(await signedLines('/socket', undefined, token)), ...handshake, '', ''],
  'an event stream': async (token) => [...(await signedLines('/events', undefined, token)), '', ''],
  'another answer without an end': async (token) => [...(await signedLines('/signed', undefined, token)), '', ''],
  'an event stream of an MCP server': async (token) => {
    const init = { ...json(call), headers: { 'content-type': 'application/json', ...accept } }
    const text = JSON.stringify(call)
    return [...(await signedLines('/mcp', init, token)), `Content-Length: ${text.length}`, '', text]
  },
}

/** Opens one, and gives when it is over. */
async function begin(port: number, lines: readonly string[]): Promise<{ over: Promise<number> }> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  let text = ''
  const over = new Promise<number>((resolve) => {
    socket.once('close', () => resolve(Date.now()))
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      // The last chunk: the connection may stay for the next request.
      if (text.endsWith('\r\n0\r\n\r\n')) resolve(Date.now())
    })
  })
  socket.write(lines.join('\r\n'))
  await expect.poll(() => text, { timeout: 5000 }).toMatch(/data: 1/)
  return { over }
}

// G08
describe('with a deny list, a WebSocket, an event stream, another answer without an end, and one of an MCP server', () => {
  const each = <T>(work: (linesFor: LinesFor) => Promise<T>): Promise<T[]> =>
    Promise.all(Object.values(kinds).map(work))

  it('are closed on both sides within 5 s after the permission was removed; another one goes on', async () => {
    const times = await each(async (linesFor) => {
      const { port, left, takeBack } = await openTakenBack()
      const removed = await begin(port, await linesFor(await tokenOf('grant-1')))
      await begin(port, await linesFor(await tokenOf('grant-2')))
      expect(left()).toBe(2)
      const at = await takeBack('grant-1')
      const time = (await removed.over) - at
      await expect.poll(left).toBe(1)
      return time
    })
    for (const time of times) expect(time).toBeLessThan(5000)
  }, 30_000)

  it('are closed when their token ends', async () => {
    await each(async (linesFor) => {
      const { port, left } = await openTakenBack()
      const end = (Math.floor(Date.now() / 1000) + 4) * 1000
      const { over } = await begin(port, await linesFor(await tokenOf('grant-1', 4)))
      const late = (await over) - end
      expect(late).toBeGreaterThan(-1000)
      expect(late).toBeLessThan(2000)
      await expect.poll(left).toBe(0)
    })
  }, 30_000)
})
