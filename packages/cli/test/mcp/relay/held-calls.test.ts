import { expect, it } from 'vitest'
import { createHeldCalls } from '../../../src/mcp/relay/held-calls.js'

type Options = Parameters<typeof createHeldCalls>[0]
type Message = Parameters<Options['server']['pass']>[0]

/** Calls of a client to a server that asks one question, and answers with what it is told. */
function openCalls(asked: { method: string; params?: Record<string, unknown> }) {
  const passed: Message[] = []
  let told: (message: Message) => void = () => undefined
  const server: Options['server'] = {
    request: async (_request, exchange) => {
      const progress = {
        jsonrpc: '2.0',
        method: 'notifications/progress',
        params: { progressToken: 1, progress: 1 },
      } as const
      const answer = new Promise<Message>((resolve) => {
        told = (message) => {
          exchange.toClient(progress)
          resolve(message)
        }
      })
      exchange.toClient({ jsonrpc: '2.0', id: 'q', ...asked })
      return { result: { said: await answer } }
    },
    pass: async (message) => {
      passed.push(message)
      told(message)
    },
    open: () => Promise.reject(new Error('it is open')),
    hasSession: () => true,
    ready: () => Promise.reject(new Error('it is open')),
    close: async () => undefined,
  }
  const heard: Message[] = []
  const { signal } = new AbortController()
  const exchange = {
    send: () => Promise.reject(new Error('nothing')),
    signal,
    toClient: (one: Message) => void heard.push(one),
  }
  const calls = createHeldCalls({ server, host: 'api.example', standing: exchange })
  let last = 0
  const request = (params: Record<string, unknown> = {}, capabilities: object = { elicitation: {} }) => {
    const _meta = { 'io.modelcontextprotocol/clientCapabilities': capabilities, progressToken: ++last }
    return calls.request(
      { jsonrpc: '2.0', id: last, method: 'tools/call', params: { name: 'x', ...params, _meta } },
      exchange,
    )
  }
  return { calls, request, passed, heard }
}

/** Calls to a server that answers when it is told to, and keeps what it is sent. */
function openSilent() {
  const passed: Message[] = []
  const heard: Message[] = []
  let finish: () => void = () => undefined
  const server = {
    request: () => new Promise<{ result: object }>((resolve) => (finish = () => resolve({ result: {} }))),
    pass: async (message: Message) => void passed.push(message),
  }
  const { signal } = new AbortController()
  const send = () => Promise.reject(new Error('nothing'))
  const exchange = { send, signal, toClient: (one: Message) => void heard.push(one) }
  const calls = createHeldCalls({
    server: server as unknown as Options['server'],
    host: 'api.example',
    standing: exchange,
  })
  const call = (logLevel: string) => {
    const named = (name: string) => `io.modelcontextprotocol/${name}`
    const _meta = { [named('clientCapabilities')]: { roots: {} }, [named('logLevel')]: logLevel, progressToken: 7 }
    return calls.request({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x', _meta } }, exchange)
  }
  return { calls, call, passed, heard, finish: () => finish() }
}

const rootsAsked = { jsonrpc: '2.0', id: 'q', method: 'roots/list' } as const

it('what a server asks beside its answers is asked for the call that runs', async () => {
  const { calls, call, passed, finish } = openSilent()
  const answer = call('error')
  calls.hearAside(rootsAsked)
  const { requestState } = asksAgain(await answer)
  const params = { name: 'x', requestState, inputResponses: { q: { roots: [] } } }
  const exchange = {
    send: () => Promise.reject(new Error('nothing')),
    signal: new AbortController().signal,
    toClient: () => undefined,
  }
  const next = calls.request({ jsonrpc: '2.0', id: 2, method: 'tools/call', params }, exchange)
  await expect.poll(() => passed).toEqual([{ jsonrpc: '2.0', id: 'q', result: { roots: [] } }])
  finish()
  expect(await next).toEqual({ result: {} })
})

it('what nobody can be asked is refused: without a call, not known to the client, or when the call has ended', async () => {
  const { calls, call, passed, finish } = openSilent()
  const refused = (message: string) => ({ jsonrpc: '2.0', id: 'q', error: { code: -32601, message } })
  calls.hearAside(rootsAsked)
  const answer = call('error')
  calls.hearAside({ ...rootsAsked, method: 'sampling/createMessage' })
  calls.hearAside(rootsAsked)
  await answer
  finish()
  await expect.poll(() => passed).toHaveLength(3)
  expect(passed).toEqual([
    refused('This client is asked during calls of tools, resources and prompts only.'),
    refused('The client does not know this question.'),
    refused('The call that this was asked for has ended.'),
  ])
})

it('what a server logs beside its answers is heard by a call that wants it, and its progress by the call it names', async () => {
  const { calls, call, heard, finish } = openSilent()
  const log = (level: string) =>
    ({ jsonrpc: '2.0', method: 'notifications/message', params: { level, data: level } }) as const
  const progress = (progressToken: number) =>
    ({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } }) as const
  calls.hearAside(log('error'))
  const answer = call('warning')
  for (const message of [log('notice'), log('warning'), log('alert'), progress(8), progress(7)])
    calls.hearAside(message)
  finish()
  await answer
  expect(heard).toEqual([log('warning'), log('alert'), progress(7)])
})

const question = { method: 'elicitation/create', params: { message: 'Who?', requestedSchema: {} } }

const asksAgain = (answer: unknown) => (answer as { result: { requestState: string } }).result

it('a question is the result of a call, and the answer to it goes on with the same call', async () => {
  const { request, passed } = openCalls(question)
  const { requestState, ...result } = asksAgain(await request())
  expect(result).toEqual({
    resultType: 'input_required',
    inputRequests: {
      q: { method: 'elicitation/create', params: { message: 'api.example asks: Who?', requestedSchema: {} } },
    },
  })
  const said = { action: 'accept', content: { name: 'Ada' } }
  const answer = await request({ requestState, inputResponses: { q: said } })
  expect(answer).toEqual({ result: { said: { jsonrpc: '2.0', id: 'q', result: said } } })
  expect(passed).toHaveLength(1)
})

it('a question that the client cannot be asked is refused, and the call goes on', async () => {
  const { request } = openCalls(question)
  expect(await request({}, { roots: {} })).toMatchObject({ result: { said: { id: 'q', error: { code: -32601 } } } })
})

it('a client that does not answer is asked again; a state is good once, and none of others', async () => {
  const { request, passed } = openCalls(question)
  const { requestState } = asksAgain(await request())
  const again = asksAgain(await request({ requestState }))
  expect(again).toMatchObject({ resultType: 'input_required' })
  expect(passed).toEqual([])
  const refused = { error: { code: -32602, message: expect.stringContaining('call again without them') } }
  expect(await request({ requestState })).toEqual(refused)
  expect(await request({ requestState: 'made-up' })).toEqual(refused)
})

it('progress of a held call is that of the request which waits', async () => {
  const { request, heard } = openCalls(question)
  const { requestState } = asksAgain(await request())
  await request({ requestState, inputResponses: { q: { action: 'decline' } } })
  expect(heard).toMatchObject([{ method: 'notifications/progress', params: { progressToken: 2 } }])
})
