import { january } from 'countersign/editions'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { type AuthServerOptions, createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { issuer, openCrowd } from './attacks/crowd.js'
import { allow, authRequest, openRequest, redeem, refresh, refreshTokenOf, signForm, view } from './attacks/flow.js'
import { delegateOf, identityOf, newSigner } from './attacks/party.js'
import { openMapStage, type Stage, type StageOptions } from './attacks/stage.js'
import { keepRefusals, type ToldRefusal } from './told-refusals.js'

/** A stage, and the refusals that its server reported. */
async function openTold(
  options: StageOptions = {},
): Promise<{ stage: Stage; told: ToldRefusal[]; ids: (string | undefined)[] }> {
  const told: ToldRefusal[] = []
  const ids: (string | undefined)[] = []
  const stage = await openMapStage({ ...options, onEvent: keepRefusals(told, ids) })
  onTestFinished(() => stage.close())
  return { stage, told, ids }
}

const rowsOf = async ({ storage }: Pick<Stage, 'storage'>) => storage.listEvents({ event: 'agent.refused' })
const descriptionOf = async (response: Response) =>
  ((await response.json()) as { error_description?: string }).error_description

const byRule = "This server's policy does not allow this."
const byBlock = 'This agent is blocked on this server.'

async function block({ storage, agent }: Stage): Promise<void> {
  await storage.setAgentBlocked({ agent: agent.id, blocked: true, by: 'test' })
}

describe('reasons reported to the operator and the agent', () => {
  it('a rule denies it: the operator sees which rule, the agent that there is one', async () => {
    const { stage, told, ids } = await openTold({ policy: () => ({ deny: 'no-banks' }) })
    const by = await delegateOf(stage.agent, 'laptop', stage.clock.now)
    const response = await stage.fetch(await signForm(stage, await authRequest(stage, by)))
    expect(response.status).toBe(403)
    expect(await response.json()).toEqual({ error: 'access_denied', error_description: byRule })
    const agent = stage.agent.id
    const why = { status: 403, code: 'policy_denied', delegate: 'laptop', rule: 'no-banks' }
    expect(told).toEqual([{ ...why, agent, reason: 'The rule no-banks denies this request' }])
    expect(ids).toEqual([response.headers.get('x-request-id')])
    expect(await rowsOf(stage)).toMatchObject([
      { agent, ip: '192.0.2.1', data: { ...why, reason: 'The rule no-banks denies this request' } },
    ])
  })

  it.each<[string, (stage: Stage) => Promise<() => Promise<Response>>]>([
    [
      'asks',
      async (stage) => {
        const request = await signForm(stage, await authRequest(stage))
        return () => stage.fetch(request)
      },
    ],
    [
      'sends a code',
      async (stage) => {
        const allowed = await allow(stage)
        return () => redeem(stage, allowed)
      },
    ],
    [
      'refreshes',
      async (stage) => {
        const by = identityOf(stage.agent)
        const token = await refreshTokenOf(stage, await allow(stage, by, { duration: 'until-removed' }))
        return () => refresh(stage, by, token)
      },
    ],
  ])('a blocked agent %s', async (_, prepare) => {
    const { stage, told } = await openTold()
    const attempt = await prepare(stage)
    await block(stage)
    const response = await attempt()
    expect(response.status).toBe(403)
    expect(await response.json()).toEqual({ error: 'access_denied', error_description: byBlock })
    expect(told).toMatchObject([{ status: 403, code: 'agent_blocked', agent: stage.agent.id }])
    expect(await rowsOf(stage)).toMatchObject([{ agent: stage.agent.id, data: { code: 'agent_blocked' } }])
  })

  it.each<[string, (stage: Stage) => Promise<() => Promise<Response>>]>([
    [
      'a code that was allowed before the rule existed',
      async (stage) => {
        const allowed = await allow(stage)
        return () => redeem(stage, allowed)
      },
    ],
    [
      'a refresh token that was issued before the rule existed',
      async (stage) => {
        const by = identityOf(stage.agent)
        const token = await refreshTokenOf(stage, await allow(stage, by, { duration: 'until-removed' }))
        return () => refresh(stage, by, token)
      },
    ],
  ])('%s does not work', async (_, prepare) => {
    let denied: string | undefined
    const asked: object[] = []
    const policy: StageOptions['policy'] = (request) => {
      asked.push(request)
      return request.resource === denied ? { deny: 'incident-42' } : 'ask'
    }
    const { stage, told } = await openTold({ policy })
    const attempt = await prepare(stage)
    denied = stage.resource.id
    const response = await attempt()
    expect(response.status).toBe(403)
    expect(await response.json()).toEqual({ error: 'access_denied', error_description: byRule })
    const agent = stage.agent.id
    expect(asked.at(-1)).toEqual({ agent, delegate: null, resource: denied, scope: ['data.read'] })
    expect(told).toMatchObject([{ status: 403, code: 'policy_denied', agent, rule: 'incident-42' }])
    expect(await rowsOf(stage)).toMatchObject([{ agent, data: { code: 'policy_denied', rule: 'incident-42' } }])
  })

  it('a refresh token works again once no rule denies it', async () => {
    let denies = false
    const { stage } = await openTold({ policy: () => (denies ? { deny: 'incident-42' } : 'ask') })
    const by = identityOf(stage.agent)
    const token = await refreshTokenOf(stage, await allow(stage, by, { duration: 'until-removed' }))
    denies = true
    expect((await refresh(stage, by, token)).status).toBe(403)
    denies = false
    expect((await refresh(stage, by, token)).status).toBe(200)
  })

  it('the user denied it', async () => {
    const { stage, told } = await openTold()
    const opened = await openRequest(stage)
    const { user, page } = await view(stage, opened)
    const decided = await user.submit(page, opened.url, { consent: 'deny' })
    const { searchParams } = new URL(decided.headers.get('location') ?? '')
    expect(Object.fromEntries(searchParams)).toEqual({
      error: 'access_denied',
      state: opened.state,
      iss: stage.authServer,
      error_description: 'The user denied the request.',
    })
    expect(told).toEqual([])
  })

  it('a rule added after the request: the page, a decision on it, and the response to the agent', async () => {
    let denies = false
    const { stage, told } = await openTold({ policy: () => (denies ? { deny: 'policies[3]' } : 'ask') })
    const opened = await openRequest(stage)
    const { user, page } = await view(stage, opened)
    denies = true
    const why = { status: 403, code: 'policy_forbids', agent: stage.agent.id, rule: 'policies[3]' }
    const shown = await user.open(opened.url)
    expect(shown.status).toBe(403)
    expect(told.splice(0)).toMatchObject([why])
    expect((await user.submit(page, opened.url, { consent: 'grant' })).status).toBe(403)
    expect(told.splice(0)).toMatchObject([why])
    expect(await rowsOf(stage)).toMatchObject([{ data: { rule: 'policies[3]' } }, { data: { rule: 'policies[3]' } }])
    const back = await user.submit(await shown.text(), opened.url, { consent: 'deny' })
    expect(new URL(back.headers.get('location') ?? '').searchParams.get('error_description')).toBe(byRule)
  })

  it.each([
    ['GET', '/nowhere'],
    ['HEAD', '/nowhere'],
    ['GET', '/*'],
    ['POST', '/account/with/:id/callback/x'],
  ])('a missing resource, reported once: %s %s', async (method, path) => {
    const { stage, told } = await openTold()
    const response = await stage.fetch(new Request(stage.authServer + path, { method }))
    expect(response.status).toBe(404)
    expect(told).toMatchObject([{ status: 404, code: 'not_found' }])
  })

  it('a refused page is reported by its code, and other pages are not reported', async () => {
    const { stage, told } = await openTold()
    const opened = await openRequest(stage)
    await view(stage, opened)
    expect(told).toEqual([])
    expect((await stage.fetch(`${stage.authServer}/agent/auth?request_token=aarq_x`)).status).toBe(400)
    expect((await stage.fetch(`${stage.authServer}/nowhere`)).status).toBe(404)
    const wrong = await stage.fetch(`${stage.authServer}/agent/token`)
    expect({ status: wrong.status, allow: wrong.headers.get('allow'), ...((await wrong.json()) as object) }).toEqual({
      status: 405,
      allow: 'POST',
      error: 'invalid_request',
      error_description: 'This endpoint does not support this method.',
    })
    expect(told).toMatchObject([
      { status: 400, code: 'request_unknown' },
      { status: 404, code: 'not_found' },
      { status: 405, code: 'method_not_allowed' },
    ])
    expect(await rowsOf(stage)).toEqual([])
  })
})

/** A server that uses this fetch, and a signed request of an agent whose keys it must fetch. */
async function openLookups(
  fetch: NonNullable<AuthServerOptions['fetch']>,
  failureTime: 'equal' | 'shortest' = 'shortest',
) {
  const told: ToldRefusal[] = []
  const errors: unknown[] = []
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const server = createAuthServer({
    issuer,
    keys: fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) }),
    storage,
    fetch,
    discovery: { failureTime },
    onEvent: keepRefusals(told),
    onError: (error) => errors.push(error),
  })
  const signer = await newSigner()
  async function ask(
    agent = 'https://hidden.example',
    signatureKey: KeyReference = { scheme: 'jwks', id: agent, kid: signer.kid, wellKnown: 'aauth-agent' },
  ) {
    const body = new URLSearchParams({ request_type: 'auth', scope: 'read', redirect_uri: `${agent}/callback` })
    const request = new Request(`${issuer}/agent/token`, { method: 'POST', body })
    return server.handler(await signRequest(request, { profile: january.signing, signer, signatureKey }))
  }
  return { ask, told, errors, storage, server, signer }
}

