import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runInProcess } from './run-program.js'
import { createToolFiles, type ToolFiles } from './tool-files.js'
import { verifyJson } from './verify-json.js'

let files: ToolFiles
beforeAll(async () => {
  files = await createToolFiles()
})
afterAll(() => rmSync(files.scratch, { recursive: true, force: true }))

describe('countersign agent keys generate', () => {
  it('writes a private key that only its owner can read, and prints the public key', async () => {
    expect(statSync(files.keyFile).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(files.keyFile, 'utf8'))).toMatchObject({
      kid: 'key-1',
      d: expect.any(String) as string,
    })
    const published = readFileSync(files.jwksFile, 'utf8')
    expect(JSON.parse(published)).toEqual({ keys: [expect.objectContaining({ kid: 'key-1', kty: 'OKP' })] })
    expect(published).not.toContain('"d"')
  })

  it('never overwrites a file', async () => {
    const before = readFileSync(files.keyFile, 'utf8')
    const { status, stdout, stderr } = await runInProcess('agent', 'keys', 'generate', '--output', files.keyFile)
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: `${files.keyFile} already exists.\n` })
    expect(readFileSync(files.keyFile, 'utf8')).toBe(before)
  })

  it.each(['ecdsa-p256-sha256', 'rsa-pss-sha512'])(
    'generates a key for %s that sign and verify accept',
    async (algorithm) => {
      const file = join(files.scratch, `${algorithm}.json`)
      expect((await runInProcess('agent', 'keys', 'generate', '--output', file, '--alg', algorithm)).status).toBe(0)
      const { stdout } = await runInProcess('sign', 'https://api.example/', '--key', file)
      expect(await verifyJson(stdout)).toMatchObject({ status: 0, report: { signer: { algorithm } } })
    },
  )

  it.each([
    ['no file', ['generate'], '--output'],
    ['another action', ['revoke', '--output', 'x'], "Unknown command 'revoke'"],
    ['another algorithm', ['generate', '--output', 'x', '--alg', 'none'], 'Allowed choices are ed25519'],
    ['a kid that is not valid in a header', ['generate', '--output', 'x', '--kid', 'a"b'], '--kid'],
  ])('exits with 2 for %s', async (_case, args, message) => {
    const { status, stderr } = await runInProcess('agent', 'keys', ...args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
    expect(existsSync('x')).toBe(false)
  })
})

describe('countersign agent keys show', () => {
  it('prints the same output as when the key was generated, and its thumbprint', async () => {
    const shown = await runInProcess('agent', 'keys', 'show', files.keyFile)
    expect(shown.status).toBe(0)
    expect(JSON.parse(shown.stdout)).toEqual(JSON.parse(readFileSync(files.jwksFile, 'utf8')))
    expect(shown.stderr.replaceAll('\n', ' ')).toMatch(/^The key’s thumbprint is [\w-]{43}\. $/)
  })

  it('exits with 2 for a missing file, and for a public key', async () => {
    for (const [file, message] of [
      ['/no/such', 'agent keys show: /no/such cannot be read (ENOENT).'],
      [files.jwksFile, 'does not contain a private JWK'],
    ] as const) {
      const { status, stdout, stderr } = await runInProcess('agent', 'keys', 'show', file)
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toContain(message)
    }
  })
})

