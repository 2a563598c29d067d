import type { AgentError } from 'countersign/agent'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ended, ids, openStage, type Stage, settled } from './stage.js'

afterEach(() => void vi.useRealTimers())

const data = `${ids.api}/data`

async function untilAsked(stage: Stage, times = 1): Promise<void> {
  for (let turn = 0; turn < 200 && stage.asked.length < times; turn++) await new Promise(setImmediate)
  expect(stage.asked).toHaveLength(times)
}

/** A stage where a session waits for its person. */
async function waiting(options: Parameters<typeof openStage>[0] = {}, signal?: AbortSignal) {
  const stage = openStage(options)
  const call = stage.agent.for('s1').fetch(data, signal ? { signal } : {})
  const end = ended(call)
  await untilAsked(stage)
  const [consent] = stage.asked
  if (!consent) throw new TypeError('somebody was asked')
  return { stage, end, consent }
}

describe('a consent', () => {
  it('is asked for with all that the person must be shown', async () => {
    const { stage, consent, end } = await waiting()
    const { signal, url, ...rest } = consent
    expect(rest).toEqual({
      session: 's1',
      code: '37RG', // of request-1
      authServer: ids.authServer,
      resource: ids.api,
      scope: 'data.read',
      permissions: [{ scope: 'data.read', description: undefined }],
      expiresAt: stage.clock.now + 600,
    })
    expect(signal.aborted).toBe(false)
    const { origin, pathname, searchParams } = new URL(url)
    expect(origin + pathname).toBe(`${ids.authServer}/agent/auth`)
    expect([...searchParams.keys()]).toEqual(['request_token', 'redirect_uri', 'state'])
    expect(searchParams.get('request_token')).toBe('request-1')
    expect(searchParams.get('redirect_uri')).toBe(`${ids.agent}/callback`)
    expect(searchParams.get('state')).toMatch(/^[\w-]{32}$/)
    expect(await stage.answer(consent)).toContain('data-state="allowed"')
    expect(await end).toBe('data')
    expect(stage.forms()).toEqual([
      { request_type: 'auth', resource_token: expect.any(String), redirect_uri: `${ids.agent}/callback` },
      { request_type: 'code', code: 'the-code', redirect_uri: `${ids.agent}/callback`, request_token: 'request-1' },
    ])
    expect(signal.aborted).toBe(false)
  })

  it('is said to end when the agent gives up, where that is before', async () => {
    const { stage, consent } = await waiting({ consentTimeout: 5 })
    expect(consent.expiresAt).toBe(stage.clock.now + 5)
    void stage.agent.forget('s1')
  })

  it.each([
    ['7 s', 7, 7],
    ['nothing', undefined, 600],
    ['a text', '7', 600],
  ])('ends when the server says, or after ten minutes: it says %s', async (_what, expires_in, seconds) => {
    const stage = openStage()
    stage.token.auth = () => ({ request_token: 'a', expires_in })
    void ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    expect(stage.asked[0]?.expiresAt).toBe(stage.clock.now + seconds)
    void stage.agent.forget('s1')
  })

  it('has a new state each time, and keeps the query of the page that the auth server names', async () => {
    const { stage, consent } = await waiting()
    stage.document = { agent_auth_endpoint: `${ids.authServer}/agent/auth?tenant=1` }
    const again = openStage()
    again.document = stage.document
    void ended(again.agent.for('s1').fetch(data))
    await untilAsked(again)
    const states = [consent, again.asked[0]].map((one) => new URL(one?.url ?? '').searchParams.get('state'))
    expect(states[0]).not.toBe(states[1])
    expect(new URL(again.asked[0]?.url ?? '').searchParams.get('tenant')).toBe('1')
    for (const { agent } of [stage, again]) void agent.forget('s1')
  })

  it('is shared by the requests of a session that need the same, and asked for once', async () => {
    const { stage, consent, end } = await waiting()
    const more = [1, 2, 3].map(() => ended(stage.agent.for('s1').fetch(data)))
    await settled()
    expect(stage.asked).toHaveLength(1)
    await stage.answer(consent)
    expect(await Promise.all([end, ...more])).toEqual(Array(4).fill('data'))
    expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['auth', 'code'])
  })

  it.each<[string, string, string, Partial<Record<'iss' | 'scope', string>>]>([
    ['another session', 's2', ids.api, {}],
    ['another scope', 's1', ids.api, { scope: 'data.write' }],
    ['another resource', 's1', 'https://other.example', { iss: 'https://other.example' }],
  ])('is not shared with %s', async (_what, session, origin, changes) => {
    const { stage, end } = await waiting()
    const { resourceToken } = stage
    stage.resourceToken = (scope) => resourceToken(changes.scope ?? scope, changes)
    const other = ended(stage.agent.for(session).fetch(`${origin}/data`))
    await untilAsked(stage, 2)
    for (const one of ['s1', 's2']) void stage.agent.forget(one)
    expect([await end, await other]).toEqual(['session_forgotten', 'session_forgotten'])
  })

  it('that one request gives up goes on for the others; given up by all it stays, and the next request asks for it', async () => {
    const aborts = [new AbortController(), new AbortController()]
    const { stage, end, consent } = await waiting({}, aborts[0]?.signal)
    const second = ended(stage.agent.for('s1').fetch(data, { signal: aborts[1]?.signal ?? null }))
    await settled()
    aborts[0]?.abort(new Error('first'))
    expect(await end).toBe('first')
    expect(consent.signal.aborted).toBe(false)
    aborts[1]?.abort(new Error('second'))
    expect(await second).toBe('second')
    expect(consent.signal.aborted).toBe(true)
    const third = ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage, 2)
    expect(stage.asked[1]?.url).toBe(consent.url)
    expect(stage.asked[1]?.signal.aborted).toBe(false)
    await stage.answer(consent)
    expect(await third).toBe('data')
    expect(stage.forms().map(({ request_type }) => request_type)).toEqual(['auth', 'code'])
  })

  it('that is given up by all is kept where the person decides later; what was given up is not sent again (L06)', async () => {
    const abort = new AbortController()
    const { stage, end, consent } = await waiting({}, abort.signal)
    abort.abort(new Error('given up'))
    expect(await end).toBe('given up')
    const sent = stage.seen.filter(({ url }) => url === data).length
    expect(await stage.answer(consent)).toContain('data-state="allowed"')
    await settled()
    expect(stage.seen.filter(({ url }) => url === data)).toHaveLength(sent)
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(stage.asked).toHaveLength(1)
    expect(await stage.answer(consent)).toContain('Nothing here waits for this answer')
  })

  it('of a request that was given up before is not asked for', async () => {
    const stage = openStage()
    const signal = AbortSignal.abort(new Error('given up'))
    expect(await ended(stage.agent.for('s1').fetch(data, { signal }))).toBe('given up')
    await expect(stage.agent.for('s1').signIn({ authServer: ids.authServer, signal })).rejects.toThrow('given up')
    expect(stage.seen).toEqual([])
  })

  it.each<[string, (stage: Stage, abort: () => void) => void]>([
    [
      'the API answers',
      (stage, abort) => {
        const answering = stage.api
        stage.api = (path, seen) => {
          abort()
          return answering(path, seen)
        }
      },
    ],
    [
      'the auth server answers',
      (stage, abort) => {
        const answering = stage.token.auth
        stage.token.auth = (form, seen) => {
          abort()
          return answering(form, seen)
        }
      },
    ],
  ])(
    'of a request that is given up while %s is not asked for, also where fetch does not heed the signal',
    async (_when, arrange) => {
      const abort = new AbortController()
      const stage = openStage()
      arrange(stage, () => abort.abort(new Error('given up')))
      expect(await ended(stage.agent.for('s1').fetch(data, { signal: abort.signal }))).toBe('given up')
      await settled()
      expect(stage.asked).toEqual([])
    },
  )

  it('that is given up while the auth servers are asked about is not asked for', async () => {
    const abort = new AbortController()
    const stage = openStage({
      authServers: () => {
        abort.abort(new Error('given up'))
        return true
      },
    })
    expect(await ended(stage.agent.for('s1').fetch(data, { signal: abort.signal }))).toBe('given up')
    await settled()
    expect(stage.forms()).toEqual([])
    // Nothing was left behind that the next request would wait for.
    const next = ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    void stage.agent.forget('s1')
    expect(await next).toBe('session_forgotten')
  })

  it('that is given up while its code is exchanged is kept all the same, and nothing is asked twice', async () => {
    const abort = new AbortController()
    const { stage, end, consent } = await waiting({}, abort.signal)
    const answering = stage.token.code
    stage.token.code = (form, seen) => {
      abort.abort(new Error('given up'))
      expect(seen.signal.aborted).toBe(false)
      return answering(form, seen)
    }
    expect(await stage.answer(consent)).toContain('data-state="allowed"')
    expect(await end).toBe('given up')
    stage.seen.length = 0
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(stage.seen[0]?.scheme).toBe('jwt')
    expect(stage.asked).toHaveLength(1)
  })

  it('whose session is forgotten while its code is exchanged gives nothing, and its page says so', async () => {
    const { stage, end, consent } = await waiting()
    const answering = stage.token.code
    stage.token.code = async (form, seen) => {
      await stage.agent.forget('s1')
      expect(seen.signal.aborted).toBe(true)
      return answering(form, seen)
    }
    expect(await stage.answer(consent)).toContain('data-state="failed"')
    expect(await end).toBe('session_forgotten')
    stage.seen.length = 0
    void ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage, 2)
    expect(stage.seen[0]?.scheme).toBe('jwks')
    await stage.agent.forget('s1')
  })

  it.each<[string, () => void | Promise<void>]>([
    [
      'throws',
      () => {
        throw new Error('no browser')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('no browser'))],
  ])('whose onConsent %s rejects the request, and waits for nothing', async (_how, onConsent) => {
    const asked: string[] = []
    const stage = openStage({
      onConsent: ({ url, ...consent }) => {
        asked.push(url)
        stage.asked.push({ url, ...consent })
        return onConsent()
      },
    })
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('no browser')
    const [consent] = stage.asked
    expect(consent && (await stage.answer(consent))).toContain('Nothing here waits')
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('no browser')
    expect(asked).toHaveLength(2)
  })
})

