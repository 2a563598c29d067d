import { memoryStore } from 'countersign/agent'
import { serializeRequirement } from 'countersign/editions/draft-11'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ids, openStage, pendingResponse, requirement, type Seen, type Stage, trace } from './agent-stage.js'

const data = `${ids.resource}/data`
const encoded = (text: string) => Buffer.from(text).toString('base64url')
const accessOf = ({ headers }: Seen) => headers.get('authorization')

/** A resource that lets agents in itself: users decide on its own page. */
function runInteractions(stage: Stage, access = 'session-1'): void {
  stage.api = (seen) => {
    if (accessOf(seen) === `AAuth ${access}`) return new Response('data')
    return stage.defer(seen, () => new Response('first data', { headers: { 'aauth-access': access } }))
  }
}

describe('a resource that runs its own interaction', () => {
  it('sends the user to its page, and delivers the response when it is polled', async () => {
    const stage = openStage()
    runInteractions(stage)
    expect(
      await (
        await stage.agent.fetch(data, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
      ).text(),
    ).toBe('first data')
    expect(trace(stage)).toEqual(['POST api.example/data agent', 'GET api.example/pending agent'])
    expect(stage.asked).toMatchObject([{ authServer: ids.resource, resource: ids.resource, scope: undefined }])
    expect(stage.asked[0]?.url).toMatch(/^https:\/\/api\.example\/interact\?code=/)
  })

  it('receives its session token beside the agent token, covered by the signature', async () => {
    const stage = openStage()
    runInteractions(stage)
    await stage.agent.fetch(data)
    stage.seen.length = 0
    expect(await (await stage.agent.fetch(`${ids.resource}/other`)).text()).toBe('data')
    expect(stage.seen.map(({ typ }) => typ)).toEqual(['aa-agent+jwt'])
    expect(stage.seen[0]?.covered).toContain('authorization')
    await stage.agent.fetch('https://another.example/').catch(() => undefined)
    expect(accessOf(stage.seen.at(-1) as Seen)).toBeNull()
  })

  it('replaces its session token in any response, with a valid value', async () => {
    const stage = openStage()
    const longest = 'x'.repeat(4096)
    const given = ['one', 'two', 'with space', 'a, b', `${longest}x`, 'a=b', longest]
    stage.api = () => new Response('data', { headers: { 'aauth-access': given[stage.seen.length - 1] ?? 'end' } })
    for (const _ of [...given, 'last']) await stage.agent.fetch(data)
    expect(stage.seen.map(accessOf)).toEqual([null, 'AAuth one', ...Array(5).fill('AAuth two'), `AAuth ${longest}`])
    expect(await stage.agent.tokens()).toHaveLength(1)
  })

  it('leaves no response unread that it replaces with another one', async () => {
    const bodies: { url: string; isDone: boolean }[] = []
    const stage = openStage({
      async fetch(input, init) {
        const { url } = new Request(input instanceof Request ? input.url : input)
        const response = await stage.fetch(input, init)
        const reader = response.body?.getReader()
        if (!reader) return response
        const read = { url, isDone: false }
        bodies.push(read)
        const body = new ReadableStream({
          async pull(controller) {
            const { done, value } = await reader.read()
            if (value) controller.enqueue(value)
            if (!done) return
            read.isDone = true
            controller.close()
          },
          cancel() {
            read.isDone = true
          },
        })
        return new Response(body, response)
      },
    })
    const required = 'error=invalid_input, required_input=("x-order" "@method")'
    const { api } = stage
    const { poll, token, abandon } = stage.personServer
    stage.personServer.abandon = async (seen) => {
      await abandon(seen)
      return new Response('gone')
    }
    stage.api = async (seen) => {
      if (!seen.covered.includes('x-order'))
        return new Response('no', { status: 401, headers: { 'signature-error': required } })
      const { status, headers } = await api(seen)
      return new Response('body', { status, headers })
    }
    let polls = 0
    stage.personServer.poll = (seen) => (++polls % 2 === 1 ? pendingResponse(seen.url, {}) : poll(seen))
    await (await stage.agent.fetch(data, { headers: { 'x-order': '1' } })).text()
    stage.resourceDocument = { access_mode: 'person-token' }
    stage.personServer.token = async (seen) =>
      seen.body.includes('"none"') ? pendingResponse('/pending/1', {}) : token(seen)
    stage.api = () => new Response('data')
    await (await stage.newAgent().fetch(data)).text()
    runInteractions(stage)
    const parallel = ['/a', '/b'].map((path) => stage.newAgent().fetch(ids.resource + path))
    for (const response of await Promise.all(parallel)) await response.text()
    expect(bodies.length).toBeGreaterThan(9)
    expect(bodies.filter(({ isDone }) => !isDone)).toEqual([])
  })

  it('may use JWTs with any sub as session tokens', async () => {
    const stage = openStage()
    const jwtFor = (sub: unknown) => ['{"alg":"ES256"}', JSON.stringify({ sub }), 'signature'].map(encoded).join('.')
    const given = [jwtFor('user-1'), jwtFor('session-2'), jwtFor(3)]
    const { api } = stage
    stage.api = () => new Response('data', { headers: { 'aauth-access': given[stage.seen.length - 1] ?? '' } })
    for (const _ of given) expect((await stage.agent.fetch(data)).status).toBe(200)
    stage.api = () => new Response('data')
    await stage.agent.fetch(data)
    expect(stage.seen.map(accessOf)).toEqual([null, ...given.map((jwt) => `AAuth ${jwt}`)])
    await stage.agent.forget({ resource: ids.resource })
    stage.api = api
    expect((await stage.agent.fetch(data)).status).toBe(200)
  })

  it('prompts once for requests that are sent at the same time', async () => {
    const stage = openStage({ decision: 'none' })
    runInteractions(stage)
    const responses = Promise.all(['/a', '/b', '/c'].map((path) => stage.agent.fetch(ids.resource + path)))
    await expect.poll(() => stage.pending.size).toBe(1)
    await expect.poll(() => stage.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(2)
    stage.decide(stage.asked[0]?.url ?? '')
    expect((await responses).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(stage.asked).toHaveLength(1)
  })

  it('does not keep a request waiting that is aborted before it joins the prompt of another one', async () => {
    const stage = openStage({ decision: 'none' })
    runInteractions(stage)
    const first = stage.agent.fetch(`${ids.resource}/a`)
    await expect.poll(() => stage.asked).toHaveLength(1)
    const abort = new AbortController()
    const { abandon } = stage.personServer
    stage.personServer.abandon = (seen) => {
      abort.abort(new Error('closed'))
      return abandon(seen)
    }
    await expect(stage.agent.fetch(`${ids.resource}/b`, { signal: abort.signal })).rejects.toThrow('closed')
    stage.decide(stage.asked[0]?.url ?? '')
    expect((await first).status).toBe(200)
  })

  it('is polled by the next request if the first one could not prompt', async () => {
    const stage = openStage({ decision: 'none', onConsent: undefined })
    runInteractions(stage)
    const { consent } = (await stage.agent
      .fetch(data)
      .catch((error: unknown) => error as { consent: { url: string } })) as { consent: { url: string } }
    const again = (await stage.agent.fetch(data).catch((error: unknown) => error)) as { consent: { url: string } }
    expect(again.consent.url).toBe(consent.url)
    stage.decide(consent.url)
    expect(await (await stage.agent.fetch(data)).text()).toBe('data')
    expect(stage.pending.size).toBe(0)
  })

  it('is polled only by the process that waits for the response', async () => {
    vi.useFakeTimers({ now: 1_790_000_000_000 })
    onTestFinished(() => void vi.useRealTimers())
    const stage = openStage({ decision: 'none', store: { ...memoryStore(), isShared: true } })
    stage.api = (seen) => stage.defer(seen, () => new Response('first data'), { 'retry-after': '60' })
    stage.personServer.poll = ({ url }) => pendingResponse(url, { 'retry-after': '60' })
    const abort = new AbortController()
    const options = { signal: abort.signal }
    const ended = Promise.allSettled([stage.agent.fetch(data, options)])
    await vi.advanceTimersByTimeAsync(1000)
    const joined = Promise.allSettled([stage.newAgent().fetch(data, options)])
    await vi.advanceTimersByTimeAsync(62_000)
    expect(stage.asked.map(({ url }) => url)).toEqual([stage.asked[0]?.url, stage.asked[0]?.url])
    const polls = trace(stage).filter((each) => each.startsWith('GET api.example/pending'))
    expect(polls, 'of the first process').toHaveLength(1)
    abort.abort()
    await Promise.all([ended, joined])
  })

  it('reports a denial as the response', async () => {
    const stage = openStage({ decision: 'deny' })
    runInteractions(stage)
    const response = await stage.agent.fetch(data)
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ error: 'denied' })
  })

  it('cannot defer to another origin', async () => {
    const stage = openStage()
    stage.api = (seen) => {
      const { headers } = stage.defer(seen, () => new Response('data'))
      return pendingResponse(
        'https://other.example/pending/1',
        Object.fromEntries(
          headers.has('aauth-requirement') ? [['aauth-requirement', headers.get('aauth-requirement') ?? '']] : [],
        ),
      )
    }
    await expect(stage.agent.fetch(data)).rejects.toMatchObject({ code: 'endpoint_refused' })
    expect(trace(stage)).toEqual(['GET api.example/data agent'])
  })
})

describe('a 202', () => {
  it.each([{}, requirement('requirement=payment'), { location: '/jobs/1' }])(
    'of the API itself is returned: %j',
    async (headers) => {
      const stage = openStage()
      stage.api = () => new Response('accepted', { status: 202, headers })
      expect(await (await stage.agent.fetch(data)).text()).toBe('accepted')
      expect(stage.seen).toHaveLength(1)
    },
  )

  it('with requirement=approval is only polled', async () => {
    const stage = openStage()
    stage.api = () => pendingResponse('/pending/1', requirement('requirement=approval'))
    stage.personServer.poll = () => new Response('approved')
    expect(await (await stage.agent.fetch(data)).text()).toBe('approved')
    expect(stage.asked).toEqual([])
  })

  it('in response to a request with a token is polled with that token', async () => {
    const stage = openStage()
    const { api, personServer } = stage
    stage.api = (seen) =>
      seen.typ === 'aa-auth+jwt' ? pendingResponse('/pending/1', requirement('requirement=approval')) : api(seen)
    const { poll } = personServer
    personServer.poll = (seen) => (seen.url.endsWith('/1') ? new Response('approved') : poll(seen))
    expect(await (await stage.agent.fetch(data)).text()).toBe('approved')
    expect(trace(stage).slice(-2)).toEqual(['GET api.example/data auth', 'GET api.example/pending auth'])
  })

  it('keeps the call while a poll requires a token: the agent polls again with the token', async () => {
    const stage = openStage()
    const { api, personServer } = stage
    stage.api = () => pendingResponse('/pending/1', requirement('requirement=approval'))
    const { poll } = personServer
    personServer.poll = (seen) => (seen.url.endsWith('/1') ? api(seen) : poll(seen))
    expect(await (await stage.agent.fetch(data)).text()).toBe('data')
    expect(trace(stage).filter((each) => each.includes('api.example'))).toEqual([
      'GET api.example/data agent',
      'GET api.example/pending agent',
      'GET api.example/pending person',
      'GET api.example/pending auth',
    ])
  })

  it('with requirement=auth-token keeps the call: the agent polls with the auth token, and sends the call only once more', async () => {
    const stage = openStage()
    const { api } = stage
    const kept: string[] = []
    stage.api = async (seen) => {
      if (seen.typ !== 'aa-person+jwt') return api(seen)
      kept.push(seen.body)
      const resourceToken = await stage.resourceToken(seen)
      return pendingResponse(
        '/pending/kept',
        requirement(serializeRequirement({ requirement: 'auth-token', resourceToken })),
      )
    }
    const { poll } = stage.personServer
    stage.personServer.poll = (seen) => {
      if (!seen.url.endsWith('/kept')) return poll(seen)
      return seen.typ === 'aa-auth+jwt' ? new Response(`did ${kept.join()}`) : new Response('', { status: 404 })
    }
    const response = await stage.agent.fetch(data, {
      method: 'POST',
      body: 'order',
      headers: { 'content-type': 'text/plain' },
    })
    expect(await response.text()).toBe('did order')
    expect(trace(stage).filter((each) => each.includes('api.example'))).toEqual([
      'POST api.example/data agent',
      'POST api.example/data person',
      'GET api.example/pending auth',
    ])
  })
})
