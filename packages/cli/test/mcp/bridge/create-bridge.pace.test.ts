import { describe, expect, it, onTestFinished } from 'vitest'
import { createBridge } from '../../../src/mcp/bridge/create-bridge.js'
import { type Asked, complete, events, json, openBridge, opening } from './at-hand.js'

const line = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'z'.repeat(60_000) } })}\n\n`

// M13
describe('a client that does not read', () => {
  it.each(['sessions', 'stateless'] as const)(
    'applies backpressure to a server of the era “%s”; all messages arrive complete',
    async (era) => {
      let sent = 0
      let isRead: () => void = () => undefined
      let reading: Promise<void> | undefined = new Promise((resolve) => {
        isRead = resolve
      })
      const flood = ({ id }: Asked) =>
        new ReadableStream<Uint8Array>({
          pull(controller) {
            const end = `data: ${JSON.stringify({ jsonrpc: '2.0', id, result: { content: [] } })}\n\n`
            controller.enqueue(Buffer.from(++sent > 200 ? end : line))
            if (sent > 200) controller.close()
          },
        })
      const { told, begin, say } = openBridge(
        createBridge,
        (asked) =>
          asked.method === 'tools/call'
            ? new Response(flood(asked), { headers: { 'content-type': 'text/event-stream' } })
            : opening[era](asked),
        { clientReads: () => reading ?? Promise.resolve() },
      )
      reading = undefined
      await begin()
      reading = new Promise((resolve) => {
        isRead = resolve
      })
      const before = told.length
      say({ id: 'call', method: 'tools/call', params: { name: 'x' } })
      await new Promise((soon) => setTimeout(soon, 300))
      expect(sent).toBeLessThan(10)
      expect(told).toHaveLength(before)
      reading = undefined
      isRead()
      await expect.poll(() => told.at(-1)?.id).toBe('call')
      expect(told).toHaveLength(before + 201)
    },
  )
})

const many = { method: 'elicitation/create', params: { mode: 'url', message: 'm', url: 'https://evil.example/' } }

const numbered = (count: number) => Array.from({ length: count }, (_, at) => [`q${at}`, many] as const)

// M13
describe('a server that sends endless requests for one call', () => {
  it('by requests: 20 requests reach the client', async () => {
    const answers: Asked[] = []
    const { told, begin, ask } = openBridge(createBridge, (asked) => {
      if (asked.method === undefined) answers.push(asked)
      return asked.method === 'tools/call'
        ? events(...numbered(50).map(([id, question]) => ({ id, ...question })), {
            id: asked.id,
            result: { content: [] },
          })
        : opening.sessions(asked)
    })
    await begin({ elicitation: { url: {} } })
    await ask('tools/call', { name: 'x' })
    expect(told.filter(({ method }) => method === 'elicitation/create')).toHaveLength(20)
    await expect.poll(() => answers).toHaveLength(30)
    expect(answers[0]).toMatchObject({
      id: 'q20',
      error: { message: expect.stringContaining('more than 20 questions') },
    })
  })

  it.each(['question', 'ping'])(
    'aborts a call that sends a thousand requests (%s), of which only a few are processed concurrently',
    async (what) => {
      let open = 0
      let most = 0
      let sent = 0
      const asking = what === 'ping' ? { method: 'ping' } : many
      const { begin, ask } = openBridge(createBridge, async (asked) => {
        if (asked.method === undefined) {
          most = Math.max(most, ++open)
          await new Promise((soon) => setTimeout(soon, 1))
          open--
        }
        if (asked.method !== 'tools/call') return opening.sessions(asked)
        const body = new ReadableStream<Uint8Array>({
          pull(controller) {
            controller.enqueue(Buffer.from(`data: ${JSON.stringify({ jsonrpc: '2.0', id: ++sent, ...asking })}\n\n`))
          },
        })
        return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
      })
      await begin()
      const { result } = await ask('tools/call', { name: 'x' })
      expect(result).toMatchObject({
        isError: true,
        content: [
          { text: expect.stringContaining('sent more than 1000 requests during one call, so the call was aborted.') },
        ],
      })
      expect(most).toBeLessThan(50)
      expect(sent).toBeLessThan(1100)
    },
  )

  it('delivers a response only after all messages of its call were read: the call ends, and other calls get responses', async () => {
    let held = 0
    const { told, begin, ask, say } = openBridge(createBridge, async (asked) => {
      if (asked.method === undefined && ++held) return new Promise(() => undefined)
      if (asked.method === 'notifications/progress') return new Promise(() => undefined)
      if (asked.method !== 'tools/call') return opening.sessions(asked)
      const { name } = asked.params ?? {}
      if (name !== 'many') return json(asked.id, { content: [] })
      const questions = Array.from({ length: 25 }, (_, at) => ({ id: `p${at}`, method: 'ping' }))
      return events(...questions, { id: asked.id, result: { content: [] } })
    })
    await begin()
    for (let at = 0; at < 25; at++)
      say({ method: 'notifications/progress', params: { progressToken: 1, progress: at } })
    const looking = setInterval(() => {
      for (const one of told) if (one.method === 'ping') say({ id: one.id, result: {} })
    }, 5)
    onTestFinished(() => clearInterval(looking))
    expect(await ask('tools/call', { name: 'many' })).toMatchObject({ result: { content: [] } })
    expect(await ask('tools/call', { name: 'other' })).toMatchObject({ result: { content: [] } })
    await expect.poll(() => held).toBe(20)
  })

  it('by results: 20 requests reach a client with a handshake', async () => {
    let shown = 0
    const { told, begin, ask, say } = openBridge(createBridge, (asked) =>
      asked.method === 'tools/call'
        ? json(asked.id, {
            resultType: 'input_required',
            inputRequests: Object.fromEntries(numbered(8)),
            requestState: 's',
          })
        : opening.stateless(asked),
    )
    await begin({ elicitation: { url: {} } })
    const looking = setInterval(() => {
      const asked = told.filter(({ method }) => method === 'elicitation/create')
      for (const { id } of asked.slice(shown)) say({ id, result: { action: 'accept' } })
      shown = asked.length
    }, 1)
    const { error } = await ask('tools/call', { name: 'x' })
    clearInterval(looking)
    expect(error).toMatchObject({ message: expect.stringContaining('more than 20 questions') })
    expect(shown).toBe(20)
  })

  it('by a result: a client of 2026-07-28 receives an error', async () => {
    const { ask } = openBridge(createBridge, (asked) =>
      asked.method === 'tools/call'
        ? json(asked.id, {
            resultType: 'input_required',
            inputRequests: Object.fromEntries(numbered(21)),
            requestState: 's',
          })
        : opening.stateless(asked),
    )
    const { error } = await ask('tools/call', { name: 'x', ...complete() })
    expect(error).toMatchObject({ message: expect.stringContaining('more than 20 questions') })
  })

  it('by an error that names pages: the client receives a different error', async () => {
    const { begin, ask } = openBridge(createBridge, (asked) => {
      const data = { elicitations: numbered(21).map(([, { params }]) => params) }
      return asked.method === 'tools/call'
        ? Response.json({ jsonrpc: '2.0', id: asked.id, error: { code: -32042, message: 'open', data } })
        : opening.sessions(asked)
    })
    await begin()
    const { error } = await ask('tools/call', { name: 'x' })
    expect(error).toMatchObject({ message: expect.stringContaining('more than 20 questions') })
  })
})

it('M15: a response with more than a million values is rejected, however short it is', async () => {
  const of = (text: string) => (asked: Asked) =>
    asked.method === 'tools/call'
      ? new Response(`{"jsonrpc":"2.0","id":${JSON.stringify(asked.id)},"result":{"content":[${text}]}}`, {
          headers: { 'content-type': 'application/json' },
        })
      : opening.sessions(asked)
  const hostile = openBridge(createBridge, of(`${'{},'.repeat(1_000_000)}{}`))
  await hostile.begin()
  const refused = await hostile.ask('tools/call', { name: 'x' })
  expect(refused.result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining('too long') }] })
  const long = openBridge(createBridge, of(`{"type":"text","text":"${'a, [b], {c} \\", '.repeat(200_000)}"}`))
  await long.begin()
  expect((await long.ask('tools/call', { name: 'x' })).result).toMatchObject({ content: [{ type: 'text' }] })
})
