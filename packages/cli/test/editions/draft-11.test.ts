import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, type PrivateJwk, type Signer } from 'countersign'
import { draft11Jose, draft11Tokens } from 'countersign/editions/draft-11'
import { issueToken, publishedJwk } from 'countersign/tokens'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { listenWith } from '../../../countersign/test/resource/events-resource.js'
import { pipeProgram, runInProcess } from '../run-program.js'
import { createToolFiles, type ToolFiles } from '../tool-files.js'
import { verifyJson } from '../verify-json.js'

let files: ToolFiles
let signer: Signer
let jwksFile: string
const edition = ['--edition', 'draft-11']
const resource = 'https://api.example'

beforeAll(async () => {
  files = await createToolFiles()
  signer = await createSigner(JSON.parse(readFileSync(files.keyFile, 'utf8')) as PrivateJwk)
  jwksFile = join(files.scratch, 'draft-11-jwks.json')
  writeFileSync(jwksFile, JSON.stringify({ keys: [publishedJwk(signer.jwk, draft11Jose)] }))
})
afterAll(() => rmSync(files.scratch, { recursive: true, force: true }))

const sign = async (...args: string[]) =>
  (await runInProcess('sign', `${resource}/docs?x=1`, ...edition, '--key', files.keyFile, ...args)).stdout
const signAsAgent = (...args: string[]) => sign('--id', 'https://agent.example', ...args)
const verify = (request: string, ...args: string[]) =>
  verifyJson(request, ...edition, '--resource', resource, '--jwks', jwksFile, ...args)

/** A token of a person server whose key is the signer's. */
function tokenOf(kind: 'person' | 'auth', change: object = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const { kid: _kid, ...jwk } = publishedJwk(signer.jwk, draft11Jose)
  const claims = {
    iss: 'https://ps.example',
    dwk: 'aauth-person.json',
    sub: 'user-1',
    aud: resource,
    jti: 'token-1',
    iat: now,
    exp: now + 600,
    cnf: { jwk },
  }
  if (kind === 'person') return issueToken(draft11Tokens.person, { ...claims, ...change }, { signer })
  const auth = { ...claims, ps: claims.iss, scope: 'data.read', ...change }
  return issueToken(draft11Tokens.auth, auth, { signer })
}

