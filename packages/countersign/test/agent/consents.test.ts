import type { AgentError } from 'countersign/agent'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ended, ids, openStage, type Stage, settled } from './stage.js'

afterEach(() => void vi.useRealTimers())

const data = `${ids.api}/data`

async function untilAsked(stage: Stage, times = 1): Promise<void> {
  const late = performance.now() + 30_000
  while (stage.asked.length < times && performance.now() < late) await new Promise(setImmediate)
  expect(stage.asked).toHaveLength(times)
}

/** A stage where a session waits for its user. */
async function waiting(options: Parameters<typeof openStage>[0] = {}, signal?: AbortSignal) {
  const stage = openStage(options)
  const call = stage.agent.for('s1').fetch(data, signal ? { signal } : {})
  const end = ended(call)
  await untilAsked(stage)
  const [consent] = stage.asked
  if (!consent) throw new TypeError('expected a consent prompt')
  return { stage, end, consent }
}

describe('a consent', () => {
  it('prompts the user with everything that must be shown', async () => {
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

  it('expires when the agent stops waiting, if that is earlier', async () => {
    const { stage, consent } = await waiting({ consentTimeout: 5 })
    expect(consent.expiresAt).toBe(stage.clock.now + 5)
    void stage.agent.forget('s1')
  })

  it.each([
    ['7 s', 7, 7],
    ['nothing', undefined, 600],
    ['a string', '7', 600],
  ])('expires when the server says, or after ten minutes: expires_in is %s', async (_what, expires_in, seconds) => {
    const stage = openStage()
    stage.token.auth = () => ({ request_token: 'a', expires_in })
    void ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    expect(stage.asked[0]?.expiresAt).toBe(stage.clock.now + seconds)
    void stage.agent.forget('s1')
  })

  it('has a new state each time, and keeps the query of the auth server’s consent endpoint', async () => {
    const { stage, consent } = await waiting()
    stage.document = { agent_auth_endpoint: `${ids.authServer}/agent/auth?tenant=1` }
    const again = openStage()
    again.document = stage.document
    void ended(again.agent.for('s1').fetch(data))
    await untilAsked(again)
    const states = [consent, again.asked[0]].map((one) => new URL(one?.url ?? '').searchParams.get('state'))
    expect(states[0]).not.toBe(states[1])
    for (const state of states) expect(state, 'no one can guess it').toMatch(/^[\w-]{32}$/)
    expect(new URL(again.asked[0]?.url ?? '').searchParams.get('tenant')).toBe('1')
    for (const { agent } of [stage, again]) void agent.forget('s1')
  })

  it('is shared by requests of a session that need the same access, with one prompt', async () => {
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

  it('continues for the other requests if one is aborted; if all are aborted it stays pending, and the next request uses it', async () => {
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

  it('is stored if the user decides after all requests were aborted, and an aborted request is not resent (L06)', async () => {
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
    expect(await stage.answer(consent)).toContain('No request is waiting for this response')
  })

  it('stays open if a later request cannot prompt for it', async () => {
    const abort = new AbortController()
    const stage = openStage({
      onConsent(consent) {
        stage.asked.push(consent)
        if (stage.asked.length > 1) throw new Error('no browser')
      },
    })
    const { fetch } = stage.agent.for('s1')
    const first = ended(fetch(data, { signal: abort.signal }))
    await untilAsked(stage)
    abort.abort(new Error('given up'))
    expect(await first).toBe('given up')
    expect(await ended(fetch(data))).toBe('no browser')
    const [consent] = stage.asked
    expect(consent && (await stage.answer(consent))).toContain('data-state="allowed"')
  })

  it('is not requested for a request that is already aborted', async () => {
    const stage = openStage()
    const signal = AbortSignal.abort(new Error('given up'))
    expect(await ended(stage.agent.for('s1').fetch(data, { signal }))).toBe('given up')
    await expect(stage.agent.for('s1').signIn({ authServer: ids.authServer, signal })).rejects.toThrow('given up')
    expect(stage.seen).toEqual([])
  })

  it.each<[string, (stage: Stage, abort: () => void) => void]>([
    [
      'the API responds',
      (stage, abort) => {
        const answering = stage.api
        stage.api = (path, seen) => {
          abort()
          return answering(path, seen)
        }
      },
    ],
    [
      'the auth server responds',
      (stage, abort) => {
        const answering = stage.token.auth
        stage.token.auth = (form, seen) => {
          abort()
          return answering(form, seen)
        }
      },
    ],
  ])(
    'is not requested if the request is aborted while %s, even if fetch ignores the signal',
    async (_when, arrange) => {
      const abort = new AbortController()
      const stage = openStage()
      arrange(stage, () => abort.abort(new Error('given up')))
      expect(await ended(stage.agent.for('s1').fetch(data, { signal: abort.signal }))).toBe('given up')
      await settled()
      expect(stage.asked).toEqual([])
    },
  )

  it('is not requested if the request is aborted while authServers is evaluated', async () => {
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
    // Nothing is left behind that would block the next request.
    const next = ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    void stage.agent.forget('s1')
    expect(await next).toBe('session_forgotten')
  })

  it('is stored even if the request is aborted while the code is exchanged, and no one is prompted twice', async () => {
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

  it('gives no access if its session is forgotten while the code is exchanged, and the page reports it', async () => {
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
  ])('fails the request immediately if onConsent %s', async (_how, onConsent) => {
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
    expect(consent && (await stage.answer(consent))).toContain('No request is waiting')
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('no browser')
    expect(asked).toHaveLength(2)
  })
})

it('a consent does not wait for onConsent to settle, and completes even if it rejects after the decision', async () => {
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
  if (!consent) throw new TypeError('expected a consent prompt')
  const answering = stage.token.code
  stage.token.code = async (form, seen) => {
    fail(new Error('the window was closed'))
    await settled()
    return answering(form, seen)
  }
  expect(await stage.answer(consent)).toContain('data-state="allowed"')
  expect(await end).toBe('data')
})

describe('the response to a consent', () => {
  it('rejects with access_denied if the user denies, and sends no code', async () => {
    const { stage, end, consent } = await waiting()
    expect(await stage.answer(consent, { error: 'access_denied' })).toContain('data-state="denied"')
    expect(await end).toBe('access_denied')
    expect(stage.forms()).toHaveLength(1)
  })

  it('rejects with any other error that it carries', async () => {
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
    ['the issuer, if required', true, { iss: ids.authServer }, 'allowed'],
    ['no issuer, although required', true, {}, 'refused'],
    ['another issuer', true, { iss: 'https://other.example' }, 'refused'],
    ['another issuer, if not required', false, { iss: 'https://other.example' }, 'refused'],
    ['the issuer, if not required', false, { iss: ids.authServer }, 'allowed'],
    ['no issuer, if not required', false, {}, 'allowed'],
    ['no issuer, if the document does not mention it', undefined, {}, 'allowed'],
    ['no issuer, if the document’s flag is a string', 'true', {}, 'allowed'],
  ])('with %s (RFC 9207)', async (_what, supported, parameters, state) => {
    const stage = openStage()
    stage.document = { authorization_response_iss_parameter_supported: supported }
    void ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    const page = await stage.answer(stage.asked[0] ?? expect.fail(), { code: 'a', ...parameters } as never)
    expect(page).toContain(`data-state="${state}"`)
    void stage.agent.forget('s1')
  })

  it('shows a failure on the page if the code yields no token', async () => {
    const { stage, end, consent } = await waiting()
    stage.token.code = () => Response.json({ error: 'invalid_grant' }, { status: 400 })
    expect(await stage.answer(consent)).toContain('data-state="failed"')
    expect(await end).toBe('token_request_failed')
  })
})

describe('no decision', () => {
  const hours = (count: number) => count * 3_600_000
  const within = (end: Promise<string>, milliseconds: number) => {
    let state = 'waits'
    void end.then((how) => {
      state = how
    })
    return vi.advanceTimersByTimeAsync(milliseconds).then(() => state)
  }

  /** Only timers are faked; the flow itself runs normally. */
  const holdTimers = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })

  it.each<[string, number | undefined, unknown, number]>([
    ['three hours, if the server’s limit is shorter', undefined, 600, hours(3)],
    ['as long as the server allows, if that is longer', undefined, 4 * 3600, hours(4)],
    ['three hours, if the server gives no limit', undefined, undefined, hours(3)],
    ['as long as consentTimeout says', 5, 600, 5000],
    ['as long as consentTimeout says, if that is longer', 4 * 3600, 600, hours(4)],
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
    expect(other.asked[0] && (await other.answer(other.asked[0]))).toContain('No request is waiting')
    expect(consent && (await stage.answer(consent))).toContain('data-state="allowed"')
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(stage.asked).toHaveLength(1)
  })

  it('a timeout longer than a timer supports is capped at the maximum', async () => {
    holdTimers()
    const stage = openStage({ consentTimeout: 2 ** 32 })
    const end = ended(stage.agent.for('s1').fetch(data))
    await untilAsked(stage)
    expect(await within(end, 2 ** 31 - 2)).toBe('waits')
    expect(await within(end, 1)).toBe('consent_expired')
  })

  it('the error states how long the agent waited', async () => {
    const stage = openStage({ consentTimeout: 0.01 })
    await expect(stage.agent.for('s1').fetch(data)).rejects.toMatchObject({ message: 'No decision within 0.01 s.' })
  })

  it('no timer remains after a decision or after the session is forgotten', async () => {
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

describe('a web agent without onConsent', () => {
  it('returns the same consent URL each time, and stores the result of the decision', async () => {
    const stage = openStage({ onConsent: undefined })
    const where = async () =>
      stage.agent
        .for('s1')
        .fetch(data)
        .catch((error: AgentError) => error)
    const asked = (await where()) as AgentError
    expect(asked).toMatchObject({
      code: 'consent_required',
      consent: { url: expect.stringContaining('request_token=request-1') },
    })
    expect(await where()).toMatchObject({ code: 'consent_required', consent: { url: asked.consent?.url } })
    expect(await ended(stage.agent.for('s2').fetch(data))).toBe('consent_required')
    const { url = '' } = asked.consent ?? {}
    const bring = (session: string) => stage.answer({ url, session } as Parameters<Stage['answer']>[0])
    expect(await bring('s2'), 'in another session').toContain('This request was started in another browser')
    expect(await bring('s1')).toContain('data-state="allowed"')
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(await ended(stage.agent.for('s2').fetch(data))).toBe('consent_required')
    expect(stage.asked).toEqual([])
  })
})

describe('a code that yields no token', () => {
  const lost = (): Response => {
    throw new TypeError('fetch failed', { cause: new Error('socket hang up') })
  }
  const refuses = () => Response.json({ error: 'invalid_grant' }, { status: 400 })

  it.each<[string, () => Response]>([
    ['refused', refuses],
    ['lost in transit', lost],
  ])('and was %s does not use up the consent: the user’s own code still works (L13)', async (_how, answer) => {
    const { stage, end, consent } = await waiting()
    const answering = stage.token.code
    stage.token.code = answer
    expect(await stage.answer(consent, { code: 'junk' })).toContain('data-state="failed"')
    expect(await end).not.toBe('data')
    stage.token.code = answering
    expect(await stage.answer(consent)).toContain('data-state="allowed"')
    expect(await ended(stage.agent.for('s1').fetch(data))).toBe('data')
    expect(stage.asked).toHaveLength(1)
    expect(await stage.answer(consent)).toContain('No request is waiting')
  })

  it('makes the next request prompt again, since it may have been the user’s; both pages still work', async () => {
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
    ['the auth server denies access', () => () => Response.json({ error: 'access_denied' }, { status: 403 })],
    [
      'its token is for another resource',
      (stage) => async () => ({ auth_token: await stage.authToken({ aud: ids.agent }) }),
    ],
  ])('completes the consent if %s, since it was the user’s', async (_why, answer) => {
    const { stage, end, consent } = await waiting()
    stage.token.code = answer(stage)
    await stage.answer(consent)
    expect(await end).not.toBe('data')
    expect(await stage.answer(consent)).toContain('No request is waiting')
  })
})
