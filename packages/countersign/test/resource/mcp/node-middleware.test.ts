import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect, createServer, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createMcpSessions, type McpNodeRequest, type McpOptions, protectMcp } from 'countersign/resource/mcp'
import { expect, it, onTestFinished } from 'vitest'
import { type McpStage, message, openMcpStage, openPort, parseCallbackResponse, post } from './mcp-stage.js'

const table = { tools: { read_note: 'notes.read' } }
const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))
const clientInfo = { name: 'test', version: '1' }
const initialize = message('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })

/** A `node:http` server on loopback behind the middleware. */
async function openServer(
  respond: (outgoing: ServerResponse) => unknown,
  options: Partial<McpOptions> = {},
): Promise<McpStage> {
  const port = await openPort()
  const stage = openMcpStage(port.origin)
  const { middleware } = protectMcp(stage.resource, { ...table, ...options })
  port.serve((incoming, outgoing) => middleware(incoming, outgoing, () => void respond(outgoing)))
  return stage
}

it('leaves no listener behind after a write to a full socket', async () => {
  const listeners = new Promise<number[]>((resolve, reject) => {
    const respond = async (outgoing: ServerResponse) => {
      outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
      const before = outgoing.listenerCount('close')
      for (let count = 0; count < 30; count++)
        if (!outgoing.write(`data: "${'y'.repeat(200_000)}"\n\n`)) await once(outgoing, 'drain')
      resolve([before, outgoing.listenerCount('close'), outgoing.listenerCount('drain')])
      outgoing.end()
    }
    openServer(respond)
      .then(async (stage) => {
        const agent = await stage.newAgent('planner')
        const response = await agent.fetch(stage.url, { headers: { accept: 'text/event-stream' } })
        expect(await response.text()).toHaveLength(30 * 200_010)
      })
      .catch(reject)
  })
  const [before = 0, after, waiting] = await listeners
  expect(after).toBeLessThanOrEqual(before + 1)
  expect(waiting).toBeLessThanOrEqual(1)
})

/** Sessions in a store that takes some time. */
function slowSessions() {
  const sessions = createMcpSessions()
  return {
    open: async (...given: Parameters<typeof sessions.open>) => pause(20).then(() => sessions.open(...given)),
    use: async (...given: Parameters<typeof sessions.use>) => sessions.use(...given),
    close: async (id: string) => sessions.close(id),
  }
}

it('calls back for every write if the client disconnects while the socket is full', async () => {
  const written: string[] = []
  const respond = (outgoing: ServerResponse) => {
    outgoing.setHeader('content-type', 'application/json')
    outgoing.setHeader('mcp-session-id', 'session-1')
    outgoing.write('a'.repeat(30_000_000), () => void written.push('first'))
    outgoing.write('b', () => void written.push('second'))
  }
  const stage = await openServer(respond, { sessions: slowSessions() })
  const response = await post(await stage.newAgent('planner'), stage.url, initialize)
  expect(written).toEqual([])
  await response.body?.cancel()
  await expect.poll(() => written.toSorted()).toEqual(['first', 'second'])
})

it('keeps writes in order while a session is recorded, and loses none on a full socket', async () => {
  const respond = async (outgoing: ServerResponse) => {
    outgoing.setHeader('content-type', 'application/json')
    outgoing.setHeader('mcp-session-id', 'session-1')
    outgoing.write('a'.repeat(30_000_000))
    outgoing.write('b'.repeat(10))
    await pause(100)
    outgoing.end('c'.repeat(10))
  }
  const stage = await openServer(respond, { sessions: slowSessions() })
  const response = await post(await stage.newAgent('planner'), stage.url, initialize)
  await pause(500)
  const text = await response.text()
  expect(text).toHaveLength(30_000_020)
  expect(text.endsWith(`a${'b'.repeat(10)}${'c'.repeat(10)}`)).toBe(true)
})

it('aborts the response with a warning if it cannot be rewritten', async () => {
  const rejections: unknown[] = []
  const warnings: Error[] = []
  const onRejection = (error: unknown) => void rejections.push(error)
  const onWarning = (warning: Error) => void (warning.name === 'DataError' && warnings.push(warning))
  process.on('unhandledRejection', onRejection).on('warning', onWarning)
  onTestFinished(() => void process.off('unhandledRejection', onRejection).off('warning', onWarning))
  // A session record without its secret: nothing can be bound to it.
  const broken = { agent: 'https://planner.example', secret: '' }
  const sessions = { open: () => true, use: () => broken, close: () => undefined }
  const respond = (outgoing: ServerResponse) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' })
    outgoing.write('id: 1\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n')
    outgoing.end('id: 2\ndata: {}\n\n')
  }
  const stage = await openServer(respond, { sessions })
  const agent = await stage.newAgent('planner')
  const headers = { accept: 'text/event-stream', 'mcp-session-id': 'session-1' }
  const outcome = agent.fetch(stage.url, { headers }).then((response) => response.text())
  await expect(outcome).rejects.toThrow(/terminated|fetch failed/)
  await expect.poll(() => warnings).toHaveLength(1)
  expect(rejections).toEqual([])
})