function failing(code: string, message: string, cause?: unknown): () => Promise<never> {
  return async () => {
    throw Object.assign(new TypeError(message, { cause }), { code })
  }
}

describe('reasons why an agent’s keys could not be fetched', () => {
  const document = 'https://hidden.example/.well-known/aauth-agent'
  it.each<[string, NonNullable<AuthServerOptions['fetch']>, string]>([
    [
      'the address is not public',
      failing('EREFUSED', 'refused: the name resolves to an address that is not public'),
      'could not be fetched: refused: the name resolves to an address that is not public',
    ],
    [
      'its name does not resolve',
      failing('ENOTFOUND', 'getaddrinfo ENOTFOUND hidden.example'),
      'ENOTFOUND hidden.example',
    ],
    ['connection refused', failing('ECONNREFUSED', ''), 'could not be fetched: ECONNREFUSED'],
    [
      'the reason is in a nested cause',
      failing('ERR', 'fetch failed', new Error('certificate has expired')),
      'could not be fetched: fetch failed: certificate has expired',
    ],
    ['it returns 404', async () => new Response(null, { status: 404 }), `${document} returned 404`],
    ['it returns 500', async () => new Response(null, { status: 500 }), `${document} returned 500`],
    [
      'it redirects',
      async () => new Response(null, { status: 302 }),
      `${document} redirects, but redirects are not followed`,
    ],
    ['it is not JSON', async () => new Response('<html>'), `${document} is not JSON`],
    [
      'it belongs to another agent',
      async () => Response.json({ agent: 'https://other.example' }),
      `${document} is refused: it has no valid`,
    ],
    ['it never responds', () => new Promise<never>(() => undefined), 'within 2500 ms'],
  ])(
    '%s: the operator sees the reason, now and while the failure is cached; the agent does not',
    async (_, fetch, why) => {
      const { ask, told, storage } = await openLookups(fetch)
      const bodies = new Set<string>()
      for (let tries = 0; tries < 2; tries++) {
        const response = await ask()
        expect(response.status).toBe(401)
        bodies.add(await response.text())
      }
      const expected = {
        status: 401,
        code: 'key_unknown',
        agent: 'https://hidden.example',
        claimed: true,
        lookup: true,
      }
      expect(told).toHaveLength(2)
      for (const refusal of told) expect(refusal).toEqual({ ...expected, reason: expect.stringContaining(why) })
      const rows = await rowsOf({ storage })
      for (const row of rows)
        expect(row).toMatchObject({ agent: expected.agent, data: { reason: expect.stringContaining(why) } })
      expect(rows).toHaveLength(2)
      const [body = ''] = bodies
      expect(bodies.size).toBe(1)
      expect(JSON.parse(body)).toMatchObject({
        error: 'invalid_signature',
        error_description:
          'No usable key was found at the location in the signature: check what is published there with countersign discover.',
      })
    },
  )

  it('the key of a resource token: the agent sees what to check, and the operator why', async () => {
    const { stage, told } = await openTold()
    stage.resource.keys = []
    const response = await stage.fetch(await signForm(stage, await authRequest(stage)))
    expect(await descriptionOf(response)).toBe(
      "The resource token's key was not found at its issuer: the resource must serve its documents. " +
        'Run countersign discover to see what it publishes.',
    )
    expect(told).toMatchObject([
      {
        status: 400,
        code: 'resource_token_invalid',
        agent: stage.agent.id,
        lookup: true,
        reason: expect.stringContaining('no key with this kid is published'),
      },
    ])
    expect(told[0]?.claimed).toBeUndefined()
    expect(await rowsOf(stage)).toMatchObject([{ agent: stage.agent.id, data: { code: 'resource_token_invalid' } }])
  })

  it('a signature that is not the agent’s: the claimed agent is reported, and no row is written', async () => {
    const { stage, told } = await openTold()
    const by = { ...identityOf(stage.agent), signer: await newSigner() }
    expect((await stage.fetch(await signForm(stage, await authRequest(stage, by)))).status).toBe(401)
    expect(told).toMatchObject([{ code: 'signature_mismatch', agent: stage.agent.id, claimed: true }])
    expect(told[0]?.lookup).toBeUndefined()
    expect(await rowsOf(stage)).toEqual([])
  })

  it.each([{}, { agent: 'https://victim.example' }])(
    'an agent token is reported by the issuer whose keys were fetched, whatever else it claims: %j',
    async (claims) => {
      const { ask, told, signer, storage } = await openLookups(failing('EREFUSED', 'no'))
      const exp = Math.floor(Date.now() / 1000) + 600
      const payload = { iss: 'https://dead.example', sub: 'x', cnf: { jwk: signer.jwk }, exp, ...claims }
      const parts = [{ typ: 'agent+jwt', alg: 'EdDSA', kid: 'k' }, payload].map((part) =>
        Buffer.from(JSON.stringify(part)).toString('base64url'),
      )
      const jwt = [...parts, 'A'.repeat(86)].join('.')
      await ask('https://dead.example', { scheme: 'jwt', jwt })
      expect(told).toMatchObject([{ agent: 'https://dead.example', claimed: true, lookup: true }])
      expect(await rowsOf({ storage })).toMatchObject([{ agent: 'https://dead.example', data: { claimed: true } }])
    },
  )

  it('a request without a signature is reported without a name', async () => {
    const { stage, told } = await openTold()
    const body = new URLSearchParams({ request_type: 'auth' })
    expect((await stage.fetch(`${stage.authServer}/agent/token`, { method: 'POST', body })).status).toBe(401)
    expect(told).toMatchObject([{ status: 401, code: 'signature_missing' }])
    expect(told[0]?.agent).toBeUndefined()
    expect(told[0]?.claimed).toBeUndefined()
  })

  it('text that a stranger controls is printable ASCII and short, and contains no token', async () => {
    const { ask, told, signer, storage } = await openLookups(
      failing('EREFUSED', `\u202e\n\u001b[31m${'y'.repeat(5000)}`),
    )
    const evil = `https://evil.example\r\n{"event":"forged"}\u202e\u001b]0;${'x'.repeat(5000)}`
    const jwt = [{ typ: 'agent+jwt', alg: 'EdDSA', kid: 'k' }, { iss: evil, sub: 'x' }, {}]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    await ask('https://hidden.example')
    await ask('https://hidden.example', { scheme: 'jwt', jwt })
    expect(told).toHaveLength(2)
    for (const refusal of told) {
      const text = JSON.stringify(refusal)
      expect(text).toMatch(/^[\x20-\x7e]+$/)
      expect(text.length).toBeLessThan(1200)
      expect(text).not.toContain(jwt.slice(0, 40))
    }
    expect(told[1]?.agent).toMatch(/^https:\/\/evil\.example\?\?/)
    expect(JSON.stringify(await rowsOf({ storage }))).toMatch(/^[\x20-\x7e]+$/)
    expect(signer.kid).toBeDefined()
  })
})

