import { constants, createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import vectors from '../../countersign/vectors/rfc9421-appendix-b.json' with { type: 'json' }
import { pipeProgram } from './run-program.js'
import { createToolFiles, type ToolFiles } from './tool-files.js'
import { type Report, verifyJson } from './verify-json.js'

let files: ToolFiles
beforeAll(async () => {
  files = await createToolFiles()
})
afterAll(() => rmSync(files.scratch, { recursive: true, force: true }))

describe('countersign verify', () => {
  it.each([
    ['', []],
    ['\r\n\n', []],
    ['', ['--json']],
  ])('reports which flag to pass if %j is given, with %j', async (input, flags) => {
    const { status, stdout, stderr } = await pipeProgram(input, 'verify', ...flags)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('countersign verify < request.http')
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })
})

describe('countersign verify rejects', () => {
  const cases: [name: string, change: (text: string) => string, step: string, code: string][] = [
    ['another method', (text) => text.replace('POST', 'PUT'), 'signature', 'signature_mismatch'],
    ['another body', (text) => text.replace('{"a":1}', '{"a":2}'), 'digest', 'digest_mismatch'],
    [
      'an absolute URL as the target',
      (text) => text.replace(' /things', ' https://api.example/things'),
      'target',
      'target_ambiguous',
    ],
    ['two hosts', (text) => text.replace('Host:', 'Host: a.example\r\nHost:'), 'authority', 'header_duplicate'],
    ['no Signature', (text) => text.replace(/^Signature: .*\r\n/m, ''), 'headers', 'signature_missing'],
    ['no Signature-Key', (text) => text.replace(/^Signature-Key: .*\r\n/m, ''), 'headers', 'signature_missing'],
    [
      'a duplicate Signature-Input',
      (text) => text.replace(/^(Signature-Input: .*\r\n)/m, '$1$1'),
      'headers',
      'signature_malformed',
    ],
    ['two labels', (text) => text.replace('Signature: sig1', 'Signature: sig2'), 'headers', 'signature_label_mismatch'],
    [
      'a component with parameters',
      (text) => text.replace('"@method"', '"@method";req'),
      'headers',
      'component_unsupported',
    ],
    [
      'an old signature',
      (text) => text.replace(/created=\d+/, 'created=1700000000'),
      'time',
      'signature_created_outside_window',
    ],
    ['a short nonce', (text) => text.replace(/^Nonce: .*/m, 'Nonce: AAAA'), 'nonce', 'nonce_malformed'],
    ['an uncovered path', (text) => text.replace('"@path" ', ''), 'coverage', 'component_missing'],
    [
      'a covered field that is missing',
      (text) => text.replace('"@path"', '"@path" "x-none"'),
      'coverage',
      'component_missing',
    ],
    [
      'an unknown component',
      (text) => text.replace('"@path"', '"@path" "@status"'),
      'coverage',
      'component_unsupported',
    ],
    ['another key', (text) => text.replace('kid="key-1"', 'kid="key-2"'), 'key', 'key_unknown'],
    [
      'an algorithm that is not the key’s',
      (text) => text.replace(/(created=\d+)/, '$1;alg="rsa-pss-sha512"'),
      'algorithm',
      'algorithm_mismatch',
    ],
    ['no request line', (text) => text.replace(/^.*\r\n/, ''), 'request', 'request_malformed'],
    ['a folded header', (text) => text.replace('Nonce:', ' Nonce:'), 'request', 'request_malformed'],
    ['a body that is too short', (text) => text.replace('Length: 7', 'Length: 8'), 'request', 'request_malformed'],
    ['a body that is too long', (text) => text.replace('Length: 7', 'Length: 6'), 'request', 'request_malformed'],
    [
      'two lengths',
      (text) => text.replace('Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length'),
      'request',
      'request_malformed',
    ],
  ]

  it.each(cases)('%s', async (_name, change, step, code) => {
    const { status, report } = await verifyJson(change(files.post), '--jwks', files.jwksFile)
    expect({ status, verdict: report.verdict, step: report.failure?.step, code: report.failure?.code }).toEqual({
      status: 1,
      verdict: 'refused',
      step,
      code,
    })
    expect(report.signer).toBeNull()
    const failed = report.steps.findIndex(({ outcome }) => outcome === 'failed')
    expect(report.steps[failed]?.step).toBe(step)
    expect(report.steps.slice(0, failed).every(({ outcome }) => outcome === 'passed')).toBe(true)
    expect(report.steps.slice(failed + 1).every(({ outcome }) => outcome === 'not reached')).toBe(true)
  })

  it.each([
    ['the output of curl -v', (text: string) => text.replaceAll(/^/gm, '> '), 'that curl -v prints'],
    ['pseudo-headers', (text: string) => text.replace(/^.*/, ':method: GET\r\n:path: /data'), 'HTTP/2 pseudo-headers'],
    ['a response', (text: string) => text.replace(/^.*/, 'HTTP/1.1 200 OK'), 'It is a response'],
    ['a byte-order mark', (text: string) => `\ufeff${text}`, 'byte-order mark'],
    ['a folded header', (text: string) => text.replace('Host:', ' Host:'), 'A header uses line folding'],
    ['a header without a colon', (text: string) => text.replace('Host:', 'Host'), 'does not have the form Name: value'],
    ['a control character', (text: string) => text.replace('Host: ', 'Host: \u0007'), 'contains control characters'],
    [
      'two lengths',
      (text: string) => text.replace('Host:', 'Content-Length: 0\r\nContent-Length: 0\r\nHost:'),
      'a single number',
    ],
    ['an unknown method', (text: string) => text.replace('GET', 'FOO'), 'Its method is not supported'],
    ['a request to a proxy', (text: string) => text.replace(/^GET \S+/, 'CONNECT api.example:443'), 'for a proxy'],
    ['a target with non-ASCII characters', (text: string) => text.replace('/data', '/d\u00e9'), 'percent-encoded'],
    [
      'another version',
      (text: string) => text.replace('HTTP/1.1', 'HTTP/4'),
      'The first line is not an HTTP/1.1 request line',
    ],
  ])('%s, and reports what to do', async (_name, change, message) => {
    const { status, report } = await verifyJson(change(files.get), '--jwks', files.jwksFile)
    expect(status).toBe(1)
    expect(report.failure).toMatchObject({ step: 'request', code: 'request_malformed' })
    expect(report.failure?.message).toContain(message)
  })

  it('neither HTTP/2 requests written as lines, nor a Host with the default port', async () => {
    for (const version of ['HTTP/2', 'HTTP/2.0', 'HTTP/3']) {
      const { status, report } = await verifyJson(files.get.replace('HTTP/1.1', version), '--jwks', files.jwksFile)
      expect(status).toBe(0)
      expect(report.notes.join(' ')).toContain(`has version ${version}`)
    }
    const withPort = files.get.replace('Host: api.example', 'Host: api.example:443')
    expect((await verifyJson(withPort, '--jwks', files.jwksFile)).status).toBe(0)
    expect((await verifyJson(withPort, '--jwks', files.jwksFile, '--authority', 'api.example')).status).toBe(0)
  })

  it.each([['10.0.0.5:8080'], ['[fd00::1]:8443'], ['192.0.2.1'], ['intranet']])(
    'no authority just because it is not a public name: %s',
    async (authority) => {
      const { status, report } = await verifyJson(files.get, '--jwks', files.jwksFile, '--authority', authority)
      expect(status).toBe(1)
      expect(report.base).toContain(`"@authority": ${authority}\n`)
    },
  )

  it('a request without Host, unless the authority is given', async () => {
    const text = files.get.replace(/^Host: .*\r\n/m, '')
    expect((await verifyJson(text, '--jwks', files.jwksFile)).report.failure).toMatchObject({
      code: 'request_malformed',
    })
    expect((await verifyJson(text, '--jwks', files.jwksFile, '--authority', 'api.example')).status).toBe(0)
    expect((await verifyJson(text, '--jwks', files.jwksFile, '--resource', 'https://api.example')).status).toBe(0)
    expect((await verifyJson(files.get, '--jwks', files.jwksFile, '--authority', 'other.example')).status).toBe(1)
  })

  it.each([
    ['its parameters line', (base: string) => base.slice(0, base.lastIndexOf('\n')), 'without the last line'],
    [
      'its parameters line, but ends with a line feed',
      (base: string) => base.slice(0, base.lastIndexOf('\n') + 1),
      'without the last line',
    ],
    ['nothing, but ends with a line feed', (base: string) => `${base}\n`, 'a trailing line feed'],
    ['nothing that is a known mistake', (base: string) => `${base} `, 'Compare the signature base below'],
  ])('a signature over a base that lacks %s, with a hint', async (_, change, hint) => {
    const { report } = await verifyJson(files.get, '--jwks', files.jwksFile)
    const key = createPrivateKey({ key: JSON.parse(readFileSync(files.keyFile, 'utf8')) as JsonWebKey, format: 'jwk' })
    const signature = sign(null, Buffer.from(change(report.base ?? '')), key).toString('base64')
    const other = files.get.replace(/^Signature: .*/m, `Signature: sig1=:${signature}:`)
    const refused = await verifyJson(other, '--jwks', files.jwksFile)
    expect({ status: refused.status, code: refused.report.failure?.code }).toEqual({
      status: 1,
      code: 'signature_mismatch',
    })
    expect(refused.report.failure?.hint).toContain(hint)
  })

  const privateKeys = {
    ed25519: generateKeyPairSync('ed25519'),
    'ecdsa-p256-sha256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    'rsa-pss-sha512': generateKeyPairSync('rsa', { modulusLength: 2048 }),
  }
  const { RSA_PKCS1_PSS_PADDING: padding } = constants
  const withSalt = (hash: string, saltLength: number) => (base: Buffer, key: KeyObject) =>
    sign(hash, base, { key, padding, saltLength })

  it.each<[string, keyof typeof privateKeys, (base: Buffer, key: KeyObject) => Uint8Array, string]>([
    ['62 bytes by Ed25519', 'ed25519', (base, key) => sign(null, base, key).subarray(2), 'is 62 bytes long'],
    [
      'one extra byte by Ed25519',
      'ed25519',
      (base, key) => Buffer.concat([sign(null, base, key), Buffer.alloc(1)]),
      'is 65 bytes long',
    ],
    [
      'hexadecimal by Ed25519',
      'ed25519',
      (base, key) => Buffer.from(sign(null, base, key).toString('hex')),
      'is 128 bytes long',
    ],
    ['ECDSA in DER', 'ecdsa-p256-sha256', (base, key) => sign('sha256', base, key), 'is in DER'],
    [
      'ECDSA over SHA-512',
      'ecdsa-p256-sha256',
      (base, key) => sign('sha512', base, { key, dsaEncoding: 'ieee-p1363' }),
      'signed with SHA-512',
    ],
    [
      '63 bytes by ECDSA',
      'ecdsa-p256-sha256',
      () => Buffer.alloc(63),
      'is 63 bytes long, but signatures by this key (ecdsa-p256-sha256) must have 64',
    ],
    [
      'RSA-PSS with a salt of 32 bytes',
      'rsa-pss-sha512',
      withSalt('sha512', 32),
      'the wrong salt length: the salt must be 64',
    ],
    ['RSA-PSS without a salt', 'rsa-pss-sha512', withSalt('sha512', 0), 'the wrong salt length'],
    ['RSA-PSS with the longest salt', 'rsa-pss-sha512', withSalt('sha512', 190), 'the wrong salt length'],
    ['RSA-PSS over SHA-256', 'rsa-pss-sha512', withSalt('sha256', 32), 'RSA-PSS over sha256'],
    ['RSA PKCS 1 v1.5', 'rsa-pss-sha512', (base, key) => sign('sha512', base, key), 'RSASSA-PKCS1-v1_5 over sha512'],
    [
      '255 bytes by RSA',
      'rsa-pss-sha512',
      () => Buffer.alloc(255, 1),
      'is 255 bytes long, but signatures by this key (rsa-pss-sha512) must have 256',
    ],
    ['64 unrelated bytes by Ed25519', 'ed25519', () => Buffer.alloc(64, 1), 'Compare the signature base below'],
    ['256 unrelated bytes by RSA', 'rsa-pss-sha512', () => Buffer.alloc(256, 1), 'Compare the signature base below'],
  ])('a signature of %s, with a hint', async (_, algorithm, make, hint) => {
    const { privateKey, publicKey } = privateKeys[algorithm]
    const keyFile = join(files.scratch, `${algorithm}.json`)
    writeFileSync(keyFile, JSON.stringify(publicKey.export({ format: 'jwk' })))
    const { report } = await verifyJson(files.get, '--key', keyFile)
    const signature = Buffer.from(make(Buffer.from(report.base ?? ''), privateKey)).toString('base64')
    const refused = await verifyJson(
      files.get.replace(/^Signature: .*/m, `Signature: sig1=:${signature}:`),
      '--key',
      keyFile,
    )
    expect({ status: refused.status, code: refused.report.failure?.code }).toEqual({
      status: 1,
      code: 'signature_mismatch',
    })
    expect(refused.report.failure?.hint).toContain(hint)
  })

  it('a key file with a duplicate kid, or with an example key from a standard, as servers do', async () => {
    const jwks = JSON.parse(readFileSync(files.jwksFile, 'utf8')) as { keys: object[] }
    const twice = join(files.scratch, 'twice.json')
    writeFileSync(twice, JSON.stringify({ keys: [...jwks.keys, ...jwks.keys] }))
    expect((await verifyJson(files.get, '--jwks', twice)).report.failure).toMatchObject({
      step: 'key',
      code: 'key_invalid',
      message: expect.stringContaining('give each key its own kid'),
    })
    const example = join(files.scratch, 'example.json')
    writeFileSync(example, JSON.stringify({ keys: [{ ...vectors.keys['test-key-ed25519'], kid: 'key-1' }] }))
    expect((await verifyJson(files.get, '--jwks', example)).report.failure).toMatchObject({
      step: 'key',
      code: 'key_invalid',
      message: expect.stringContaining('it is an example in RFC 9421'),
    })
  })

  it('a signature for the requested host if the server has another name', async () => {
    const { report } = await verifyJson(files.get, '--jwks', files.jwksFile, '--authority', 'other.example')
    expect(report.failure?.hint).toContain('for the authority in its Host header')
  })

  it('an old signature, and reports when it would have been valid', async () => {
    const { report } = await verifyJson(files.get, '--jwks', files.jwksFile, '--at', '1800000000')
    const [, created = ''] = /created=(\d+)/.exec(files.get) ?? []
    expect(report.failure?.hint).toContain(`--at ${created}`)
    expect((await verifyJson(files.get, '--jwks', files.jwksFile, '--at', created)).status).toBe(0)
  })

  it('a body of 1 MB with a wrong digest, binary input, and larger input, quickly', async () => {
    const head = files.post.split('\r\n\r\n')[0]?.replace('Content-Length: 7', 'Content-Length: 1000000') ?? ''
    const large = Buffer.concat([Buffer.from(`${head}\r\n\r\n`), Buffer.alloc(1_000_000, 0x61)])
    const binary = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7919) & 0xff))
    const started = performance.now()
    for (const [input, code] of [
      [large, 'digest_mismatch'],
      [Buffer.concat([large, large, large]), 'body_too_large'],
      [`${files.post.slice(0, -11)}\r\nX: ${'x'.repeat(1_000_000)}\r\n\r\n`, 'headers_too_large'],
      [binary, 'request_malformed'],
      [Buffer.alloc(1_000_000), 'request_malformed'],
      [`GET /data HTTP/1.1\r\n${'X: y\r\n'.repeat(100_000)}`, 'headers_too_large'],
      ['\n'.repeat(1_000_000), 'request_malformed'],
    ] as const) {
      const { status, stdout, stderr } = await pipeProgram(input, 'verify', '--json', '--jwks', files.jwksFile)
      expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
      expect((JSON.parse(stdout) as Report).failure?.code).toBe(code)
    }
    expect(performance.now() - started).toBeLessThan(60_000)
  })

  it('hostile input without printing terminal control characters', async () => {
    const text = files.get.replace('GET /data', 'GET /\u001b[2J').replace('agent.example', 'agent\u0007.example')
    const { stdout, stderr } = await pipeProgram(text, 'verify', '--jwks', files.jwksFile)
    expect(stdout + stderr).not.toMatch(/[^\n -\uffff]/)
  })

  it('nothing if the key cannot be fetched: the status is 3', async () => {
    const text = files.get.replace('https://agent.example', 'http://127.0.0.1:1')
    expect(await verifyJson(text, '--allow-insecure-loopback')).toMatchObject({
      status: 3,
      report: { verdict: 'undecided', failure: { step: 'key', code: 'key_unknown' } },
    })
    const refused = await verifyJson(text)
    expect(refused).toMatchObject({ status: 1, report: { verdict: 'refused' } })
    expect(refused.report.failure?.hint).toContain('--allow-insecure-loopback')
  })

  it.each([
    ['a missing file', ['--jwks', '/no/such/file'], '--jwks: /no/such/file cannot be read (ENOENT)'],
    ['two sources of keys', ['--jwks', 'a', '--key', 'b'], 'cannot be used with'],
    ['an invalid time', ['--at', 'yesterday'], '--at must be a time in Unix seconds'],
    ['an authority that is a URL', ['--authority', 'https://api.example'], '--authority must be a host'],
    [
      'a resource with a trailing slash',
      ['--resource', 'https://api.example/'],
      '--resource is not a valid identifier: remove the trailing slash (https://api.example).',
    ],
    [
      'a resource on loopback with a trailing slash',
      ['--resource', 'http://127.0.0.1:8002/'],
      '--resource is not a valid identifier: remove the trailing slash (http://127.0.0.1:8002).',
    ],
    [
      'an auth server in upper case',
      ['--auth-server', 'HTTPS://Auth.example'],
      'write it in lower case (https://auth.example)',
    ],
    ['or default port', ['--resource', 'https://api.example:443'], 'remove the default port (https://api.example)'],
    ['no scheme', ['--resource', 'api.example'], 'add https:// in front (https://api.example)'],
    ['http', ['--resource', 'http://api.example'], 'use https instead of http (https://api.example)'],
    [
      'a query',
      ['--resource', 'https://api.example/?a=1'],
      'the question mark or hash sign and everything after it (https://api.example)',
    ],
    [
      'an IP address',
      ['--resource', 'https://10.0.0.1'],
      'https://10.0.0.1 cannot be used because its host is an IP address. Use a host name, such as https://api.example, or on this machine http://127.0.0.1:8080.',
    ],
    [
      'an IPv6 address',
      ['--resource', 'https://[2001:db8::1]'],
      'cannot be used because its host is an IP address. Use a host name',
    ],
    [
      'a host without a dot',
      ['--resource', 'https://intranet'],
      'its host has no dot: use https:// and a full lowercase host name',
    ],
    ['a username', ['--resource', 'https://me@api.example'], 'such as api.example, without username'],
    [
      'loopback without the flag that allows it',
      ['--resource', 'http://127.0.0.1:8002'],
      'requires --allow-insecure-loopback',
    ],
    ['an argument', ['request.http'], 'Too many arguments'],
  ])('a command line with %s, with status 2', async (_case, args, message) => {
    const { status, stdout, stderr } = await pipeProgram(files.get, 'verify', ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
  })
})
