import type { CountersignEvent, Signer } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { allow, authRequest, openRequest, refresh, refreshTokenOf, signForm } from './attacks/flow.js'
import { newSigner } from './attacks/party.js'
import { openMapStage, people, type Stage, type StageOptions } from './attacks/stage.js'
import { createScriptedUser, type ScriptedUser, signInToAccount } from './scripted-user.js'

/** A stage whose server processes two requests at once while two wait, and whose storage can be blocked. */
async function openBusy(options: StageOptions = {}) {
  const told: CountersignEvent[] = []
  const errors: unknown[] = []
  const held: (() => void)[] = []
  let holds = false
  const stage = await openMapStage({
    limits: { requests: 4 },
    onEvent: (event) => void told.push(event),
    onError: (error) => errors.push(error),
    wrap: (storage) => ({
      ...storage,
      async findSession(hash) {
        if (holds) await new Promise<void>((resolve) => held.push(resolve))
        return storage.findSession(hash)
      },
    }),
    ...options,
  })
  onTestFinished(() => stage.close())
  /** Makes this many requests for a user’s page wait, two of them for the storage. */
  async function hold(count: number): Promise<() => Promise<number[]>> {
    holds = true
    const cookie = { cookie: `__Host-countersign-session=aasn_${'x'.repeat(43)}` }
    const url = `${stage.authServer}/account/sign-in`
    const answers = Array.from({ length: count }, () => stage.fetch(url, { headers: cookie }))
    await expect.poll(() => held.length).toBe(Math.min(count, 2))
    holds = false
    return async () => {
      for (const release of held.splice(0)) release()
      return (await Promise.all(answers)).map(({ status }) => status)
    }
  }
  return { stage, told, errors, hold }
}

const someKeys = async (signer?: Signer) =>
  fixedKeys({ signer: signer ?? (await newSigner()), secret: new Uint8Array(32).fill(7) })
const countsOf = (statuses: readonly number[]) =>
  Object.fromEntries(
    [...new Set(statuses)].map((status) => [status, statuses.filter((each) => each === status).length]),
  )
const statusOf = async (answer: Promise<Response>) => (await answer).status
const askAnew = async (stage: Stage) => stage.fetch(await signForm(stage, await authRequest(stage)))

it('an overloaded server responds with 503 immediately, and keeps serving what others depend on', async () => {
  const { stage, told, errors, hold } = await openBusy()
  const release = await hold(4)
  const refused = await stage.fetch(`${stage.authServer}/account/sign-in`)
  expect(refused.status).toBe(503)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(3)
  expect(await refused.text()).toContain('data-error-code="temporarily_unavailable"')
  const program = await askAnew(stage)
  expect([program.status, await program.json()]).toEqual([
    503,
    { error: 'temporarily_unavailable', error_description: 'Try again in a moment.' },
  ])
  for (const path of ['/.well-known/aauth-issuer', '/jwks.json', '/.well-known/aauth-revocations', '/favicon.ico'])
    expect(await statusOf(stage.fetch(stage.authServer + path)), path).toBe(200)
  expect(told).toContainEqual(expect.objectContaining({ kind: 'request', outcome: 'unavailable', status: 503 }))
  expect(errors).toEqual([])
  expect(await release()).toEqual([200, 200, 200, 200])
  expect(await statusOf(askAnew(stage))).toBe(200)
})

it('refuses in the client’s language and format, logs it once, and leaves invalid requests to the routes', async () => {
  const { stage, told, hold } = await openBusy()
  const release = await hold(4)
  const ask = (path: string, init?: RequestInit) => stage.fetch(stage.authServer + path, init)
  told.length = 0
  const page = await ask('/account/with/nobody?return_to=/', {
    headers: { 'accept-language': 'ar', 'accept-encoding': 'gzip' },
  })
  expect([page.status, page.headers.get('content-encoding'), page.headers.get('vary')]).toEqual([
    503,
    'gzip',
    'accept-encoding',
  ])
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  const packed = page.body?.pipeThrough(new DecompressionStream('gzip'))
  expect(await new Response(packed).text()).toContain('lang="ar"')
  expect(told.map(({ kind }) => kind)).toEqual(['refusal', 'request'])
  expect(told.at(-1)).toMatchObject({ route: '/account/with/:id', path: '/account/with/nobody', status: 503 })
  const program = await ask('/agent/token?more=1', { method: 'POST', body: 'request_type=refresh' })
  expect([program.status, program.headers.get('content-type')]).toEqual([503, 'application/json'])
  expect((await ask('/nowhere')).status).toBe(404)
  await release()
})

