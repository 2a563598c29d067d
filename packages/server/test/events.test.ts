import { AAuthError, type CountersignEvent } from 'countersign'
import { createMetrics } from 'countersign/metrics'
import { hashPassword, StorageError } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished, vi } from 'vitest'
import { allow, authRequest, openRequest, redeem, refresh, refreshTokenOf, signForm, view } from './attacks/flow.js'
import { openMapStage, people, type StageOptions } from './attacks/stage.js'
import { callsBefore, interleavedStorage, noInterleaving, plan } from './interleaving/interleave.js'
import { createScriptedUser } from './scripted-user.js'

/** A stage, and the events that its server emitted. */
async function openTold(options: StageOptions = {}) {
  const told: CountersignEvent[] = []
  const stage = await openMapStage({ onEvent: (event) => void told.push(event), ...options })
  onTestFinished(() => stage.close())
  const of = <K extends CountersignEvent['kind']>(kind: K) =>
    told.filter((event): event is Extract<CountersignEvent, { kind: K }> => event.kind === kind)
  return { stage, told, of }
}

it('an auth server emits its requests by route, and decisions by users and policies', async () => {
  const { stage, told, of } = await openTold()
  const allowed = await allow(stage)
  expect((await redeem(stage, allowed)).status).toBe(200)
  await stage.fetch(`${stage.authServer}/account/with/nobody`)
  await stage.fetch(`${stage.authServer}/nowhere?secret=x`)
  const requests = of('request').map(({ method, route, outcome, status }) => [method, route, outcome, status])
  expect(requests).toContainEqual(['POST', '/agent/token', 'ok', 200])
  expect(requests).toContainEqual(['POST', '/agent/auth', 'ok', 303])
  expect(requests.slice(-2)).toEqual([
    ['GET', '/account/with/:id', 'not_found', 404],
    ['GET', 'none', 'not_found', 404],
  ])
  expect(of('request').at(-1)).toMatchObject({ path: '/nowhere', requestId: expect.any(String) as string })
  expect(told.every((event) => event.role === 'authServer')).toBe(true)
  const about = { kind: 'decision', role: 'authServer', agent: stage.agent.id, resource: stage.resource.id }
  expect(of('decision')).toMatchObject([
    { ...about, by: 'policy', outcome: 'asked' },
    { ...about, by: 'person', outcome: 'allowed' },
  ])
})

it('a rule that denies is emitted once, as the decision and refusal of one request', async () => {
  const { stage, told, of } = await openTold({ policy: () => ({ deny: 'no-banks' }) })
  const response = await stage.fetch(await signForm(stage, await authRequest(stage)))
  const requestId = response.headers.get('x-request-id')
  expect(of('decision')).toMatchObject([{ by: 'policy', outcome: 'denied', rule: 'no-banks' }])
  expect(of('refusal')).toMatchObject([{ code: 'policy_denied', rule: 'no-banks', requestId }])
  expect(of('request')).toMatchObject([{ route: '/agent/token', outcome: 'policy_denied', status: 403, requestId }])
  expect(told.map(({ kind }) => kind).filter((kind) => kind !== 'storage' && kind !== 'lookup')).toEqual([
    'decision',
    'refusal',
    'request',
  ])
})

it('a rule that grants is a decision, and no user is prompted', async () => {
  const { stage, of } = await openTold({ policy: () => ({ grant: 'calendars' }) })
  expect((await stage.fetch(await signForm(stage, await authRequest(stage)))).status).toBe(200)
  expect(of('decision')).toMatchObject([{ by: 'policy', outcome: 'allowed', rule: 'calendars' }])
})

it('the denial of a repeated request is emitted once, even if its page is opened twice at once', async () => {
  const interleaving = noInterleaving()
  const { stage, of } = await openTold({ wrap: (storage) => interleavedStorage(storage, interleaving) })
  const first = await openRequest(stage)
  const { user, page } = await view(stage, first)
  await user.submit(page, first.url, { consent: 'deny' })
  /** Opens another request for the same; returns the decisions that are emitted. */
  const openAgain = async (after?: number) => {
    const { url } = await openRequest(stage)
    const seen = of('decision').length
    plan(interleaving, after, after === undefined ? undefined : () => user.open(url))
    expect((await user.open(url)).status).toBe(429)
    expect(interleaving.ranAfter).toBe(after)
    return of('decision').slice(seen)
  }
  const denied = { by: 'policy', outcome: 'denied', agent: stage.agent.id }
  expect(await openAgain()).toMatchObject([denied])
  expect(await openAgain(callsBefore(interleaving, 'decideRequest'))).toMatchObject([denied])
})