it('a consent does not wait for what onConsent does longer, and goes on though it fails after the decision', async () => {
  let fail: (error: Error) => void = () => undefined
  const stage = openStage({
    onConsent: (consent) => {
      stage.asked.push(consent)
      return new Promise<void>((_, reject) => {
        fail = reject
      })
    },
  })
  const end = ended(stage.agent.for('s1').fetch(data))
  await untilAsked(stage)
  const [consent] = stage.asked
  if (!consent) throw new TypeError('somebody was asked')
  const answering = stage.token.code
  stage.token.code = async (form, seen) => {
    fail(new Error('the window was closed'))
    await settled()
    return answering(form, seen)
  }
  expect(await stage.answer(consent)).toContain('data-state="allowed"')
  expect(await end).toBe('data')
})

describe('the answer of a person', () => {
  it('that they said no rejects with access_denied, and no code is sent', async () => {
    const { stage, end, consent } = await waiting()
    expect(await stage.answer(consent, { error: 'access_denied' })).toContain('data-state="denied"')
    expect(await end).toBe('access_denied')
    expect(stage.forms()).toHaveLength(1)
  })

  it('that is another error rejects with it', async () => {
    const stage = openStage()
    const call = stage.agent.for('s1').fetch(data)
    const error = call.catch((thrown: AgentError) => thrown)
    await untilAsked(stage)
    const page = await stage.answer(stage.asked[0] ?? expect.fail(), { error: 'server_error' })
    expect(page).toContain('data-state="failed"')
    expect(page).toContain('You decided, but the agent could not complete the request.')
    expect(await error).toMatchObject({
      code: 'token_request_failed',
      error: 'server_error',
      message: 'The auth server redirected the user back with an error.',
    })
  })

  it.each([
    ['the issuer, where it must be there', true, { iss: ids.authServer }, 'allowed'],
    ['no issuer, where it must be there', true, {}, 'refused'],
    ['another issuer', true, { iss: 'https://other.example' }, 'refused'],
    ['another issuer, where it need not be there', false, { iss: 'https://other.example' }, 'refused'],
    ['the issuer, where it need not be there', false, { iss: ids.authServer }, 'allowed'],
    ['no issuer, where it need not be there', false, {}, 'allowed'],
    ['no issuer, where the document says nothing of it', undefined, {}, 'allowed'],
    ['no issuer, where the document says so as a text', 'true', {}, 'allowed'],
  ])('with %s (RFC 9207)', async (_what, supported, parameters, state) => {
    const stage = openStage()
    stage.document = { authorization_response_iss_parameter_supported: supported }
    void ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    const page = await stage.answer(stage.asked[0] ?? expect.fail(), { code: 'a', ...parameters } as never)
    expect(page).toContain(`data-state="${state}"`)
    void stage.agent.forget('s1')
  })

  it('with a code that gives no token is a failure on the page', async () => {
    const { stage, end, consent } = await waiting()
    stage.token.code = () => Response.json({ error: 'invalid_grant' }, { status: 400 })
    expect(await stage.answer(consent)).toContain('data-state="failed"')
    expect(await end).toBe('token_request_failed')
  })
})

