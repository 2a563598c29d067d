import { protectMcp } from 'countersign/resource/mcp'
import { afterEach, expect, it, vi } from 'vitest'
import { message, openMcpStage, parseCallbackResponse, post } from './mcp-stage.js'

const table = { tools: { read_note: 'notes.read' } }
const events = { 'content-type': 'text/event-stream' }
const utf8 = (text: string) => new TextEncoder().encode(text)

afterEach(() => void vi.useRealTimers())

it('cancels the stream of the server and stops watching if an event cannot be rewritten', async () => {
  const stage = openMcpStage()
  const cancel = vi.fn()
  const start = (controller: ReadableStreamDefaultController) => controller.enqueue(utf8('id: 1\ndata: {}\n\n'))
  const server = () => new Response(new ReadableStream({ start, cancel }), { headers: events })
  // A session record without its secret: nothing can be bound to it.
  const broken = { agent: 'https://planner.example', secret: '' }
  const sessions = { open: () => true, use: () => broken, close: () => undefined }
  stage.serve(protectMcp(stage.resource, { ...table, sessions }).around(server))
  const agent = await stage.newAgent('planner')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const response = await agent.fetch(stage.url, { headers: { 'mcp-session-id': 'session-1' } })
  await expect(response.text()).rejects.toThrow()
  expect(cancel).toHaveBeenCalledOnce()
  expect(vi.getTimerCount()).toBe(0)
})

it('is no longer watched once the client cancels it, and reports to the client if the server cannot cancel', async () => {
  const stage = openMcpStage()
  const cancel = vi.fn().mockRejectedValue(new Error('still open'))
  const start = (controller: ReadableStreamDefaultController) => controller.enqueue(utf8('data: {}\n\n'))
  const server = () => new Response(new ReadableStream({ start, cancel }), { headers: events })
  const owner = { agent: 'https://planner.example', secret: 'a secret' }
  const sessions = { open: () => true, use: () => owner, close: () => undefined }
  const around = protectMcp(stage.resource, { ...table, sessions }).around(server)
  const bodies: Response['body'][] = []
  stage.serve(async (request) => {
    const { body } = await around(request)
    bodies.push(body)
    return new Response('')
  })
  const agent = await stage.newAgent('planner')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  await agent.fetch(stage.url, { headers: { accept: 'text/event-stream', 'mcp-session-id': 'session-1' } })
  expect(vi.getTimerCount()).toBe(1)
  await expect(bodies[0]?.cancel('not read')).rejects.toThrow('still open')
  expect(cancel).toHaveBeenCalledExactlyOnceWith('not read')
  expect(vi.getTimerCount()).toBe(0)
})

it('reads no more than a few events ahead of a client', async () => {
  const stage = openMcpStage()
  let produced = 0
  const pull = (controller: ReadableStreamDefaultController) => {
    produced++
    controller.enqueue(utf8(`data: ${produced}\n\n`))
  }
  stage.serve(
    protectMcp(stage.resource, table).around(() => new Response(new ReadableStream({ pull }), { headers: events })),
  )
  const agent = await stage.newAgent('planner')
  const response = await agent.fetch(stage.url, { headers: { accept: 'text/event-stream' } })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  for (let count = 1; count <= 20; count++)
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(`data: ${count}\n\n`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(produced).toBeLessThan(30)
  await reader.cancel()
})

it('responds with an error instead of a list that is nested too deep to filter', async () => {
  const stage = openMcpStage()
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  const list = `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read_note","deep":${deep}},{"name":"secret_tool"}]}}`
  const headers = { 'content-type': 'application/json' }
  stage.serve(protectMcp(stage.resource, table).around(() => new Response(list, { headers })))
  const response = await post(await stage.newAgent('planner'), stage.url, message('tools/list'))
  expect(await parseCallbackResponse(response)).toMatchObject({ id: 1, error: { code: -32_603 } })
})
