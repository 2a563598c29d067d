import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { plan } from './plan.mjs'

/** Takes the place of Claude Code, which the SDK starts: it reads what the SDK sends, one JSON object per line, and calls the SDK's tools. */
const lines = createInterface({ input: process.stdin })
const send = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)
const received = []
let requests = 0

/** Sends a request to a server of tools that runs in the SDK's process. */
async function ask(method, params) {
  const id = `request-${++requests}`
  const message = { jsonrpc: '2.0', id: requests, method, params }
  send({
    type: 'control_request',
    request_id: id,
    request: { subtype: 'mcp_message', server_name: 'calendar', message },
  })
  for (;;) {
    const [line] = await once(lines, 'line')
    const { type, response } = JSON.parse(line)
    if (type === 'control_response' && response.request_id === id) return response.response.mcp_response.result
  }
}

async function takeTurn({ content }) {
  received.push({ role: 'user', text: content })
  let { call, reply } = plan(received, received.at(-1))
  if (call) {
    const result = await ask('tools/call', { name: 'addEvent', arguments: call })
    received.push({ role: 'tool', text: result.content[0].text })
    ;({ reply } = plan(received, received.at(-1)))
  }
  const session = { session_id: 'session-1', uuid: crypto.randomUUID() }
  send({ type: 'result', subtype: 'success', is_error: false, result: reply, num_turns: 1, ...session })
}

lines.on('line', (line) => {
  const { type, request_id: id, message } = JSON.parse(line)
  if (type === 'control_request')
    send({ type: 'control_response', response: { subtype: 'success', request_id: id, response: {} } })
  if (type === 'user') void takeTurn(message)
})