it('storage verbs are emitted with their duration, and the reason if one had no effect', async () => {
  const { stage, of } = await openTold({
    wrap: (storage) => ({
      ...storage,
      findAuthRequest: async () => {
        await new Promise((resolve) => setTimeout(resolve, 30))
        throw Object.assign(new Error('broken'))
      },
    }),
    onError: () => undefined,
  })
  const open = await openRequest(stage)
  await view(stage, open).catch(() => undefined)
  const { duration, ...found } = of('storage').find(({ verb }) => verb === 'findAuthRequest') ?? {}
  expect(found).toEqual({ kind: 'storage', role: 'authServer', verb: 'findAuthRequest', outcome: 'failed' })
  expect(duration).toBeGreaterThan(0.025)
  expect(duration, 'in seconds').toBeLessThan(25)
  expect(of('storage')).toContainEqual(expect.objectContaining({ verb: 'createAuthRequest', outcome: 'ok' }))
})

it('a page that fails is 503 or 500; load shedding is not reported to onError', async () => {
  const reported: unknown[] = []
  let thrown: Error | undefined
  const { stage } = await openTold({
    wrap: (storage) => ({
      ...storage,
      findSession: (hash) => {
        if (thrown) throw thrown
        return storage.findSession(hash)
      },
    }),
    onError: (error) => void reported.push(error),
  })
  const { user } = await view(stage, await openRequest(stage))
  for (const [error, status, reports] of [
    [new AAuthError('unavailable', 'Overloaded.'), 503, 0],
    [new StorageError('unavailable', 'database down'), 503, 1],
    [new Error('broken'), 500, 2],
  ] as const) {
    thrown = error
    const response = await user.open(`${stage.authServer}/account`)
    expect([response.status, reported.length]).toEqual([status, reports])
  }
})

it('password checks are emitted with their time in the queue', async () => {
  const { stage, of } = await openTold({ hashPassword })
  const url = `${stage.authServer}/account/sign-in`
  const pages = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const user = createScriptedUser(stage.fetch)
      return { user, page: await (await user.open(url)).text() }
    }),
  )
  await Promise.all(pages.map(({ user, page }) => user.submit(page, url, { ...people.alice, action: 'login' })))
  const passwords = of('password')
  expect(passwords.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'ok'])
  expect(passwords.filter(({ waited }) => waited > 0.001)).toHaveLength(2)
  expect(passwords.at(-1)?.waiting).toBe(0)
})

it('a listener that throws or never settles does not affect a request', async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  for (const onEvent of [
    () => {
      throw new Error('the listener is broken')
    },
    () => new Promise<void>(() => undefined),
  ]) {
    const { stage } = await openTold({ onEvent })
    const allowed = await allow(stage)
    const token = await refreshTokenOf(stage, allowed)
    expect((await refresh(stage, allowed.by, token)).status).toBe(200)
  }
})

it('metrics count events, by labels that no agent chooses', async () => {
  const metrics = createMetrics({ process: false, logWriteErrors: () => 7, retentionLag: () => 90 })
  const { stage } = await openTold({ onEvent: metrics.onEvent })
  await allow(stage)
  await stage.fetch(`${stage.authServer}/https://agent.example/x`)
  const text = await metrics.registry.metrics()
  expect(text).toContain('countersign_requests_total{role="authServer",route="/agent/token",outcome="ok"} 1\n')
  expect(text).toContain('countersign_requests_total{role="authServer",route="none",outcome="not_found"} 1\n')
  expect(text).toContain('countersign_decisions_total{by="person",outcome="allowed"} 1\n')
  expect(text).toContain('countersign_storage_duration_seconds_count{verb="decideRequest"} 1\n')
  expect(text).toMatch(/countersign_lookups_total\{role="authServer",what="keys",outcome="found",cached="false"\} \d/)
  expect(text).toContain('countersign_log_write_errors_total 7\n')
  expect(text).toContain('countersign_retention_lag_seconds 90\n')
  expect(text).not.toContain('.example')
})

it('metrics show whether the configuration could be reloaded, and when the active one was loaded', async () => {
  let state = { ok: true, readAt: 1_700_000_000 }
  const { registry } = createMetrics({ process: false, config: () => state })
  expect(await registry.metrics()).toContain('countersign_config_ok 1\n')
  state = { ...state, ok: false }
  const text = await registry.metrics()
  expect(text).toContain('countersign_config_ok 0\n')
  expect(text).toContain('countersign_config_read_timestamp_seconds 1700000000\n')
  expect(await createMetrics({ process: false }).registry.metrics()).not.toContain('countersign_config')
})

it('metrics include the pool if there is one, and the process unless it is excluded', async () => {
  const metrics = createMetrics({ pool: () => ({ idle: 3, used: 1, waiting: 2 }) })
  const text = await metrics.registry.metrics()
  expect(text).toContain('countersign_pool_connections{state="waiting"} 2\n')
  expect(text).toContain('nodejs_eventloop_lag_p99_seconds')
  expect(text).not.toContain('{type=')
  expect(await createMetrics({ process: false }).registry.metrics()).not.toContain('nodejs_')
})

it('retention reports when it left nothing to delete', async () => {
  vi.useFakeTimers({ toFake: ['setInterval'] })
  const swept: number[] = []
  const storage = sqliteStorage(':memory:', { sweepInterval: 5, onSwept: (rows) => swept.push(rows) })
  vi.advanceTimersByTime(5000)
  vi.useRealTimers()
  await expect.poll(() => swept).toEqual([0])
  await storage.close()
})
