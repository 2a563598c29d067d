import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { type KeyReference, parseSignatureInput, serializeSignatureBase, signRequest } from 'countersign/signatures'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runInProcess, startProgram } from './run-program.js'

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const ask = (...flags: string[]) => runInProcess('demo', '--only', 'agent', '--port', '0', '--quiet', ...flags)
const hint = 'A peer that uses an older form of the protocol needs --interop.'

describe('our agent names --interop if a peer responds incorrectly', () => {
  it.each([400, 401, 403, 500, 502])('a resource with %i', async (status) => {
    const resource = await serve((_incoming, outgoing) => outgoing.writeHead(status).end('Internal Server Error'))
    const asked = await ask('--resource-url', `${resource}/data-auth`)
    expect(asked).toMatchObject({
      status: 1,
      stderr: `The resource’s final response was ${status}. ${hint}\n`,
    })
    const already = await ask('--resource-url', `${resource}/data-auth`, '--interop')
    expect(already).toMatchObject({ status: 1, stderr: `The resource’s final response was ${status}.\n` })
  })

  it('but not if a resource reports an error unrelated to the protocol form', async () => {
    const answer = { error: 'unknown_key', error_description: 'The agent publishes no such key.' }
    const resource = await serve((_incoming, outgoing) =>
      outgoing.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify(answer)),
    )
    const { status, stderr } = await ask('--resource-url', `${resource}/data-auth`)
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'The resource’s final response was 401: The agent publishes no such key.\n',
    })
  })

  it.each([
    [500, 'text/html', '<h1>Internal Server Error</h1>'],
    [500, 'application/json', '{"error":"server_error"}'],
    [503, 'text/plain', ''],
  ])('an auth server with %i and %s', async (status, type, body) => {
    const authServer = await serve((incoming, outgoing) => {
      const issuer = `http://${incoming.headers.host}`
      const documents: Readonly<Record<string, object>> = {
        '/.well-known/aauth-issuer': {
          issuer,
          jwks_uri: `${issuer}/jwks.json`,
          agent_token_endpoint: `${issuer}/agent/token`,
          agent_auth_endpoint: `${issuer}/agent/auth`,
        },
      }
      const document = documents[incoming.url ?? '']
      if (document) outgoing.setHeader('content-type', 'application/json').end(JSON.stringify(document))
      else outgoing.writeHead(status, { 'content-type': type }).end(body)
    })
    const resource = startProgram([
      'demo',
      '--only',
      'resource',
      '--port',
      '0',
      '--quiet',
      '--auth-server-url',
      authServer,
    ])
    onTestFinished(() => void resource.stop('SIGINT'))
    const [, id = ''] = await resource.seen(/^resource +(\S+)\n/)
    const asked = await ask('--resource-url', `${id}/data-auth`, '--auth-server-url', authServer)
    expect(asked.status).toBe(1)
    expect(asked.stderr).toContain(`The auth server returned ${status}`)
    expect(asked.stderr).toContain(hint)
  })
})

/** An agent with documents, and a request that it signs over a base that differs from RFC 9421's. */
async function olderAgent(signer: Signer, changeBase: (base: string) => string) {
  const id = await serve((incoming, outgoing) => {
    const own = `http://${incoming.headers.host}`
    const document =
      incoming.url === '/jwks.json' ? { keys: [signer.jwk] } : { agent: own, jwks_uri: `${own}/jwks.json` }
    outgoing.setHeader('content-type', 'application/json').end(JSON.stringify(document))
  })
  const published: KeyReference = { scheme: 'jwks', id, kid: signer.kid, wellKnown: 'aauth-agent' }
  return {
    id,
    send: async (url: string, signatureKey: KeyReference | 'own key' = published, leftOut: readonly string[] = []) => {
      const { kid: _kid, ...jwk } = signer.jwk
      const reference: KeyReference =
        signatureKey === 'own key' ? { scheme: 'hwk', jwk: { ...jwk } as Record<string, string> } : signatureKey
      const signed = await signRequest(new Request(url), { profile: january.signing, signer, signatureKey: reference })
      const whole = parseSignatureInput(signed.headers.get('signature-input') ?? '')
      const components = whole.components.filter((name) => !leftOut.includes(name))
      const parameters = `(${components.map((name) => `"${name}"`).join(' ')});created=${whole.created}`
      const { pathname, search, host } = new URL(url)
      const values: Readonly<Record<string, string>> = {
        '@method': 'GET',
        '@authority': host,
        '@path': pathname,
        '@query': search,
        'signature-key': signed.headers.get('signature-key') ?? '',
      }
      const base = serializeSignatureBase(
        components,
        components.map((name) => values[name] ?? ''),
        parameters,
      )
      const signature = Buffer.from(await signer.sign(changeBase(base))).toString('base64')
      const headers = new Headers(signed.headers)
      headers.set('signature-input', `sig1=${parameters}`)
      headers.set('signature', `sig1=:${signature}:`)
      return fetch(url, { headers })
    },
  }
}

const withoutParameters = (base: string) => base.slice(0, base.lastIndexOf('\n'))

describe('our resource, if a peer signs differently', () => {
  const named =
    'It was signed over a signature base without the last line, "@signature-params", which RFC 9421 §2.5 requires. --interop does not fix this.'

  it.each([
    ['', []],
    [', under --interop', ['--interop']],
  ])('names what is missing%s, also with a query, once', async (_case, flags) => {
    const resource = startProgram(['demo', '--only', 'resource', '--port', '0', '--quiet', ...flags])
    onTestFinished(() => void resource.stop('SIGINT'))
    const [, id = ''] = await resource.seen(/^resource +(\S+)\n/)
    const signer = await createSigner(await generatePrivateJwk({ kid: 'old-1' }))
    const { send } = await olderAgent(signer, withoutParameters)
    const statuses = [
      (await send(`${id}/data-jwks`)).status,
      (await send(`${id}/data?a=1&b=%20`)).status,
      (await send(`${id}/data?a=1`, undefined, ['@query'])).status,
      (await send(`${id}/data-hwk?a=1`, 'own key')).status,
    ]
    expect(statuses).toEqual([401, 401, 401, 401])
    await resource.seen(/@signature-params/)
    const { stderr } = await resource.stop('SIGINT')
    expect(stderr.split('\n').filter((line) => line.includes('@signature-params'))).toEqual([named])
    expect(stderr).not.toContain(hint)
  })

  it('names --interop if nothing else is known, unless it is already set', async () => {
    for (const flags of [[], ['--interop']]) {
      const resource = startProgram(['demo', '--only', 'resource', '--port', '0', '--quiet', ...flags])
      onTestFinished(() => void resource.stop('SIGINT'))
      const [, id = ''] = await resource.seen(/^resource +(\S+)\n/)
      const signer = await createSigner(await generatePrivateJwk({ kid: 'old-1' }))
      const { send } = await olderAgent(signer, (base) => `${base} `)
      expect((await send(`${id}/data-jwks`)).status).toBe(401)
      if (flags.length === 0) await resource.seen(/needs --interop/)
      else await new Promise((resolve) => setTimeout(resolve, 200))
      expect((await resource.stop('SIGINT')).stderr.includes(hint)).toBe(flags.length === 0)
    }
  })
})
