import type { RevokedTokens } from 'countersign/editions'
import { createRevokedTokens, draft11ResourceWithBaseCoverage } from 'countersign/editions/draft-11'
import { describe, expect, it } from 'vitest'
import {
  openStage,
  otherServer,
  requestWith,
  revocation,
  revokes,
  type Stage,
  said,
  serve,
  serverKey,
  signers,
  tokenOf,
} from './resource-stage.js'
import { ids, newSigner, now, type WireRequest, withField } from './wire.js'

const read = { require: 'authorization', scope: 'data.read' } as const
const otherKey = { ...serverKey, id: otherServer, kid: 'other-1' } as const

async function revoke({ resource }: Stage, body: string, parts: Partial<WireRequest> = {}) {
  return serve(resource, await revocation(body, parts))
}

describe('a revoked token', () => {
  it.each(['person', 'auth'] as const)('is refused if it is a %s token, and gets no resource token', async (kind) => {
    const stage = openStage()
    const jwt = await tokenOf(kind, { jti: 'j1' })
    const need = kind === 'person' ? ({ require: 'user' } as const) : read
    expect((await stage.send(await requestWith(jwt), need)).verified).toBeDefined()
    const response = await revoke(stage, revokes('j1'))
    expect([response.status, await response.text()]).toEqual([200, ''])
    for (const scope of ['data.read', 'data.write']) {
      const refused = await stage.send(await requestWith(jwt), { require: 'authorization', scope })
      expect(said(refused.response)).toEqual({
        status: 401,
        requirement: 'requirement=person-token',
        problem: 'error=revoked_jwt',
      })
    }
  })

  it('may be revoked before it was seen, and more than once; others stay valid', async () => {
    const stage = openStage()
    expect((await revoke(stage, revokes('j1'))).status).toBe(200)
    expect((await revoke(stage, revokes('j1'))).status).toBe(200)
    const { response } = await stage.send(await requestWith(await tokenOf('auth', { jti: 'j1' })), read)
    expect(said(response).problem).toBe('error=revoked_jwt')
    expect((await stage.send(await requestWith(await tokenOf('auth', { jti: 'j2' })), read)).verified).toBeDefined()
  })

  it('ends a response that is still being sent', async () => {
    const stage = openStage()
    for (const kind of ['person', 'auth'] as const) {
      const { verified } = await stage.send(await requestWith(await tokenOf(kind, { jti: kind })), { require: 'user' })
      if (!verified) throw new Error('refused')
      expect(await stage.resource.isStillAuthorized(verified)).toBe(true)
      await revoke(stage, revokes(kind))
      expect(await stage.resource.isStillAuthorized(verified)).toBe(false)
    }
  })

  it('of another server stays valid: a server can revoke only its own', async () => {
    const stage = openStage({ authServers: [ids.personServer, otherServer] })
    expect((await revoke(stage, revokes('j1'), { signer: signers.otherServer, key: otherKey })).status).toBe(200)
    expect((await stage.send(await requestWith(await tokenOf('auth', { jti: 'j1' })), read)).verified).toBeDefined()
  })

  it('is refused by every instance that shares the store', async () => {
    const records = new Set<string>()
    const revokedTokens: RevokedTokens = {
      add: (issuer, jti) => Boolean(records.add(`${issuer} ${jti}`)),
      has: async (issuer, jti) => records.has(`${issuer} ${jti}`),
    }
    const [one, two] = [openStage({ revokedTokens }), openStage({ revokedTokens })]
    await revoke(one, revokes('j1'))
    const { response } = await two.send(await requestWith(await tokenOf('auth', { jti: 'j1' })), read)
    expect(said(response).problem).toBe('error=revoked_jwt')
    expect((await two.send(await requestWith(await tokenOf('auth', { jti: 'j2' })), read)).verified).toBeDefined()
  })

  it('may have the longest jti, and be the one that lives longest', async () => {
    const stage = openStage()
    const jti = 'j'.repeat(256)
    expect((await revoke(stage, revokes(jti, now + 3660))).status).toBe(200)
    const { response } = await stage.send(await requestWith(await tokenOf('auth', { jti })), read)
    expect(said(response).problem).toBe('error=revoked_jwt')
  })

  it('is forgotten once it has expired', async () => {
    const stage = openStage()
    await revoke(stage, revokes('j1', now - 3600))
    expect((await stage.send(await requestWith(await tokenOf('auth', { jti: 'j1' })), read)).verified).toBeDefined()
  })
})