describe('nobody decides', () => {
  const hours = (count: number) => count * 3_600_000
  const within = (end: Promise<string>, milliseconds: number) => {
    let state = 'waits'
    void end.then((how) => {
      state = how
    })
    return vi.advanceTimersByTimeAsync(milliseconds).then(() => state)
  }

  /** Timers alone are held: the flow itself runs on. */
  const holdTimers = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })

  it.each<[string, number | undefined, unknown, number]>([
    ['three hours, where the server says less', undefined, 600, hours(3)],
    ['as long as the server says, where that is more', undefined, 4 * 3600, hours(4)],
    ['three hours, where the server says nothing', undefined, undefined, hours(3)],
    ['as long as it is told to', 5, 600, 5000],
    ['as long as it is told to, where that is more', 4 * 3600, 600, hours(4)],
  ])('the agent waits %s', async (_what, consentTimeout, expires_in, milliseconds) => {
    holdTimers()
    const stage = openStage(consentTimeout === undefined ? {} : { consentTimeout })
    stage.token.auth = () => ({ request_token: 'a', expires_in })
    const end = ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    expect(await within(end, milliseconds - 1)).toBe('waits')
    expect(await within(end, 1)).toBe('consent_expired')
    expect(stage.asked[0]?.signal.aborted).toBe(true)
  })

  it('a decision after the wait is stored for the next request, as long as the user can still decide (W26)', async () => {
    holdTimers()
    const stage = openStage({ consentTimeout: 5 })
    const end = ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    expect(await within(end, 5000)).toBe('consent_expired')
    const [consent] = stage.asked
    const other = openStage({ consentTimeout: 5 })
    const late = ended(other.agent.for('s1').fetch(data))
    await untilAsked(other)
    expect(await within(late, 5000)).toBe('consent_expired')
    other.clock.now += 3 * 3600
    expect(other.asked[0] && (await other.answer(other.asked[0]))).toContain('Nothing here waits')
    expect(consent && (await stage.answer(consent))).toContain('data-state="allowed"')
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(stage.asked).toHaveLength(1)
  })

  it('for longer than a timer can wait: it waits as long as one can', async () => {
    holdTimers()
    const stage = openStage({ consentTimeout: 2 ** 32 })
    const end = ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    expect(await within(end, 2 ** 31 - 2)).toBe('waits')
    expect(await within(end, 1)).toBe('consent_expired')
  })

  it('the error says after how long', async () => {
    const stage = openStage({ consentTimeout: 0.01 })
    await expect(stage.agent.for('s1').fetch(data)).rejects.toMatchObject({ message: 'No decision within 0.01 s.' })
  })

  it('no timer is left once somebody did, or gave up', async () => {
    holdTimers()
    const { stage, end, consent } = await waiting()
    expect(vi.getTimerCount()).toBe(1)
    await stage.answer(consent)
    expect(await end).toBe('data')
    expect(vi.getTimerCount()).toBe(0)
    const again = ended(stage.agent.for('s2').fetch(data))
    await untilAsked(stage, 2)
    void stage.agent.forget('s2')
    await again
    await settled()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a web agent with no way to ask', () => {
  it('says at once where the browser of the session must go, each time the same, and keeps what it brings', async () => {
    const stage = openStage({ onConsent: undefined })
    const where = async () =>
      stage.agent
        .for('s1')
        .fetch(data)
        .catch((error: AgentError) => error)
    const asked = (await where()) as AgentError
    expect(asked).toMatchObject({ code: 'consent_required', url: expect.stringContaining('request_token=request-1') })
    expect(await where()).toMatchObject({ code: 'consent_required', url: asked.url })
    expect(await ended(stage.agent.for('s2').fetch(data))).toBe('consent_required')
    const { url = '' } = asked
    const bring = (session: string) => stage.answer({ url, session } as Parameters<Stage['answer']>[0])
    expect(await bring('s2'), 'in another session').toContain('This was started in another browser')
    expect(await bring('s1')).toContain('data-state="allowed"')
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(await ended(stage.agent.for('s2').fetch(data))).toBe('consent_required')
    expect(stage.asked).toEqual([])
  })
})

