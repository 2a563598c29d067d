import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FetchDocument } from 'countersign'
import { january, revocationEntry } from 'countersign/editions'
import { createResource } from 'countersign/resource'
import type { KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { holdClock } from '../../../test/hold-clock.js'
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

/** A gateway whose auth server revokes a grant, in front of an API whose responses never end. */
async function openRevoking() {
  const documents = issuerDocuments(authServer, [issuerSigner.jwk])
  const { [`${authServer}/.well-known/aauth-issuer`]: metadata, ...others } = documents
  const published = {
    ...others,
    [`${authServer}/.well-known/aauth-issuer`]: { ...metadata, revocation_list_uri: listUri },
  }
  const revoked: string[] = []
  /** Called when a list was fetched. */
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
  const checks = vi.spyOn(resource, 'isStillAuthorized')
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
    /** How often the authorization of a response was checked. */
    checks: () => checks.mock.calls.length,
    /** Revokes a grant at the worst moment: right after a list without it was fetched. */
    revoke: (grant: string) =>
      new Promise<void>((resolve) => {
        onList = async () => {
          onList = () => undefined
          revoked.push(await revocationEntry('grant', grant))
          resolve()
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

/** Opens one, and returns once it has begun. */
async function begin(port: number, lines: readonly string[]): Promise<{ over: Promise<void> }> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  let text = ''
  const over = new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      // The last chunk: the connection may stay for the next request.
      if (text.endsWith('\r\n0\r\n\r\n')) resolve()
    })
  })
  socket.write(lines.join('\r\n'))
  await expect.poll(() => text).toMatch(/data: 1/)
  return { over }
}

// G08
describe('with a deny list, a WebSocket, an event stream, another answer without an end, and one of an MCP server', () => {
  const each = <T>(work: (linesFor: LinesFor) => Promise<T>): Promise<T[]> =>
    Promise.all(Object.values(kinds).map(work))

  it('are closed on both sides within 5 s after the permission was revoked; another one continues', async () => {
    const clock = holdClock()
    const opened = await each(async (linesFor) => {
      const { port, left, revoke } = await openRevoking()
      const removed = await begin(port, await linesFor(await tokenOf('grant-1')))
      await begin(port, await linesFor(await tokenOf('grant-2')))
      expect(left()).toBe(2)
      return { removed, left, isRevoked: revoke('grant-1') }
    })
    // The lists are older than 3 seconds then, so that each is fetched again.
    clock.pass(4)
    await Promise.all(opened.map(({ isRevoked }) => isRevoked))
    clock.pass(4)
    await Promise.all(opened.map(({ removed }) => removed.over))
    for (const { left } of opened) await expect.poll(left).toBe(1)
  })

  it('are closed when their token expires, and not before', async () => {
    const clock = holdClock()
    const opened = await each(async (linesFor) => {
      const { port, left, checks } = await openRevoking()
      const { over } = await begin(port, await linesFor(await tokenOf('grant-1', 40)))
      await expect.poll(checks).toBeGreaterThan(0)
      expect(left()).toBe(1)
      return { over, left }
    })
    clock.pass(41)
    await Promise.all(opened.map(({ over }) => over))
    for (const { left } of opened) await expect.poll(left).toBe(0)
  })
})