describe('a revocation is refused', () => {
  const stranger = { id: 'https://evil.example', scheme: 'jwks', wellKnown: 'aauth-person.json', kid: 'k' } as const
  const rows: [string, string, Partial<WireRequest>, number, string][] = [
    [
      'by a server whose tokens are not accepted',
      revokes('j1'),
      { key: otherKey, signer: signers.otherServer },
      403,
      'unsupported_iss',
    ],
    ['by a server that does not exist', revokes('j1'), { key: stranger }, 403, 'unsupported_iss'],
    [
      'by the document of an agent',
      revokes('j1'),
      { key: { ...serverKey, wellKnown: 'aauth-agent.json' } },
      401,
      'unknown_key',
    ],
    ['by an unknown key', revokes('j1'), { key: { ...serverKey, kid: 'x' } }, 401, 'unknown_key'],
    ['by another key', revokes('j1'), { signer: signers.agent }, 401, 'invalid_signature'],
    ['if the body is not covered', revokes('j1'), { also: [] }, 401, 'invalid_input'],
    ['without jti', JSON.stringify({ exp: now }), {}, 400, 'invalid_request'],
    ['without exp', JSON.stringify({ jti: 'j1' }), {}, 400, 'invalid_request'],
    ['for longer than a token lives', revokes('j1', now + 3661), {}, 400, 'invalid_request'],
    ['with an empty jti', revokes(''), {}, 400, 'invalid_request'],
    ['with a jti that is too long', revokes('j'.repeat(257)), {}, 400, 'invalid_request'],
    ['with a negative exp', revokes('j1', -1), {}, 400, 'invalid_request'],
    ['with an exp that is not a whole number', revokes('j1', now + 0.5), {}, 400, 'invalid_request'],
    ['as a form', 'jti=j1', { fields: { 'content-type': 'text/plain' } }, 415, 'invalid_request'],
  ]
  it.each(rows)('%s', async (_if, body, parts, status, error) => {
    const stage = openStage()
    const response = await revoke(stage, body, parts)
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([status, error])
    expect((await stage.send(await requestWith(await tokenOf('auth', { jti: 'j1' })), read)).verified).toBeDefined()
  })

  it('by an agent, which is told how servers sign', async () => {
    const stage = openStage()
    const response = await revoke(stage, revokes('j1'), {
      signer: signers.agent,
      key: { scheme: 'jwt', jwt: await tokenOf('auth') },
    })
    expect(said(response)).toMatchObject({ status: 401, problem: 'error=unsupported_scheme' })
    expect(response.headers.get('accept-signature-scheme')).toBe('jwks_uri')
  })

  it('if its body was changed, even with the base coverage', async () => {
    const stage = openStage({ edition: draft11ResourceWithBaseCoverage })
    const message = await revocation(revokes('j1'))
    expect((await serve(stage.resource, { ...message, body: revokes('j2') })).status).toBe(401)
    const bare = withField(await revocation(revokes('j1'), { also: [] }), 'content-digest', () => '')
    expect((await serve(stage.resource, bare)).status).toBe(401)
  })

  it('more than 60 times a minute', async () => {
    const stage = openStage()
    const statuses = await Promise.all(Array.from({ length: 61 }, (_, at) => revoke(stage, revokes(`j${at}`))))
    expect(statuses.filter(({ status }) => status === 200)).toHaveLength(60)
    const limited = statuses.find(({ status }) => status === 429)
    expect(limited?.headers.get('retry-after')).toBe('60')
    expect(await limited?.json()).toMatchObject({ error: 'rate_limited' })
    stage.clock.now += 61
    expect((await revoke(stage, revokes('k', now + 300), { created: stage.clock.now })).status).toBe(200)
  })

  it('once the store has too many of an issuer', async () => {
    let isFull = false
    const stage = openStage({ revokedTokens: { add: () => !isFull, has: () => false } })
    expect((await revoke(stage, revokes('j1'))).status).toBe(200)
    isFull = true
    expect((await revoke(stage, revokes('j2'))).status).toBe(429)
  })
})

it('the store in a process keeps 10,000 tokens per issuer until they expire', () => {
  let time = now
  const revoked = createRevokedTokens(() => time)
  for (let at = 0; at < 10_000; at++) expect(revoked.add('https://ps.example', `j${at}`, now + 60)).toBe(true)
  expect(revoked.add('https://ps.example', 'more', now + 60)).toBe(false)
  expect(revoked.add('https://ps.example', 'j0', now + 60)).toBe(true)
  expect(revoked.add('https://other.example', 'more', now + 60)).toBe(true)
  time += 60
  expect(revoked.has('https://ps.example', 'j1')).toBe(false)
  expect(revoked.add('https://ps.example', 'more', time + 60)).toBe(true)
})