describe('a code that gives nothing', () => {
  const lost = (): Response => {
    throw new TypeError('fetch failed', { cause: new Error('socket hang up') })
  }
  const refuses = () => Response.json({ error: 'invalid_grant' }, { status: 400 })

  it.each<[string, () => Response]>([
    ['refused', refuses],
    ['lost on the way', lost],
  ])('and was %s takes no consent away: the person’s own is still good (L13)', async (_how, answer) => {
    const { stage, end, consent } = await waiting()
    const answering = stage.token.code
    stage.token.code = answer
    expect(await stage.answer(consent, { code: 'junk' })).toContain('data-state="failed"')
    expect(await end).not.toBe('data')
    stage.token.code = answering
    expect(await stage.answer(consent)).toContain('data-state="allowed"')
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(stage.asked).toHaveLength(1)
    expect(await stage.answer(consent)).toContain('Nothing here waits')
  })

  it('has the next request ask anew, since it may have been the person’s; both pages are good', async () => {
    const { stage, end, consent } = await waiting()
    const answering = stage.token.code
    stage.token.code = refuses
    await stage.answer(consent, { code: 'expired' })
    expect(await end).toBe('token_request_failed')
    const next = ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage, 2)
    expect(stage.asked[1]?.url).not.toBe(consent.url)
    stage.token.code = answering
    expect(await stage.answer(consent)).toContain('data-state="allowed"')
    expect(await stage.answer(stage.asked[1] ?? expect.fail())).toContain('data-state="allowed"')
    expect(await next).toBe('data')
  })

  it.each<[string, (stage: Stage) => Stage['token']['code']]>([
    ['the auth server says no', () => () => Response.json({ error: 'access_denied' }, { status: 403 })],
    [
      'its token is for another resource',
      (stage) => async () => ({ auth_token: await stage.authToken({ aud: ids.agent }) }),
    ],
  ])('because %s was the person’s, and ends the consent', async (_why, answer) => {
    const { stage, end, consent } = await waiting()
    stage.token.code = answer(stage)
    await stage.answer(consent)
    expect(await end).not.toBe('data')
    expect(await stage.answer(consent)).toContain('Nothing here waits')
  })
})
