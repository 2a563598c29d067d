import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AgentError, memoryStore } from 'countersign/agent'
import { fileStore } from 'countersign/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  ids,
  openStage,
  pendingResponse,
  problem,
  requirement,
  type Seen,
  type Stage,
  trace,
  unauthorized,
} from './agent-stage.js'

const data = `${ids.resource}/data`

const failureOf = async (promise: Promise<unknown>): Promise<AgentError> => {
  const error = await promise.catch((reason: unknown) => reason)
  if (error instanceof AgentError) return error
  throw new Error('it did not fail as expected', { cause: error })
}

const pollsOf = ({ seen }: Stage): Seen[] => seen.filter(({ url }) => url.includes('/pending/'))
const postsOf = ({ seen }: Stage): Seen[] => seen.filter(({ method }) => method === 'POST')

describe('a deferred response', () => {
  it.each([
    [403, 'denied', 'access_denied'],
    [403, 'abandoned', 'access_denied'],
    [403, 'revoked', 'access_denied'],
    [408, 'expired', 'consent_expired'],
    [410, 'invalid_code', 'consent_expired'],
    [500, 'server_error', 'token_request_failed'],
    [404, 'invalid_request', 'token_request_failed'],
    [403, 'something_new', 'token_request_failed'],
  ])('that ends with %i %s is reported, and not polled again', async (status, error, code) => {
    const stage = openStage({ decision: 'none' })
    stage.personServer.poll = () => problem(status, error, 'Because\u0007 of this.')
    const failure = await failureOf(stage.agent.fetch(data))
    expect(failure).toMatchObject({ code, error })
    expect(failure.message).toContain('Because of this.')
    expect(pollsOf(stage)).toHaveLength(1)
  })

  it('is reported with at most 200 characters of the detail, and 60 of the error', async () => {
    const stage = openStage({ decision: 'none' })
    stage.personServer.poll = () => problem(500, 'e'.repeat(61), 'd'.repeat(201))
    const { message } = await failureOf(stage.agent.fetch(data))
    expect(message).toMatch(/^ps\.example responded with 500 e{59}…: d{199}…/)
  })

  it('that is denied without a reason names the server', async () => {
    const stage = openStage({ decision: 'none' })
    stage.personServer.poll = () => problem(403, 'denied')
    const { message } = await failureOf(stage.agent.fetch(data))
    expect(message).toBe('Access was denied by ps.example, without a reason.')
  })

  it.each([408, 410])('that ends with %i and no problem details has expired', async (status) => {
    const stage = openStage({ decision: 'none' })
    stage.personServer.poll = () => new Response('', { status })
    expect(await failureOf(stage.agent.fetch(data))).toMatchObject({
      code: 'consent_expired',
      error: String(status),
    })
  })

  it.each<[Record<string, string>, Record<number, number>, number[]]>([
    [{ 'retry-after': '3' }, {}, [3, 3, 3]],
    [{}, {}, [5, 5, 5]],
    [{ 'retry-after': '1.5' }, {}, [5, 5, 5]],
    [{ 'retry-after': '10000' }, {}, [5, 5, 5]],
    [{ 'retry-after': '0' }, {}, [0, 0.1, 0.1]],
    [{ 'retry-after': '1' }, { 429: 2 }, [1, 10, 6]],
    [{ 'retry-after': '1' }, { 503: 2 }, [1, 30, 1]],
  ])(
    'is polled after Retry-After, and five seconds later for good after each 429: %j, %j',
    async (headers, ends, pauses) => {
      vi.useFakeTimers({ now: 1_790_000_000_000 })
      onTestFinished(() => void vi.useRealTimers())
      const stage = openStage({ decision: 'none' })
      const times: number[] = []
      const deferred = (location: string) =>
        new Response('{}', { status: 202, headers: { location, ...requirement('requirement=approval'), ...headers } })
      stage.personServer.token = () => {
        times.push(Date.now())
        return deferred(`${ids.personServer}/pending/1`)
      }
      stage.personServer.poll = (seen) => {
        times.push(Date.now())
        const at = times.length
        if (ends[429] === at) return problem(429, 'slow_down')
        if (ends[503] === at) return problem(503, 'server_error', '', { 'retry-after': '30' })
        return at === 4 ? problem(403, 'denied') : deferred(seen.url)
      }
      const failure = failureOf(stage.agent.fetch(data))
      while (times.length < 4) await vi.advanceTimersByTimeAsync(100)
      expect(times.slice(1).map((time, at) => (time - (times[at] as number)) / 1000)).toEqual(pauses)
      expect(await failure).toMatchObject({ code: 'access_denied' })
    },
  )

  it('on another origin is not polled', async () => {
    const stage = openStage()
    stage.personServer.token = () => pendingResponse('https://other.example/pending/1', {})
    const failure = await failureOf(stage.agent.fetch(data))
    expect(failure).toMatchObject({ code: 'endpoint_refused' })
    expect(failure.message).toBe('ps.example deferred its response to another origin, https://other.example.')
    expect(stage.seen).toHaveLength(2)
  })

  it.each(['/pending/relative', 'pending/relative'])('at the relative Location %s is polled', async (location) => {
    const stage = openStage()
    stage.personServer.token = () => pendingResponse(location, requirement('requirement=approval'))
    stage.personServer.poll = () => problem(403, 'denied')
    await failureOf(stage.agent.fetch(data))
    expect(pollsOf(stage).map(({ url }) => url)).toEqual([`${ids.personServer}/pending/relative`])
  })

  it('is polled at its first Location, whatever later responses contain', async () => {
    const stage = openStage()
    const { poll } = stage.personServer
    const later: Response[] = [
      new Response('{}', { status: 202, headers: { 'retry-after': '0' } }),
      pendingResponse('https://other.example/', {}),
    ]
    stage.personServer.poll = (seen) => later.pop() ?? poll(seen)
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect(new Set(pollsOf(stage).map(({ url }) => new URL(url).origin))).toEqual(new Set([ids.personServer]))
  })

  it('without a Location is an error', async () => {
    const stage = openStage()
    stage.personServer.token = () => new Response('{}', { status: 202 })
    expect((await failureOf(stage.agent.fetch(data))).message).toContain('without a valid Location')
  })

  it.each([
    ['http://ps.example/interact', 'an https URL without a query'],
    ['https://ps.example/interact?next=evil', 'an https URL without a query'],
    ['https://ps.example/interact#part', 'an https URL without a query'],
    ['javascript:alert(1)', 'an https URL without a query'],
    ['https://login.example/interact', 'endpointOrigins'],
  ])('never sends the user to %s, and is abandoned', async (url, why) => {
    const stage = openStage()
    stage.personServer.token = (seen) =>
      stage.defer(seen, () => Response.json({}), requirement(`requirement=interaction;url="${url}";code="ABCD"`))
    const failure = await failureOf(stage.agent.fetch(data))
    expect(failure).toMatchObject({ code: 'endpoint_refused' })
    expect(failure.message).toContain(why)
    expect(stage.asked).toEqual([])
    expect(pollsOf(stage).map(({ method }) => method)).toEqual(['DELETE'])
  })

  it('may send the user to another origin that the program lists', async () => {
    const stage = openStage({ endpointOrigins: { [ids.personServer]: ['https://login.example'] }, decision: 'none' })
    stage.personServer.token = (seen) =>
      stage.defer(
        seen,
        () => Response.json({}),
        requirement('requirement=interaction;url="https://login.example/interact";code="ABCD"'),
      )
    stage.personServer.poll = () => problem(403, 'denied')
    await failureOf(stage.agent.fetch(data))
    expect(stage.asked).toMatchObject([
      { code: 'ABCD', url: expect.stringContaining('https://login.example/interact?') },
    ])
  })

  it('opens a page with the code, and with the URL to which the browser returns', async () => {
    const stage = openStage()
    await stage.agent.fetch(data)
    const [{ url, code } = { url: '', code: '' }] = stage.asked
    const { origin, pathname, searchParams } = new URL(url)
    expect([origin, pathname, searchParams.get('code')]).toEqual([ids.personServer, '/interact', code])
    expect(searchParams.get('callback')).toMatch(/^https:\/\/agent\.example\/callback\?state=[\w-]{32}$/)
  })

  it.each([
    ['http://127.0.0.1:9000/callback', /^http:\/\/127\.0\.0\.1:9000\/callback\?state=[\w-]{32}$/],
    // The port is not known yet.
    ['http://127.0.0.1/callback', /^$/],
    ['com.example.agent:/callback', /^$/],
  ])('opens a page that returns to the redirectUri %s, if a browser can', async (redirectUri, callback) => {
    const stage = openStage({ redirectUri })
    await stage.agent.fetch(data)
    expect(new URL(stage.asked[0]?.url ?? '').searchParams.get('callback') ?? '').toMatch(callback)
  })

  it('that needs no page is only polled, until the server requires a page', async () => {
    const stage = openStage()
    stage.personServer.token = (seen) =>
      stage.defer(
        seen,
        async () => Response.json({ person_token: await stage.personToken(seen) }),
        requirement('requirement=approval'),
      )
    const { poll } = stage.personServer
    let polls = 0
    stage.personServer.poll = (seen) => {
      const interaction = `requirement=interaction;url="${ids.personServer}/interact";code="${stage.pending.get(seen.url)?.id.slice(0, 8).toUpperCase()}"`
      if (stage.pending.get(seen.url)?.outcome) return poll(seen)
      return pendingResponse(seen.url, requirement(++polls < 3 ? 'requirement=approval' : interaction))
    }
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect(stage.asked).toHaveLength(2)
    expect(polls).toBeGreaterThanOrEqual(3)
  })

  it('in which the server asks the agent a question is abandoned', async () => {
    const stage = openStage({ decision: 'none' })
    stage.personServer.poll = (seen) => pendingResponse(seen.url, requirement('requirement=clarification'))
    expect(await failureOf(stage.agent.fetch(data))).toMatchObject({ code: 'challenge_unsupported' })
    expect(pollsOf(stage).map(({ method }) => method)).toEqual(['GET', 'DELETE'])
  })

  it('is withdrawn if the user cannot be prompted after all', async () => {
    const stage = openStage({
      onConsent: () => {
        throw new Error('no browser')
      },
    })
    await expect(stage.agent.fetch(data)).rejects.toThrow('no browser')
    expect(stage.pending.size).toBe(0)
  })

  it('survives four polls in succession that are lost on the network', async () => {
    vi.useFakeTimers({ now: 1_790_000_000_000 })
    onTestFinished(() => void vi.useRealTimers())
    const stage = openStage()
    const { poll } = stage.personServer
    let polls = 0
    stage.personServer.poll = (seen) => {
      polls++
      if (polls === 5) return pendingResponse(seen.url, {})
      if (polls > 9) return poll(seen)
      throw new TypeError('fetch failed', { cause: new Error('ECONNRESET') })
    }
    const response = stage.agent.fetch(data)
    await vi.advanceTimersByTimeAsync(60_000)
    expect((await response).status).toBe(200)
  })

  it('fails after five polls in succession were lost', async () => {
    vi.useFakeTimers({ now: 1_790_000_000_000 })
    onTestFinished(() => void vi.useRealTimers())
    const stage = openStage({ decision: 'none' })
    let polls = 0
    stage.personServer.poll = () => {
      polls++
      throw new TypeError('fetch failed', { cause: new Error('ECONNRESET') })
    }
    const failed = expect(stage.agent.fetch(data)).rejects.toThrow('fetch failed')
    await vi.advanceTimersByTimeAsync(60_000)
    await failed
    expect(polls).toBe(5)
  })
})