it('accepts no more than its limit of many requests in one turn, even before the first database response', async () => {
  const { stage, hold } = await openBusy()
  const release = await hold(0)
  const ask = () => statusOf(stage.fetch(`${stage.authServer}/account/sign-in`))
  const asked = Array.from({ length: 60 }, ask)
  await release()
  expect(countsOf(await Promise.all(asked))).toEqual({ 200: 4, 503: 56 })

  const issuer = 'https://auth.example'
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  let answer = (): void => undefined
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  const slow: typeof storage = {
    ...storage,
    async claimIssuer(...claim) {
      await answered
      return storage.claimIssuer(...claim)
    },
  }
  const server = createAuthServer({ issuer, storage: slow, keys: await someKeys(), limits: { requests: 4 } })
  const cold = Array.from({ length: 60 }, () => statusOf(server.fetch(new Request(`${issuer}/account/sign-in`))))
  answer()
  expect(countsOf(await Promise.all(cold))).toEqual({ 200: 4, 503: 56 })
})

it('a refused HEAD has no content', async () => {
  const { stage, hold } = await openBusy()
  const release = await hold(4)
  const headers = { 'accept-encoding': 'gzip' }
  const refused = await stage.fetch(`${stage.authServer}/account/sign-in`, { method: 'HEAD', headers })
  expect([refused.status, refused.headers.get('content-encoding'), await refused.text()]).toEqual([503, null, ''])
  await release()
})

it('treats a request with an unreadable body as one that starts nothing new', async () => {
  const { stage, hold } = await openBusy()
  const release = await hold(3)
  const starting = 'request_type=auth&scope=read'
  const ask = (body: string) => statusOf(stage.fetch(`${stage.authServer}/agent/token`, { method: 'POST', body }))
  const started = ask(starting)
  const unreadable = ask(`${starting}&padding=${'x'.repeat(200_000)}`)
  expect(await started).toBe(503)
  await release()
  // It is not signed.
  expect(await unreadable).toBe(401)
})

it('under overload, a new request for access loses its place to flows that started earlier', async () => {
  const { stage, hold } = await openBusy()
  const [allowed, open] = [await allow(stage), await openRequest(stage)]
  async function displace(send: () => Promise<Response>): Promise<number> {
    const starting = await signForm(stage, await authRequest(stage))
    const release = await hold(3)
    const started = statusOf(stage.fetch(starting))
    const continued = send()
    expect(await started).toBe(503)
    await release()
    return statusOf(continued)
  }
  expect(await displace(() => stage.fetch(open.url))).toBe(200)
  const token = await refreshTokenOf(stage, allowed)
  expect(await displace(() => refresh(stage, allowed.by, token))).toBe(200)
  expect(await statusOf(askAnew(stage))).toBe(200)
})

it('requests that wait for an agent’s document occupy no slot', async () => {
  const issuer = 'https://auth.example'
  const asked: ((response: Response) => void)[] = []
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const signer = await newSigner()
  const server = createAuthServer({
    issuer,
    keys: await someKeys(signer),
    storage,
    limits: { requests: 2 },
    discovery: { failureTime: 'shortest' },
    fetch: () => new Promise((resolve) => asked.push(resolve)),
  })
  const ask = async (name: string) => {
    const id = `https://${name}.example`
    const body = new URLSearchParams({ request_type: 'auth', scope: 'read', redirect_uri: `${id}/callback` })
    const request = new Request(`${issuer}/agent/token`, { method: 'POST', body })
    const signatureKey = { scheme: 'jwks', id, kid: signer.kid, wellKnown: 'aauth-agent' } as const
    return server.fetch(await signRequest(request, { profile: january.signing, signer, signatureKey }))
  }
  const answers: Promise<Response>[] = []
  for (const name of ['a', 'b', 'c']) {
    answers.push(ask(name))
    await expect.poll(() => asked.length).toBe(answers.length)
  }
  expect(await statusOf(server.fetch(new Request(`${issuer}/account/sign-in`)))).toBe(200)
  for (const answer of asked) answer(new Response(null, { status: 404 }))
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([401, 401, 401])
})

it('after a password change, only the browser that made it counts as known', async () => {
  const { stage, hold } = await openBusy()
  const [other, own] = [createScriptedUser(stage.fetch), createScriptedUser(stage.fetch)]
  for (const user of [other, own]) await signInToAccount(user, stage.authServer, people.alice)
  /** The status of a page for each browser while unknown callers occupy every slot. */
  const duringOverload = async (users: readonly ScriptedUser[]) => {
    const release = await hold(4)
    const responses = users.map((user) => statusOf(user.open(`${stage.authServer}/account`)))
    await release()
    return Promise.all(responses)
  }
  expect(await duringOverload([other])).toEqual([200])
  const url = `${stage.authServer}/account/password`
  const page = await (await own.open(url)).text()
  const change = { action: 'change-password', password: people.alice.password, new_password: 'another long password' }
  expect((await own.submit(page, url, change)).status).toBe(303)
  expect(await duringOverload([other, own])).toEqual([503, 200])
})