describe('countersign sign', () => {
  it('prints a curl command that is quoted correctly for a shell', async () => {
    const data = `it's {"a": "$HOME"}`
    const header = ['--header', 'Content-Type: text/plain', '--header', "X-Note: it's"]
    const { stdout } = await runInProcess('sign', 'https://api.example/a?b=[1]', '--curl', '--data', data, ...header)
    expect(stdout).toMatch(/^curl --globoff --path-as-is --request 'POST' 'https:\/\/api\.example\/a\?b=\[1\]' \\\n/)
    expect(stdout).toContain(`--data-raw 'it'\\''s {"a": "$HOME"}'`)
    expect(stdout).toContain(`--header 'X-Note: it'\\''s'`)
  })

  it('prints one JSON document', async () => {
    const { stdout } = await runInProcess(
      'sign',
      'https://api.example/a',
      '--json',
      '--request',
      'delete',
      '--key',
      files.keyFile,
    )
    const document = JSON.parse(stdout) as { method: string; headers: Record<string, string>; body_base64: string }
    expect(document).toMatchObject({ method: 'DELETE', url: 'https://api.example/a', body_base64: '' })
    expect(document.headers.Nonce).toMatch(/^[\w-]{22}$/)
  })

  it('signs the bytes of a file, whatever they are', async () => {
    const file = join(files.scratch, 'body.bin')
    const bytes = Buffer.from([0, 255, 10, 13, 0x80])
    writeFileSync(file, bytes)
    const args = ['--data-binary', `@${file}`, '--header', 'Content-Type: application/octet-stream', '--json']
    const { stdout } = await runInProcess('sign', 'https://api.example/a', ...args)
    const document = JSON.parse(stdout) as { headers: Record<string, string>; body_base64: string }
    expect(document.body_base64).toBe(bytes.toString('base64'))
    const digest = createHash('sha256').update(bytes).digest('base64')
    expect(document.headers['Content-Digest']).toBe(`sha-256=:${digest}:`)
  })

  it('takes a body as curl does, as form data unless a header says otherwise', async () => {
    const { stdout } = await runInProcess('sign', 'https://api.example/a', '-d', 'a=1', '-d', 'b=2', '--json')
    const { method, headers, body_base64 } = JSON.parse(stdout) as Record<string, string> & {
      headers: Record<string, string>
    }
    expect({
      method,
      type: headers['Content-Type'],
      body: Buffer.from(body_base64 ?? '', 'base64').toString(),
    }).toEqual({
      method: 'POST',
      type: 'application/x-www-form-urlencoded',
      body: 'a=1&b=2',
    })
  })

  it('reports that a token is bound to another key', async () => {
    const other = await createSigner(await generatePrivateJwk())
    const claims = { iss: 'https://agent.example', sub: 'x', cnf: { jwk: other.jwk }, exp: 2_000_000_000 }
    const token = await issueToken(january.tokens.agent, claims, { signer: other })
    const { status, stderr } = await runInProcess(
      'sign',
      'https://api.example/',
      '--key',
      files.keyFile,
      '--token',
      token,
    )
    expect(status).toBe(0)
    expect(stderr).toContain(other.thumbprint)
  })

  it.each([
    ['no URL', [], 'Missing required argument'],
    ['an invalid URL', ['/data'], 'absolute'],
    ['another URL scheme', ['ftp://api.example/'], 'http or https'],
    ['a password in the URL', ['https://a:b@api.example/'], 'username or password'],
    ['a GET with a body', ['https://api.example/', '-X', 'GET', '-d', 'x'], 'cannot have a body'],
    ['a forbidden method', ['https://api.example/', '-X', 'TRACE'], 'unsupported.'],
    ['a header that is computed', ['https://api.example/', '--header', 'Host: x'], 'cannot set Host'],
    ['an invalid header', ['https://api.example/', '--header', 'x'], 'Name: value'],
    ['a scheme without its key', ['https://api.example/', '--scheme', 'jwks'], 'requires --key'],
    [
      'a flag of another scheme',
      ['https://api.example/', '--scheme', 'hwk', '--token', 'x'],
      '--token applies to --scheme jwt',
    ],
    ['another scheme', ['https://api.example/', '--scheme', 'x509'], 'Allowed choices are hwk, jwks, jwt'],
    ['a key file without a key', ['https://api.example/', '--key', '/dev/null'], 'not JSON'],
  ])('exits with 2 for %s', async (_case, args, message) => {
    const { status, stdout, stderr } = await runInProcess('sign', ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/\.\.$/)
  })

  it('validates its flags before it generates a key', async () => {
    const { status, stderr } = await runInProcess('sign', 'https://api.example/', '--created', 'today')
    expect({ status, stderr: stderr.trim() }).toEqual({
      status: 2,
      stderr: '--created must be a time in Unix seconds, such as 1769900000.',
    })
  })

  it('rejects a public key instead of a private key', async () => {
    const { status, stderr } = await runInProcess('sign', 'https://api.example/', '--key', files.jwksFile)
    expect(status).toBe(2)
    expect(stderr).toContain('does not contain a private JWK')
  })
})
