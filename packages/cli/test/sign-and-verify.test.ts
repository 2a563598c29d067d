import { createPublicKey, verify } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand } from './run-command.js'
import { pipeProgram, runInProcess } from './run-program.js'
import { createToolFiles, type ToolFiles } from './tool-files.js'
import { verifyJson } from './verify-json.js'

let files: ToolFiles
beforeAll(async () => {
  files = await createToolFiles()
})
afterAll(() => rmSync(files.scratch, { recursive: true, force: true }))

const signerOf = async (path: string): Promise<Signer> =>
  createSigner(JSON.parse(readFileSync(path, 'utf8')) as Parameters<typeof createSigner>[0])

/** What the requests sign, verified without the library. */
function isSignedBase(base: string, request: string): boolean {
  const { keys } = JSON.parse(readFileSync(files.jwksFile, 'utf8')) as { keys: [{ kty: string }] }
  const [, signature = ''] = /^Signature: sig1=:([^:]+):/im.exec(request) ?? []
  const key = createPublicKey({ key: { ...keys[0] }, format: 'jwk' })
  return verify(null, Buffer.from(base), key, Buffer.from(signature, 'base64'))
}

describe('countersign sign and verify', () => {
  it('agree, also about a body, with keys from a file', async () => {
    const { status, report } = await verifyJson(files.post, '--jwks', files.jwksFile)
    expect({ status, verdict: report.verdict, failure: report.failure }).toEqual({
      status: 0,
      verdict: 'verified',
      failure: null,
    })
    expect(report.signer).toMatchObject({ scheme: 'jwks', agent: 'https://agent.example' })
    expect(report.steps.every(({ outcome }) => outcome === 'passed')).toBe(true)
    expect(report.base?.split('\n').slice(0, 4)).toEqual([
      '"@method": POST',
      '"@authority": api.example',
      '"@path": /things',
      '"@query": ?x=1',
    ])
    expect(isSignedBase(report.base ?? '', files.post)).toBe(true)
  })

  it('parse a request with LF line endings, or with a trailing newline added by an editor', async () => {
    for (const text of [files.post.replaceAll('\r\n', '\n'), `${files.post}\n`, `\r\n${files.post}`])
      expect((await verifyJson(text, '--jwks', files.jwksFile)).status).toBe(0)
  })

  it('parse a chunked body', async () => {
    const [head = ''] = files.post.split('\r\n\r\n')
    const chunked = `${head.replace(/\r\nContent-Length: \d+/, '')}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\n\r\n`
    expect((await verifyJson(chunked, '--jwks', files.jwksFile)).status).toBe(0)
    for (const text of [chunked.slice(0, -2), chunked.replaceAll('\r\n', '\n'), `${chunked}\n`])
      expect((await verifyJson(text, '--jwks', files.jwksFile)).status).toBe(0)
    for (const [part, other, message] of [
      ['4;x', '9;x', 'A chunk does not start with its size.'],
      ['4;x', 'z;x', 'A chunk does not start with its size.'],
      ['4;x', '2;x', 'A chunk is longer than its declared size.'],
      ['\r\n0\r\n\r\n', '', 'A chunk is shorter than its declared size.'],
      ['chunked', 'gzip', 'Its Transfer-Encoding is not chunked.'],
      ['chunked', 'gzip, chunked', 'Its Transfer-Encoding is not chunked.'],
    ] as const) {
      const { report } = await verifyJson(chunked.replace(part, other), '--jwks', files.jwksFile)
      expect(report.failure).toMatchObject({ step: 'request', code: 'request_malformed', message })
    }
  })

  it('accept a new key, the header key scheme and a single key file', async () => {
    const { stdout, stderr } = await runCommand('sign', 'http://127.0.0.1:8002/data?', '--encoding', 'base64url')
    expect(stderr).toContain('a new key, which is not saved')
    const own = await verifyJson(stdout)
    expect(own).toMatchObject({ status: 0, report: { signer: { scheme: 'hwk', agent: null } } })
    expect((await verifyJson(files.post, '--key', files.keyFile)).status).toBe(0)
    expect(await verifyJson(stdout, '--key', files.keyFile)).toMatchObject({
      status: 1,
      report: { failure: { code: 'signature_mismatch' } },
    })
  })

  it('accept an auth token, and check its issuer, its audience and its age', async () => {
    const signer = await signerOf(files.keyFile)
    const issuer = await createSigner(await generatePrivateJwk({ kid: 'auth-1' }))
    const file = join(files.scratch, 'issuer.json')
    writeFileSync(file, JSON.stringify({ keys: [issuer.jwk] }))
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: 'https://auth.example',
      aud: 'https://api.example',
      cnf: { jwk: signer.jwk },
      scope: 'data.read',
      agent: 'https://agent.example',
      exp: now + 600,
    }
    const token = await issueToken(january.tokens.auth, claims, { signer: issuer })
    const { stdout } = await runInProcess('sign', 'https://api.example/data', '--key', files.keyFile, '--token', token)
    const offline = ['--jwks', file]
    const known = ['--resource', 'https://api.example', '--auth-server', 'https://auth.example']
    expect(await verifyJson(stdout, ...offline, ...known)).toMatchObject({
      status: 0,
      report: { signer: { agent: 'https://agent.example', token: { kind: 'auth+jwt' } } },
    })
    const unknown = await verifyJson(stdout, ...offline)
    expect(unknown.report.notes.join()).toContain('use --auth-server to set the accepted issuer')
    for (const [wrong, code] of [
      [['--resource', 'https://other.example', '--authority', 'api.example'], 'auth_token_invalid'],
      [['--auth-server', 'https://other.example'], 'auth_token_invalid'],
      [['--at', String(now + 700)], 'signature_created_outside_window'],
    ] as const)
      expect(await verifyJson(stdout, ...offline, ...wrong)).toMatchObject({ status: 1, report: { failure: { code } } })

    const late = await issueToken(january.tokens.auth, { ...claims, exp: now - 1 }, { signer: issuer })
    const expired = await runInProcess('sign', 'https://api.example/data', '--key', files.keyFile, '--token', late)
    expect(await verifyJson(expired.stdout, ...offline, ...known)).toMatchObject({
      status: 1,
      report: { failure: { step: 'token', code: 'auth_token_expired' }, signer: null },
    })
  })

  it('prints the steps, the failed step and the exact base, in 80 columns except for the base', async () => {
    const { status, stdout } = await pipeProgram(
      files.post.replace('/things', '/thing'),
      'verify',
      '--jwks',
      files.jwksFile,
    )
    expect(status).toBe(1)
    expect(stdout).toMatch(/^Refused at signature: signature_mismatch\n/)
    expect(stdout).toMatch(/^11 {2}signature {2}FAILED {2}/m)
    expect(stdout).toMatch(/^12 {2}digest {5}not reached$/m)
    const [before = '', base = '', after = ''] = stdout.split(/^-{80}\n/m)
    expect(base).toContain('"@path": /thing\n')
    for (const line of `${before}${after}`.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(isSignedBase(base.replace('/thing\n', '/things\n').trimEnd(), files.post)).toBe(true)
  })
})
