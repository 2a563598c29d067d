import { createServer, type Server } from 'node:http'
import { generatePrivateJwk } from 'countersign'
import { afterEach, describe, expect, it } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import { runInProcess } from './run-program.js'

interface Answer {
  status?: number
  headers?: Record<string, string>
  body?: unknown
}

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** An origin on its own port; `answers` are generated for its identifier, by path, and everything else is 404. */
async function publish(answers: (id: string) => Record<string, Answer>): Promise<string> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const id = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  const known = answers(id)
  server.on('request', ({ url = '' }, response) => {
    const { status = 200, headers = {}, body = '' } = known[url] ?? { status: 404 }
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  return id
}

const { d: _d, ...publicJwk } = await generatePrivateJwk({ kid: 'key-1' })
const agentPath = '/.well-known/aauth-agent'

/** An agent with a valid document and keys, with one change. */
function agentWith(change: { document?: object; answer?: Answer; keys?: unknown; jwks?: Answer } = {}) {
  return (id: string): Record<string, Answer> => ({
    [agentPath]: change.answer ?? {
      body: { agent: id, jwks_uri: `${id}/jwks.json`, redirect_uris: [`${id}/callback`], ...change.document },
    },
    '/jwks.json': change.jwks ?? { body: { keys: change.keys ?? [publicJwk] } },
  })
}

describe('countersign discover', () => {
  it('accepts a valid agent, and reports what it fetched', async () => {
    const id = await publish(agentWith())
    const { status, stdout, stderr } = await runInProcess('discover', id)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^agent {5}ok /m)
    expect(stdout).toMatch(/^resource {2}absent /m)
    expect(stdout).toContain('key-1 ed25519 ')
    expect(stdout).not.toContain('Fix: ')
    expect(stderr).toContain(`GET ${id}/jwks.json -> 200\n`)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('accepts a resource without keys, and reports what it cannot do', async () => {
    const id = await publish((own) => ({
      '/.well-known/aauth-resource.json': {
        body: { issuer: own, name: 'API', scope_descriptions: {}, revocation_endpoint: `${own}/revoke` },
      },
    }))
    const { status, stdout } = await runInProcess('discover', id, '--edition', 'draft-11')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^resource {2}ok /m)
    expect(stdout).toMatch(/It has no valid jwks_uri/)
  })

  it('prints one JSON document', async () => {
    const id = await publish(agentWith())
    const { status, stdout } = await runInProcess('discover', id, '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      identifier: id,
      outcome: 'ok',
      documents: [
        { party: 'agent', outcome: 'ok', key_set: { outcome: 'ok', keys: [{ kid: 'key-1', algorithm: 'ed25519' }] } },
        { party: 'resource', outcome: 'absent' },
        { party: 'issuer', outcome: 'absent' },
      ],
    })
  })

  it.each([
    [undefined, 300],
    ['max-age=120', 120],
    ['no-cache', 60],
    ['public, max-age=86400', 600],
  ])('reports how long others cache keys, with Cache-Control %s', async (cacheControl, seconds) => {
    const headers = cacheControl === undefined ? {} : { 'cache-control': cacheControl, age: '50' }
    const id = await publish(agentWith({ jwks: { headers, body: { keys: [publicJwk] } } }))
    const { stdout } = await runInProcess('discover', id, '--json')
    const { documents } = JSON.parse(stdout) as { documents: { key_set: { cache_seconds: number } | null }[] }
    expect(documents[0]?.key_set?.cache_seconds).toBe(seconds)
  })

  it.each<[string, Parameters<typeof agentWith>[0], string]>([
    ['names another identifier', { document: { agent: 'https://other.example' } }, 'Set agent to http://127.0.0.1:'],
    [
      'has no jwks_uri',
      { document: { jwks_uri: undefined } },
      'Add jwks_uri: without it the document is useless to peers.',
    ],
    ['has no jwks_uri and requires one', { document: { jwks_uri: undefined } }, 'it has no valid jwks_uri'],
    [
      'is behind a redirect',
      { answer: { status: 302, headers: { location: '/x' } } },
      'Serve it at exactly this URL, without a redirect.',
    ],
    ['requires a login', { answer: { status: 403 } }, 'Respond with 200'],
    ['is not JSON', { answer: { body: '<html>' } }, 'Send one JSON object'],
    [
      'has a byte-order mark',
      { answer: { body: `\ufeff${JSON.stringify({ agent: 'x' })}` } },
      'without the byte-order mark',
    ],
    ['is a list', { answer: { body: [] } }, 'Send one JSON object'],
    ['is compressed', { answer: { headers: { 'content-encoding': 'gzip' } } }, 'Send it uncompressed'],
    ['is too large', { answer: { body: { a: 'x'.repeat(17_000) } } }, 'Reduce it to at most 16 KiB.'],
    ['has a missing JWKS', { jwks: { status: 404 } }, 'Respond with 200'],
    ['has an invalid JWKS', { jwks: { body: { key: [] } } }, 'Publish {"keys"'],
    ['has an empty JWKS', { keys: [] }, 'The key set has no usable key'],
    ['publishes a private key', { keys: [publicJwk, { ...publicJwk, kid: 'x', d: 'AAAA' }] }, 'anyone may have seen'],
    ['has duplicate kids', { keys: [publicJwk, publicJwk] }, 'its own kid'],
    ['has only unusable keys', { keys: [{ kid: 'a', kty: 'EC', crv: 'P-521' }] }, 'countersign agent keys generate'],
  ])('reports how to fix a document that %s', async (_case, change, fix) => {
    const { status, stdout } = await runInProcess('discover', await publish(agentWith(change)))
    expect(status).toBe(1)
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(fix)
    expect(stdout.endsWith('Peers refuse part of what is published here.\n')).toBe(true)
  })

  it.each<[string, Parameters<typeof agentWith>[0], string]>([
    ['a redirect URL', { document: { redirect_uris: undefined } }, 'List every redirect_uri'],
    ['a list of redirect URLs', { document: { redirect_uris: 'x' } }, 'has the wrong type'],
    ['a kid for one of its keys', { keys: [publicJwk, { ...publicJwk, kid: undefined }] }, 'Give it a kid'],
  ])('makes a recommendation for a document without %s, and accepts it', async (_case, change, advice) => {
    const { status, stdout } = await runInProcess('discover', await publish(agentWith(change)))
    expect(status).toBe(0)
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(advice)
  })

  it('makes a recommendation for endpoints at another origin only', async () => {
    const id = await publish((origin) => ({
      '/.well-known/aauth-issuer': {
        body: {
          issuer: origin,
          jwks_uri: `${origin}/jwks.json`,
          agent_token_endpoint: `${origin}/agent/token`,
          agent_auth_endpoint: 'https://evil.example/auth',
          revocation_list_uri: 'https://lists.example/list',
        },
      },
      '/.well-known/aauth-resource': {
        body: {
          resource: origin,
          jwks_uri: `${origin}/jwks.json`,
          resource_token_endpoint: 'https://tokens.example/token',
        },
      },
      '/jwks.json': { body: { keys: [publicJwk] } },
    }))
    const { status, stdout } = await runInProcess('discover', id)
    expect(status).toBe(0)
    const text = stdout.replaceAll(/\s+/g, ' ')
    const other = [...text.matchAll(/Its (\w+) is at another origin \((\S+)\)/g)].map(([, member, at]) => [member, at])
    expect(other).toEqual([
      ['resource_token_endpoint', 'https://tokens.example'],
      ['agent_auth_endpoint', 'https://evil.example'],
      ['revocation_list_uri', 'https://lists.example'],
    ])
    expect(text).toContain(`Serve it at ${id}, or have every peer add https://evil.example to endpointOrigins.`)
  })

  it('exits with 1 if nothing is published, and with 3 if there is no response or the server fails', async () => {
    expect((await runInProcess('discover', await publish(() => ({})))).status).toBe(1)
    expect((await runInProcess('discover', 'http://127.0.0.1:1')).status).toBe(3)
    expect((await runInProcess('discover', await publish(agentWith({ answer: { status: 503 } })))).status).toBe(3)
  })

  it('prints no terminal control characters', async () => {
    const id = await publish(
      agentWith({ document: { name: '\u001b[2J\u202e' }, keys: [{ ...publicJwk, kid: '\u0007' }] }),
    )
    const { stdout, stderr } = await runInProcess('discover', id)
    expect(stdout + stderr).not.toMatch(/[^\n -\u202d\u202f-\uffff]/)
  })

  it.each([['https://Agent.example'], ['https://agent.example/'], ['http://agent.example'], ['agent.example'], ['']])(
    'exits with 2 for an invalid identifier: %s',
    async (text) => {
      const { status, stdout, stderr } = await runInProcess('discover', text)
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toContain('is not a valid identifier')
    },
  )

  it('says once why a host is not responding', async () => {
    const { stdout } = await runInProcess('discover', `http://127.0.0.1:${await freePort()}`)
    expect(stdout.match(/ Fix: /g)).toHaveLength(1)
    expect(stdout.match(/ {2}Why: see above\.$/gm)).toHaveLength(2)
  })

  it('rejects the URL of a document, and reports what to pass', async () => {
    const { status, stdout, stderr } = await runInProcess('discover', 'https://agent.example/.well-known/aauth-agent')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('Pass the identifier, https://agent.example,')
  })
})