/** An agent without a way to prompt, as in a service. */
const silent = { decision: 'none', onConsent: undefined } as const

describe('an agent that cannot prompt', () => {
  it('rejects with the page, and continues with the same request once the user has decided', async () => {
    const stage = openStage(silent)
    const first = await failureOf(stage.agent.fetch(data))
    expect(first).toMatchObject({
      code: 'consent_required',
      reason: 'first_time',
      consent: {
        authServer: ids.personServer,
        resource: ids.resource,
        purpose: `to act for you at ${new URL(ids.resource).host}`,
      },
    })
    const page = first.consent?.url ?? ''
    const opened = stage.clock.now
    stage.clock.now += 90
    const again = await failureOf(stage.agent.fetch(data))
    expect(again.consent?.url).toBe(page)
    expect([first, again].map(({ consent }) => consent?.expiresAt)).toEqual([opened + 600, opened + 600])
    expect(postsOf(stage)).toHaveLength(1)
    stage.decide(page)
    const next = await failureOf(stage.agent.fetch(data))
    expect(next.consent).toMatchObject({ scope: 'data.read', purpose: undefined })
    stage.decide(next.consent?.url ?? '')
    expect((await stage.agent.fetch(data)).status).toBe(200)
    expect(postsOf(stage)).toHaveLength(2)
  })

  it('waits for the decision on a page', async () => {
    const stage = openStage(silent)
    const { consent } = await failureOf(stage.agent.fetch(data))
    const waiting = stage.agent.waitForConsent(consent?.url ?? '')
    stage.decide(consent?.url ?? '')
    expect(await waiting).toBe(true)
    expect(await stage.agent.waitForConsent('https://ps.example/interact?code=other')).toBe(false)
    expect(await stage.agent.tokens()).toHaveLength(1)
  })

  it('starts a new request if the server no longer knows the old one', async () => {
    const stage = openStage(silent)
    const first = await failureOf(stage.agent.fetch(data))
    const { poll } = stage.personServer
    stage.personServer.poll = (seen) => {
      stage.personServer.poll = poll
      return problem(410, 'invalid_code', seen.url)
    }
    const second = await failureOf(stage.agent.fetch(data))
    expect(second.code).toBe('consent_required')
    expect(second.consent?.url).not.toBe(first.consent?.url)
  })
})

