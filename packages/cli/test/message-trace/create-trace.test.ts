import { describe, expect, it } from 'vitest'
import { createTrace, type TraceOptions } from '../../src/message-trace/create-trace.js'

const parties: TraceOptions['parties'] = new Map([
  ['https://agent.example', 'agent'],
  ['https://api.example', 'resource'],
])

type TraceEvent = Parameters<TraceOptions['onEvent']>[0]

/** What each side recorded of one message and its response. */
type Exchange = Pick<Extract<TraceEvent, { response: object }>, 'from' | 'to' | 'request'> & {
  response?: Extract<TraceEvent, { response: object }>['response']
}

/** A resource that fetches the agent's keys before it responds, with a wrapped sender and receiver. */
function createTracedWorld() {
  const events: TraceEvent[] = []
  const seen = new Map<number, Exchange>()
  const onEvent: TraceOptions['onEvent'] = (event) => {
    events.push(event)
    if ('exchange' in event) seen.set(event.exchange, { ...seen.get(event.exchange), ...event })
  }
  const trace = createTrace({ parties, onEvent })
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
  return {
    agentFetch,
    resource,
    events,
    messages: () => [...seen].sort(([one], [other]) => one - other).map(([, each]) => each),
  }
}

const form = {
  method: 'POST',
  body: 'username=alice&password=secret-4&csrf=secret-5&%70assword=secret-6&q=1%202',
  headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: 'one=secret-1' },
}

describe('the trace', () => {
  it('orders messages as they were sent, including one sent while another is in flight', async () => {
    const world = createTracedWorld()
    await world.agentFetch('https://api.example/data', form)
    expect(world.messages().map(({ from, to }) => `${from} ${to}`)).toEqual(['agent resource', 'resource agent'])
  })

  it('does not change sent or received messages', async () => {
    const world = createTracedWorld()
    const response = await world.agentFetch('https://api.example/data', form)
    expect(await response.text()).toContain(`secret-3`)
    expect(response.headers.getSetCookie()).toEqual(['one=secret-1', 'two=secret-2'])
  })

  it('passes on the sender’s signal, which a request alone may lose', async () => {
    const { signal } = new AbortController()
    const seen: unknown[] = []
    const trace = createTrace({ parties, onEvent: () => undefined })
    const fetch = trace.sender('agent', async (_request, sent) => {
      seen.push(sent.signal)
      return new Response()
    })
    const request = new Request('https://api.example/', { signal })
    await fetch('https://api.example/', { signal })
    await fetch(request)
    await fetch(request, { signal })
    await fetch('https://api.example/')
    expect(seen.map((each) => each === signal || each === request.signal || each)).toEqual([true, true, true, null])
  })

  it('reads no more of a body than it shows, and reports that it is truncated; the sender receives the whole body', async () => {
    let pulled = 0
    const onEvent: TraceOptions['onEvent'] = (event) => {
      if ('response' in event && event.response) bodies.push(event.response.body)
    }
    const bodies: (string | null)[] = []
    const trace = createTrace({ parties, onEvent })
    const fetch = trace.sender('agent', async () => {
      const body = new ReadableStream({
        pull(controller) {
          pulled++
          controller.enqueue(new Uint8Array(10_000).fill(97))
          if (pulled === 100) controller.close()
        },
      })
      return new Response(body)
    })
    const response = await fetch('https://api.example/')
    expect(bodies).toEqual(['[more than 65536 bytes, not shown]'])
    expect(pulled).toBeLessThan(12)
    expect((await response.text()).length).toBe(1_000_000)
  })

  it('hides passwords, cookies and CSRF values, and shows the rest byte for byte', async () => {
    const world = createTracedWorld()
    await world.agentFetch('https://api.example/data', form)
    const [message] = world.messages()
    expect(JSON.stringify(world.events)).not.toContain('secret')
    expect(message?.request.body).toBe('username=alice&password=[redacted]&csrf=[redacted]&password=[redacted]&q=1%202')
    expect(message?.request.headers).toContainEqual(['cookie', '[redacted]'])
    const cookies = message?.response?.headers.filter(([name]) => name === 'set-cookie')
    expect(cookies).toEqual([
      ['set-cookie', '[redacted]'],
      ['set-cookie', '[redacted]'],
    ])
    expect(message?.response?.body).toContain(`<input value="[redacted]" name="csrf"><input name="q" value="shown">`)
  })

  it('attributes a request that no local party sent to a browser', async () => {
    const world = createTracedWorld()
    await world.resource(new Request('https://api.example/data'))
    expect(world.messages().map(({ from, to }) => `${from} ${to}`)).toEqual(['browser resource', 'resource agent'])
  })
})