describe('sign and verify with --edition draft-11', () => {
  it('agree about a request that the agent signs with a token it issued itself', async () => {
    const request = await signAsAgent('--data', '{"a":1}')
    expect(request).toMatch(/^Signature-Key: sig=jwt;jwt="/m)
    const { status, report } = await verify(request)
    expect({ status, failure: report.failure }).toEqual({ status: 0, failure: null })
    expect(report.signer).toMatchObject({
      scheme: 'jwt',
      agent: 'https://agent.example',
      delegate: 'aauth:agent@agent.example',
      token: { kind: 'aa-agent+jwt' },
    })
    expect(report.steps.find(({ step }) => step === 'nonce')).toMatchObject({ text: 'well formed' })
    expect(report.notes).toContain('Not checked: whether the nonce has already been used.')
  })

  it.each(['person', 'auth'] as const)('agree about a request that is signed with a %s token', async (kind) => {
    const request = await sign('--token', await tokenOf(kind))
    const { status, report } = await verify(request)
    expect({ status, token: report.signer?.token?.kind }).toEqual({ status: 0, token: `aa-${kind}+jwt` })
    const { stdout } = await pipeProgram(request, 'verify', ...edition, '--resource', resource, '--jwks', jwksFile)
    expect(stdout).toContain('Verified. Signed by an agent that its token does not name.\n')
    expect(stdout).toContain(`With an aa-${kind}+jwt from https://ps.example`)
  })

  it.each<[name: string, change: (request: string) => string, failure: object]>([
    [
      'a query that is not covered',
      (request) => request.replace(' "@query"', ''),
      { step: 'coverage', code: 'component_missing', signature_error: 'invalid_input', error: 'invalid_input' },
    ],
    [
      'another path',
      (request) => request.replace('/docs', '/other'),
      { step: 'signature', code: 'signature_mismatch', signature_error: 'invalid_signature' },
    ],
    [
      'a created time in the future',
      (request) => request.replace(/created=\d+/, 'created=4000000000'),
      { step: 'time', code: 'signature_created_outside_window', signature_error: 'clock_skew' },
    ],
    [
      'a scheme that agents must not use',
      (request) => request.replace(/sig=jwt;jwt="[^"]*"/, 'sig=hwk;kty="OKP"'),
      { step: 'headers', code: 'signature_key_scheme_refused', signature_error: 'unsupported_scheme' },
    ],
  ])('reports %s with the edition’s error', async (_name, change, failure) => {
    const { status, report } = await verify(change(await signAsAgent()))
    expect(status).toBe(1)
    expect(report.failure).toMatchObject({ status: 401, ...failure })
  })

  it('chooses the signature that has a key, and ignores the others', async () => {
    const request = (await signAsAgent())
      .replace(/^Signature: /m, 'Signature: proxy=:AAAA:, ')
      .replace(/^Signature-Input: /m, 'Signature-Input: proxy=("@path");created=1, ')
    const { status, report } = await verify(request)
    expect({ status, failure: report.failure }).toEqual({ status: 0, failure: null })
    expect(report.base).toContain('"@path": /docs\n')
  })

  it('refuses a key whose JWK has no alg, and a token for another resource', async () => {
    const noAlg = await verifyJson(await signAsAgent(), ...edition, '--jwks', files.jwksFile)
    expect(noAlg.report.failure).toMatchObject({ step: 'key', code: 'algorithm_unsupported' })
    const elsewhere = await verify(await sign('--token', await tokenOf('person', { aud: 'https://other.example' })))
    expect(elsewhere.report.failure).toMatchObject({ signature_error: 'invalid_jwt', code: 'auth_token_invalid' })
  })

  it.each([
    ['January', 'draft-11', () => signAsAgent(), ['--resource', resource]],
    ['draft-11', 'january', async () => files.get, [...edition, '--resource', resource]],
  ] as const)('refuses, as %s, a request of another edition, and says which: %s', async (_as, other, make, args) => {
    const { status, report } = await verifyJson(await make(), '--jwks', jwksFile, ...args)
    expect(status).toBe(1)
    expect(report.failure).toMatchObject({ step: 'headers', code: 'signature_malformed' })
    expect(report.notes.at(-1)).toMatch(new RegExp(`use --edition ${other}\\.$`))
  })

  it.each<[args: string[], message: string]>([
    [[], 'agents sign with a token: pass --token, or --id with --key'],
    [['--scheme', 'hwk'], '--scheme hwk'],
    [['--id', 'https://agent.example:8443'], 'without a port or path'],
    [['--id', 'https://agent.example', '--token', 'x'], 'Use either --token or --id'],
    [['--id', 'https://agent.example', '--nonce', 'never'], '--nonce does not apply'],
  ])('sign exits with 2 for %j', async (args, message) => {
    const { status, stdout, stderr } = await runInProcess('sign', resource, ...edition, '--key', files.keyFile, ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
  })
})

describe('inspect', () => {
  it.each<[value: string, kind: string, text: string]>([
    ['requirement=person-token', 'AAuth-Requirement', 'gets a person token'],
    ['AAuth-Requirement: requirement=interaction;url="https://ps.example/i";code="A"', 'AAuth-Requirement', '"code"'],
    ['sig=jwks_uri;id="https://ps.example";dwk="aauth-person.json";kid="1"', 'Signature-Key', 'Only servers sign'],
    ['error=revoked_jwt', 'Signature-Error', 'was revoked'],
    ['Accept-Signature-Alg: Ed25519, ES256', 'Accept-Signature-Alg', '"ES256"'],
  ])('decodes %s', async (value, kind, text) => {
    const { status, stdout } = await runInProcess('inspect', value)
    expect(status).toBe(0)
    expect(stdout.split('\n')[0]).toBe(kind)
    expect(stdout).toContain(text)
  })

  it('decodes the resource token in a requirement, and names the type of each token', async () => {
    const token = await tokenOf('person')
    const { stdout } = await runInProcess('inspect', `requirement=auth-token;resource-token="${token}"`)
    expect(stdout).toContain('  - A person token of draft-11.\n')
  })

  it.each(['AAuth-Requirement: person-token', 'requirement=auth-token'])('refuses %s', async (value) => {
    const { status, stdout } = await runInProcess('inspect', value)
    expect(status).toBe(1)
    expect(stdout).toContain('Refused: AAuth-Requirement does not have the form')
  })
})

/** A party on its own port, with valid documents and keys unless they are changed. */
async function publish(document: string, members: object, jwk: object = publishedJwk(signer.jwk, draft11Jose)) {
  const server = createServer(({ url = '' }, response) => {
    const known: Readonly<Record<string, object>> = {
      [`/.well-known/${document}`]: { issuer: id, jwks_uri: `${id}/jwks.json`, ...members },
      '/jwks.json': { keys: [jwk] },
    }
    response.writeHead(url in known ? 200 : 404, { 'content-type': 'application/json', connection: 'close' })
    response.end(JSON.stringify(known[url] ?? {}))
  })
  const id = `http://127.0.0.1:${await listenWith(server)}`
  return id
}

const person = (id: string) => ({ auth_token_endpoint: `${id}/a`, person_token_endpoint: `${id}/p` })

describe('discover with --edition draft-11', () => {
  it('checks the documents and keys of an agent', async () => {
    const id = await publish('aauth-agent.json', { name: 'Notes' })
    const { status, stdout } = await runInProcess('discover', id, ...edition)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^agent {5}ok {10}http/m)
    expect(stdout).toMatch(/^person {4}absent /m)
    expect(stdout).not.toContain('Fix: ')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('points from the default edition to this one', async () => {
    const id = await publish('aauth-agent.json', { name: 'Notes' })
    const { stdout, stderr } = await runInProcess('discover', id)
    expect(stdout).toContain('None of these documents')
    expect(stderr).toContain(`countersign discover ${id} --edition draft-11`)
  })

  it('generates a key set with alg, and no key that the edition does not have', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'keys-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const generate = (...given: string[]) =>
      runInProcess('agent', 'keys', 'generate', '--output', join(folder, 'key.json'), ...given, ...edition)
    const refused = await generate('--alg', 'rsa-pss-sha512')
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('--alg rsa-pss-sha512 is not part') })
    const { stdout } = await generate()
    expect(JSON.parse(stdout)).toMatchObject({ keys: [{ kty: 'OKP', alg: 'Ed25519' }] })
  })

  it('reports a key without alg, another issuer, and members of the wrong type', async () => {
    const noAlg = await publish('aauth-agent.json', { name: 'Notes' }, signer.jwk)
    expect((await runInProcess('discover', noAlg, ...edition)).stdout).toContain('has no accepted alg')
    const other = await publish('aauth-agent.json', { issuer: 'https://other.example' })
    expect(await runInProcess('discover', other, ...edition)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining(`Fix: Set issuer to ${other}, exactly.`) as string,
    })
    const wrong = await publish('aauth-agent.json', { name: 'Notes', localhost_callback_allowed: 'yes' })
    expect((await runInProcess('discover', wrong, ...edition)).stdout).toContain('Fix: Make it true or false.')
  })

  it('names the members that a person server’s document lacks', async () => {
    const id = await publish('aauth-person.json', {})
    const { status, stdout } = await runInProcess('discover', id, ...edition)
    expect(status).toBe(1)
    expect(stdout).toContain('Fix: Add auth_token_endpoint, person_token_endpoint')
  })

  it('refuses an identifier with a port', async () => {
    const { status, stderr } = await runInProcess('discover', 'https://agent.example:8443', ...edition)
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('without a port') as string })
  })
})

