import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { expect, it, onTestFinished } from 'vitest'
import { listenWith } from '../../countersign/test/resource/events-resource.js'
import { openPersonServer, openUpstream } from '../../gateway/test/person-server.js'
import { startCommand } from './run-command.js'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function configuration(upstream: string, id: string, more: object = {}): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-workers-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'api-key.json'), JSON.stringify(await generatePrivateJwk()))
  const file = join(folder, 'gateway.json')
  const settings = {
    id,
    authServer: 'https://auth.example',
    keyFile: 'api-key.json',
    upstream,
    listen: { port: Number(new URL(id).port) },
    routes: [{ method: 'POST', path: '/events', require: 'signature' }],
    allowInsecureLoopback: true,
    ...more,
  }
  writeFileSync(file, JSON.stringify(settings))
  return file
}

// G12
it('accepts one signed request once across all workers, and counts rates together', async () => {
  let arrived = 0
  const upstream = createServer((_, outgoing) => {
    arrived++
    outgoing.end('done')
  })
  const id = `http://127.0.0.1:${await freePort()}`
  const file = await configuration(`http://127.0.0.1:${await listenWith(upstream)}`, id)
  const running = startCommand(['gateway', 'start', '--config', file, '--workers', '3'])
  const { child, finished } = running
  onTestFinished(() => void child.kill('SIGKILL'))
  await running.seen(/(?:Protecting [\s\S]*){3}/)
  const signer = await createSigner(await generatePrivateJwk())
  const signatureKey = { scheme: 'hwk', jwk: signer.jwk } as const
  const sign = () =>
    signRequest(new Request(`${id}/events`, { method: 'POST' }), { profile: january.signing, signer, signatureKey })
  const send = async (request: Request) => {
    const headers = { ...Object.fromEntries(request.headers), connection: 'close' }
    return (await fetch(request.url, { method: 'POST', headers })).status
  }
  const one = await sign()
  const statuses = await Promise.all(Array.from({ length: 9 }, () => send(one)))
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(statuses.filter((status) => status === 401)).toHaveLength(8)
  expect(arrived).toBe(1)
  // Ten per minute for a key that proves no agent; the replays were counted as well.
  const more = await Promise.all(Array.from({ length: 6 }, async () => send(await sign())))
  expect(more.filter((status) => status === 429)).toHaveLength(5)
  child.kill('SIGTERM')
  expect((await finished).status).toBe(0)
})

// G38
it('shares an MCP server’s sessions across all workers', async () => {
  const upstream = createServer((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'application/json', 'mcp-session-id': 'session-1' })
    outgoing.end('{"jsonrpc":"2.0","id":1,"result":{}}')
  })
  const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
  const agent: string = `http://127.0.0.1:${await listenWith(
    createServer(({ url }, outgoing) => {
      const document = url?.includes('well-known') ? { agent, jwks_uri: `${agent}/jwks.json` } : { keys: [signer.jwk] }
      outgoing.setHeader('content-type', 'application/json')
      outgoing.end(JSON.stringify(document))
    }),
  )}`
  const id = `http://127.0.0.1:${await freePort()}`
  const mcp = [{ path: '/mcp', tools: { look: '' } }]
  const file = await configuration(`http://127.0.0.1:${await listenWith(upstream)}`, id, { mcp })
  const running = startCommand(['gateway', 'start', '--config', file, '--workers', '3'])
  onTestFinished(() => void running.child.kill('SIGKILL'))
  await running.seen(/(?:Protecting [\s\S]*){3}/)
  const signatureKey = { scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' } as const
  const send = async (method: string, session = {}) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { name: 'look' } })
    const headers = { 'content-type': 'application/json', accept: 'application/json', ...session }
    const request = new Request(`${id}/mcp`, { method: 'POST', body, headers })
    const signed = await signRequest(request, { profile: january.signing, signer, signatureKey })
    const sent = { ...Object.fromEntries(signed.headers), connection: 'close' }
    return (await fetch(`${id}/mcp`, { method: 'POST', headers: sent, body })).status
  }
  const inSession = { 'mcp-session-id': 'session-1' }
  expect(await send('tools/call', inSession)).toBe(404)
  expect(await send('initialize')).toBe(200)
  const statuses = await Promise.all(Array.from({ length: 18 }, () => send('tools/call', inSession)))
  expect(statuses).toEqual(statuses.map(() => 200))
  running.child.kill('SIGTERM')
  expect((await running.finished).status).toBe(0)
})

it('refuses a token in every worker once it is revoked at one', async () => {
  const { personServer, use, revoke } = await openPersonServer()
  const port = await freePort()
  const file = await configuration(await openUpstream(), `http://127.0.0.1:${port}`, {
    id: 'https://api.example',
    edition: 'draft-11',
    authServer: personServer,
    routes: [{ method: 'GET', path: '/user', require: 'user' }],
  })
  const running = startCommand(['gateway', 'start', '--config', file, '--workers', '3'])
  onTestFinished(() => void running.child.kill('SIGKILL'))
  await running.seen(/(?:Protecting [\s\S]*){3}/)
  expect([await use(port), await revoke(port)]).toEqual([200, 200])
  const outcomes = await Promise.all(Array.from({ length: 9 }, () => use(port)))
  expect(outcomes).toEqual(outcomes.map(() => 'error=revoked_jwt'))
  running.child.kill('SIGTERM')
  expect((await running.finished).status).toBe(0)
})

// G12
it('a worker of another program refuses to start without shared nonces', async () => {
  const file = await configuration('http://127.0.0.1:1', 'http://127.0.0.1:9')
  const program = `
    import cluster from 'node:cluster'
    import { createConfiguredGateway, loadGatewayConfig } from 'countersign-gateway'
    if (cluster.isPrimary) cluster.fork().on('exit', (status) => process.exit(status))
    else createConfiguredGateway(await loadGatewayConfig(${JSON.stringify(file)}, {}))`
  const folder = fileURLToPath(new URL('.', import.meta.url))
  const script = join(folder, `workers-${process.pid}.mjs`)
  writeFileSync(script, program)
  onTestFinished(() => rmSync(script, { force: true }))
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: 60_000 })
  expect(status).toBe(1)
  expect(stderr).toMatch(/shared\.claimNonce/)
})
