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