describe('doctor with --edition draft-11', () => {
  const findingsOf = async (id: string) => {
    const { stdout } = await runInProcess('doctor', id, ...edition, '--json')
    const [{ findings } = { findings: [] }] = JSON.parse(stdout) as { findings: { check: string; outcome: string }[] }[]
    return Object.fromEntries(findings.map(({ check, outcome }) => [check, outcome]))
  }

  it('checks the documents of an agent, and nothing that only servers have', async () => {
    const findings = await findingsOf(await publish('aauth-agent.json', { name: 'Notes' }))
    expect(findings).toMatchObject({ 'agent document': 'ok', 'agent keys': 'ok', caching: 'warning', clock: 'ok' })
    expect(findings).not.toHaveProperty('pages')
    expect(findings).not.toHaveProperty('paths')
  })

  it('checks what a resource receives, and the pages of a person server', async () => {
    const described = { name: 'Docs', scope_descriptions: {}, revocation_endpoint: 'https://x.example/revoke' }
    expect(await findingsOf(await publish('aauth-resource.json', described))).toHaveProperty('header sizes')
    const server = await publish('aauth-person.json', person('https://ps.example'))
    expect(await findingsOf(server)).toMatchObject({ 'person keys': 'ok', pages: 'problem' })
  })

  it('reports that nothing of the edition is published', async () => {
    const id = await publish('aauth-agent', {})
    const { status, stdout } = await runInProcess('doctor', id, ...edition)
    expect(status).toBe(1)
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('None of these documents are published')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('needs the URL of what to check', async () => {
    expect((await runInProcess('doctor', '--mcp', 'https://x.example/mcp', ...edition)).stderr).toContain('--edition')
  })
})