it('drops only the headers that describe the content that it changed', async () => {
  const tools = [{ name: 'read_note' }, { name: 'not_listed' }]
  const list = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools } })
  const described = { 'content-length': list.length, 'content-encoding': 'identity', etag: '"a"' }
  const stage = await openServer((outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'application/json', ...described, 'x-own': 'kept' })
    outgoing.end(list)
  })
  const response = await post(await stage.newAgent('planner'), stage.url, message('tools/list'))
  const { headers } = response
  expect(await parseCallbackResponse(response)).toMatchObject({ result: { tools: [{ name: 'read_note' }] } })
  expect(['etag', 'content-encoding', 'x-own'].map((name) => headers.get(name))).toEqual([null, null, 'kept'])
  expect(headers.get('content-length')).not.toBe(String(list.length))
})

it('lets other requests proceed while a server writes a response that is only buffered', async () => {
  let hadTurn = false
  const turns = new Promise<boolean>((resolve, reject) => {
    const respond = async (outgoing: ServerResponse) => {
      outgoing.writeHead(200, { 'content-type': 'application/json' })
      setImmediate(() => {
        hadTurn = true
      })
      const list = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: [] } })
      for (const part of list) if (!outgoing.write(part)) await once(outgoing, 'drain')
      resolve(hadTurn)
      outgoing.end()
    }
    openServer(respond)
      .then(async (stage) => post(await stage.newAgent('planner'), stage.url, message('tools/list')))
      .catch(reject)
  })
  expect(await turns).toBe(true)
})

it('sends a rewritten response over HTTP/2 with its last chunk', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stage = openMcpStage(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const { middleware } = protectMcp(stage.resource, table)
  const tools = [{ name: 'read_note' }, { name: 'not_listed' }]
  server.on('request', (incoming, outgoing: Http2ServerResponse) => {
    middleware(incoming as unknown as McpNodeRequest, outgoing, () => {
      outgoing.setHeader('content-type', 'application/json')
      outgoing.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools } }))
    })
  })
  const session = connect(stage.url.origin)
  onTestFinished(() => {
    session.close()
    server.close()
  })
  stage.serve(async (request) => {
    const fields = { ':method': request.method, ':path': new URL(request.url).pathname }
    const stream = session.request({ ...fields, ...Object.fromEntries(request.headers) })
    stream.end(Buffer.from(await request.arrayBuffer()))
    const [head] = await once(stream, 'response')
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    return new Response(text, { status: head[':status'] })
  })
  const response = await post(await stage.newAgent('planner'), stage.url, message('tools/list'))
  expect(await parseCallbackResponse(response)).toEqual({
    jsonrpc: '2.0',
    id: 1,
    result: { tools: [{ name: 'read_note' }] },
  })
})