describe('events that anyone can cause leave few rows', () => {
  const denied = { policy: () => ({ deny: 'nobody' }) }
  const count = async (crowd: Pick<Stage, 'storage'>) =>
    (await crowd.storage.listEvents({ event: 'agent.refused', limit: 5000 })).length

  it('20 about one agent in 15 minutes, on two instances together, from any number of addresses', async () => {
    const crowd = await openCrowd(denied)
    for (let sent = 0; sent < 60; sent++)
      expect((await crowd.ask('https://a.crowd.example', `192.0.2.${sent}`)).status).toBe(403)
    expect(await count(crowd)).toBe(20)
    await crowd.ask('https://b.crowd.example', '192.0.2.200')
    expect(await count(crowd)).toBe(21)
    crowd.clock.now += 899
    await crowd.ask('https://a.crowd.example', '192.0.2.201')
    expect(await count(crowd)).toBe(21)
    crowd.clock.now += 1
    await crowd.ask('https://a.crowd.example', '192.0.2.202')
    expect(await count(crowd)).toBe(22)
  })

  it('40 because of one network, under any number of names', async () => {
    const crowd = await openCrowd(denied)
    for (let sent = 0; sent < 60; sent++) await crowd.ask(`https://a${sent}.crowd.example`, `2001:db8::${sent + 1}`)
    expect(await count(crowd)).toBe(40)
    await crowd.ask('https://b.crowd.example', '2001:db8:0:1::1')
    expect(await count(crowd)).toBe(41)
  })

  it.each([
    ['60 because of one IPv4 /24', (sent: number) => `10.0.0.${sent}`, 60],
    ['60 because of one IPv6 /48', (sent: number) => `2001:db8:1:${sent}::1`, 60],
    ['125 because of one IPv4 /16', (sent: number) => `10.0.${sent}.1`, 125],
    ['125 because of one IPv6 /32', (sent: number) => `2001:db8:${sent}::1`, 125],
  ])('%s', async (_, address, most) => {
    const crowd = await openCrowd(denied)
    for (let sent = 0; sent < 140; sent++) await crowd.ask(`https://a${sent}.crowd.example`, address(sent))
    expect(await count(crowd)).toBe(most)
  })

  it('500 in total', async () => {
    const crowd = await openCrowd(denied)
    for (let sent = 0; sent < 520; sent++)
      await crowd.ask(`https://a${sent}.crowd.example`, `10.${sent % 10}.${sent >> 4}.${sent & 255}`)
    expect(await count(crowd)).toBe(500)
  })

  it('V07: invented agents take no rows from a blocked agent, or from denials by a rule', async () => {
    const crowd = await openCrowd({
      policy: ({ agent }) => (agent.startsWith('https://denied') ? { deny: 'by-name' } : 'ask'),
    })
    await crowd.storage.setAgentBlocked({ agent: 'https://blocked.crowd.example', blocked: true, by: 'test' })
    for (let sent = 0; sent < 520; sent++)
      await crowd.ask(`https://missing${sent}.crowd.example`, `10.${sent % 10}.${sent >> 4}.${sent & 255}`)
    expect(await count(crowd)).toBe(500)
    for (const [name, code] of [
      ['blocked', 'agent_blocked'],
      ['denied', 'policy_denied'],
    ]) {
      // From a network that sent many of the others.
      expect((await crowd.ask(`https://${name}.crowd.example`, '10.3.1.3')).status).toBe(403)
      expect((await rowsOf(crowd)).at(-1)).toMatchObject({ agent: `https://${name}.crowd.example`, data: { code } })
    }
  })

  it('an event over a limit is emitted, and costs no write', async () => {
    const told: ToldRefusal[] = []
    let writes = 0
    const crowd = await openCrowd({
      ...denied,
      onEvent: keepRefusals(told),
      wrap: (storage) => ({
        ...storage,
        countAttempt: (attempt) => {
          writes++
          return storage.countAttempt(attempt)
        },
        countRequest: (request) => {
          writes++
          return storage.countRequest(request)
        },
      }),
    })
    for (let sent = 0; sent < 50; sent++) await crowd.ask('https://a.crowd.example', '192.0.2.1')
    const before = writes
    await crowd.ask('https://a.crowd.example', '192.0.2.1')
    await crowd.ask('https://a.crowd.example', '192.0.2.1')
    // The rates of access requests are counted with one write each.
    expect(writes - before).toBe(2)
    expect(told).toHaveLength(52)
  })

  it('a caller that only claims to be an agent uses none of that agent’s rows', async () => {
    const { stage } = await openTold({ policy: () => ({ deny: 'nobody' }) })
    const unknown = {
      ...identityOf(stage.agent),
      signatureKey: { scheme: 'jwks', id: stage.agent.id, kid: 'none', wellKnown: 'aauth-agent' },
    } as const
    for (let sent = 0; sent < 30; sent++) await stage.fetch(await signForm(stage, await authRequest(stage, unknown)))
    expect(await count(stage)).toBe(20)
    await stage.fetch(await signForm(stage, await authRequest(stage)))
    expect((await rowsOf(stage)).at(-1)).toMatchObject({ agent: stage.agent.id, data: { code: 'policy_denied' } })
  })

  it('a database that rejects a row changes no response, and is reported', async () => {
    const broken = new Error('no room')
    const errors: unknown[] = []
    const { stage } = await openTold({
      policy: () => ({ deny: 'nobody' }),
      onError: (error) => errors.push(error),
      wrap: (storage) => ({ ...storage, recordEvent: () => Promise.reject(broken) }),
    })
    const response = await stage.fetch(await signForm(stage, await authRequest(stage)))
    expect(response.status).toBe(403)
    expect(errors).toEqual([broken])
  })
})