it('the store in a process keeps a token until the latest time that was reported', () => {
  let time = now
  const revoked = createRevokedTokens(() => time)
  for (const seconds of [30, 300, 60]) expect(revoked.add('https://ps.example', 'j1', now + seconds)).toBe(true)
  time += 299
  expect(revoked.has('https://ps.example', 'j1')).toBe(true)
  time += 1
  expect(revoked.has('https://ps.example', 'j1')).toBe(false)
})

it('with any person server, each can revoke its tokens, even before they are seen', async () => {
  const stage = openStage({ authServers: 'any' })
  const parts = { signer: signers.otherServer, key: otherKey }
  expect((await revoke(stage, revokes('j1'), parts)).status).toBe(200)
  const jwt = await tokenOf('auth', { iss: otherServer, ps: otherServer, jti: 'j1' }, signers.otherServer)
  expect(said((await stage.send(await requestWith(jwt), read)).response).problem).toBe('error=revoked_jwt')
  expect((await stage.send(await requestWith(await tokenOf('auth', { jti: 'j1' })), read)).verified).toBeDefined()
})

describe('any number of servers under one domain (attacks P11)', () => {
  const evil = Array.from({ length: 5000 }, (_, at) => `https://s${at}.evil.co.uk`)
  const honest = ['https://ps.example', 'https://login.bank.co.uk', 'https://auth.example.com', 'http://localhost:8001']

  it('neither evict the revocations of others nor prevent new ones', () => {
    let time = now
    const revoked = createRevokedTokens(() => time, 1000)
    for (const issuer of honest) expect(revoked.add(issuer, 'before', now + 3600)).toBe(true)
    const added = evil.map((issuer) => revoked.add(issuer, 'j', now + 3600))
    expect(added.filter(Boolean)).toHaveLength(1000 - honest.length)
    for (const issuer of [...honest, 'https://new.example.org']) {
      for (let at = 0; at < 10; at++) expect(revoked.add(issuer, `j${at}`, now + 3600)).toBe(true)
      expect(revoked.has(issuer, 'j9')).toBe(true)
    }
    for (const issuer of honest) expect(revoked.has(issuer, 'before')).toBe(true)
    expect(revoked.add('https://new.evil.co.uk', 'j', now + 3600)).toBe(false)
    time += 3600
    expect(revoked.add('https://new.evil.co.uk', 'j', time + 3600)).toBe(true)
  })

  it('do not evict them through a resource that accepts any server', async () => {
    const stage = openStage({ authServers: 'any', revokedTokens: createRevokedTokens(() => now, 100) })
    expect((await revoke(stage, revokes('j1'))).status).toBe(200)
    for (const issuer of evil.slice(0, 120)) {
      stage.publish(issuer, 'aauth-person.json', signers.otherServer, stage.person(issuer))
      const parts = { signer: signers.otherServer, key: { ...otherKey, id: issuer } }
      expect([200, 429]).toContain((await revoke(stage, revokes('j'), parts)).status)
    }
    expect((await revoke(stage, revokes('j2'))).status).toBe(200)
    for (const jti of ['j1', 'j2']) {
      const { response } = await stage.send(await requestWith(await tokenOf('auth', { jti })), read)
      expect(said(response).problem).toBe('error=revoked_jwt')
    }
  })
})

it('with a function, exactly the person servers that it accepts can revoke, even before they are seen', async () => {
  const stage = openStage({ authServers: (issuer) => issuer === otherServer })
  const parts = { signer: signers.otherServer, key: otherKey }
  expect((await revoke(stage, revokes('j1'), parts)).status).toBe(200)
  expect((await revoke(stage, revokes('j2'))).status).toBe(403)
  const jwt = await tokenOf('auth', { iss: otherServer, ps: otherServer, jti: 'j1' }, signers.otherServer)
  expect(said((await stage.send(await requestWith(jwt), read)).response).problem).toBe('error=revoked_jwt')
})

it('a new key of a server is found', async () => {
  const stage = openStage()
  await revoke(stage, revokes('j1'))
  const rotated = await newSigner('ps-1')
  stage.documents.set(`${ids.personServer}/jwks.json`, { keys: [{ ...rotated.jwk, alg: 'Ed25519' }] })
  expect((await revoke(stage, revokes('j2'), { signer: rotated })).status).toBe(200)
})