describe('another process of the agent', () => {
  async function openStore() {
    const folder = await mkdtemp(join(tmpdir(), 'agent-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    return fileStore(folder)
  }

  it('goes on polling what an aborted request has started, and shows the same page', async () => {
    const stage = openStage({ store: await openStore(), decision: 'none' })
    const abort = new AbortController()
    const first = stage.agent.fetch(data, { signal: abort.signal })
    await expect.poll(() => stage.asked).toHaveLength(1)
    abort.abort(new Error('closed'))
    await expect(first).rejects.toThrow('closed')
    expect(stage.pending.size, 'still pending').toBe(1)
    const second = stage.newAgent().fetch(data)
    await expect.poll(() => stage.asked).toHaveLength(2)
    expect(stage.asked[1]?.url).toBe(stage.asked[0]?.url)
    stage.decide(stage.asked[0]?.url ?? '')
    await expect.poll(() => stage.asked).toHaveLength(3)
    stage.decide(stage.asked[2]?.url ?? '')
    expect((await second).status).toBe(200)
    expect(trace(stage).filter((each) => each.startsWith('POST'))).toHaveLength(2)
  })

  it('shares the decision: one of them polls, and both get the token', async () => {
    const stage = openStage({ store: await openStore(), decision: 'none' })
    const responses = [stage.agent, stage.newAgent()].map((agent) => agent.fetch(data))
    await vi.waitFor(() => expect(stage.asked).toHaveLength(2), { timeout: 5000 })
    expect(stage.pending.size, 'the second request was abandoned').toBe(1)
    stage.decide(stage.asked[0]?.url ?? '')
    await vi.waitFor(() => expect(stage.asked).toHaveLength(4), { timeout: 5000 })
    stage.decide(stage.asked[2]?.url ?? '')
    expect((await Promise.all(responses)).map(({ status }) => status)).toEqual([200, 200])
    expect(stage.pending.size, 'each decision was received once').toBe(0)
  })

  it('delivers a denial that no one has waited for', async () => {
    const stage = openStage({ ...silent, store: await openStore() })
    const { consent } = await failureOf(stage.agent.fetch(data))
    stage.decide(consent?.url ?? '', 'deny')
    expect(await failureOf(stage.newAgent().fetch(data))).toMatchObject({ code: 'access_denied' })
  })
})

describe('a browser that returns', () => {
  const callback = (url: string, parameters: Record<string, string> = {}) => {
    const returned = new URL(new URL(url).searchParams.get('callback') ?? '')
    for (const [name, value] of Object.entries(parameters)) returned.searchParams.set(name, value)
    return new Request(returned)
  }

  it('sees that it worked, even if no request waits any more', async () => {
    const stage = openStage(silent)
    const { consent } = await failureOf(stage.agent.fetch(data))
    stage.decide(consent?.url ?? '')
    const page = await (await stage.agent.handler(callback(consent?.url ?? ''))).text()
    expect(page).toContain('data-state="allowed"')
    expect(await stage.agent.tokens()).toEqual([expect.objectContaining({ isRenewable: true })])
  })

  it('causes one poll at once by each that waits, and no others before Retry-After', async () => {
    vi.useFakeTimers({ now: 1_790_000_000_000 })
    onTestFinished(() => void vi.useRealTimers())
    const stage = openStage({ decision: 'none' })
    const slow = (response: Response | Promise<Response>) => {
      if (response instanceof Response && response.status === 202) response.headers.set('retry-after', '60')
      return response
    }
    const { token, poll } = stage.personServer
    stage.personServer.token = async (seen) => slow(await token(seen))
    stage.personServer.poll = async (seen) => slow(await poll(seen))
    stage.api = ({ typ }) =>
      typ === 'aa-person+jwt' ? new Response('data') : unauthorized(requirement('requirement=person-token'))
    const fetched = stage.agent.fetch(data)
    await expect.poll(() => stage.asked).toHaveLength(1)
    const { url } = stage.asked[0] ?? { url: '' }
    const early = stage.agent.handler(callback(url))
    await vi.advanceTimersByTimeAsync(1000)
    expect(pollsOf(stage)).toHaveLength(2)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(pollsOf(stage)).toHaveLength(2)
    stage.decide(url)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(pollsOf(stage)).toHaveLength(3)
    expect(await (await fetched).text()).toBe('data')
    expect(await (await early).text()).toContain('data-state="allowed"')
  })

  it.each([
    ['access_denied', 'access_denied', 'denied', 'denied', 'denied: the user did not allow it'],
    ['user_abandoned', 'token_request_failed', 'failed', 'user_abandoned', 'without a decision'],
    [`e${'x'.repeat(60)}`, 'token_request_failed', 'failed', `e${'x'.repeat(59)}`, 'without a decision'],
  ])('with the error %s ends the request', async (error, code, shown, problemName, who) => {
    const stage = openStage({ decision: 'none' })
    const failure = failureOf(stage.agent.fetch(data))
    await expect.poll(() => stage.asked).toHaveLength(1)
    const page = await (await stage.agent.handler(callback(stage.asked[0]?.url ?? '', { error }))).text()
    expect(page).toContain(`data-state="${shown}"`)
    expect(await failure).toMatchObject({ code, error: problemName })
    expect((await failure).message).toContain(who)
  })

  it.each([{}, { error: 'access_denied' }])('with %j rejects if the store has failed', async (parameters) => {
    const store = memoryStore()
    const stage = openStage({ ...silent, store })
    const { consent } = await failureOf(stage.agent.fetch(data))
    const lost = new Error('store unavailable')
    store.put = () => Promise.reject(lost)
    await expect(stage.agent.handler(callback(consent?.url ?? '', parameters))).rejects.toThrow(lost)
  })

  it('with an unknown state changes nothing', async () => {
    const stage = openStage(silent)
    const { consent } = await failureOf(stage.agent.fetch(data))
    const page = await (await stage.agent.handler(callback(consent?.url ?? '', { state: 'other' }))).text()
    expect(page).toContain('data-state="refused"')
    expect(stage.pending.size).toBe(1)
  })
})
