import { describe, expect, it } from 'vitest'
import { createTrace } from '../dist/trace/create-trace.js'
import { createJsonDocument } from '../dist/trace/json-document.js'
import type { Party } from '../dist/trace/trace-event.js'
import type { TraceDocument } from './independent-verifier.js'

const parties = new Map<string, Party>([
  ['https://agent.example', 'agent'],
  ['https://api.example', 'resource'],
])

/** A resource that fetches the agent's keys before it answers, over wrapped sender and receiver. */
function createTracedWorld() {
  const document = createJsonDocument()
  const trace = createTrace({ parties, onEvent: document.onEvent })
  const agent = trace.receiver('agent', async () => Response.json({ keys: [] }))
  const resourceFetch = trace.sender('resource', async (request) => agent(request))
  const resource = trace.receiver('resource', async (request) => {
    await resourceFetch('https://agent.example/jwks.json')
    const headers = new Headers({ 'content-type': 'text/html' })
    headers.append('set-cookie', 'one=secret-1')
    headers.append('set-cookie', 'two=secret-2')
    const form = await request.text()
    return new Response(`<input value='secret-3' name="csrf"><input name="q" value="shown">${form.length}`, { headers })
  })
  const agentFetch = trace.sender('agent', async (request) => resource(request))
  return { agentFetch, resource, messages: () => (JSON.parse(document.serialize({})) as TraceDocument).messages }
}

const form = {
  method: 'POST',
  body: 'username=alice&password=secret-4&csrf=secret-5&%70assword=secret-6&q=1%202',
  headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: 'one=secret-1' },
}

describe('the trace', () => {
  it('orders messages as they were sent, also one sent while another is in flight', async () => {
    const world = createTracedWorld()
    await world.agentFetch('https://api.example/data', form)
    expect(world.messages().map(({ from, to }) => `${from} ${to}`)).toEqual(['agent resource', 'resource agent'])
  })

  it('changes nothing about what is sent and received', async () => {
    const world = createTracedWorld()
    const response = await world.agentFetch('https://api.example/data', form)
    expect(await response.text()).toContain(`secret-3`)
    expect(response.headers.getSetCookie()).toEqual(['one=secret-1', 'two=secret-2'])
  })

  it('shows neither passwords nor cookies nor CSRF values, and the rest byte for byte', async () => {
    const world = createTracedWorld()
    await world.agentFetch('https://api.example/data', form)
    const [message] = world.messages()
    expect(JSON.stringify(world.messages())).not.toContain('secret')
    expect(message?.request.body).toBe('username=alice&password=[redacted]&csrf=[redacted]&password=[redacted]&q=1%202')
    expect(message?.request.headers.cookie).toBe('[redacted]')
    expect(message?.response.headers['set-cookie']).toBe('[redacted], [redacted]')
    expect(message?.response.body).toContain(`<input value="[redacted]" name="csrf"><input name="q" value="shown">`)
  })

  it('takes a request that nobody here sent for a browser’s', async () => {
    const world = createTracedWorld()
    await world.resource(new Request('https://api.example/data'))
    expect(world.messages().map(({ from, to }) => `${from} ${to}`)).toEqual(['browser resource', 'resource agent'])
  })
})
