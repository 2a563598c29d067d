import { createPrivateKey, type JsonWebKey, sign } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pipeCommand } from './run-command.js'
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
  ])('says what to give where %j is given, with %j', async (input, flags) => {
    const { status, stdout, stderr } = await pipeProgram(input, 'verify', ...flags)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('countersign verify < request.http')
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })
})

describe('countersign verify refuses', () => {
  const cases: [name: string, change: (text: string) => string, step: string, code: string][] = [
    ['another method', (text) => text.replace('POST', 'PUT'), 'signature', 'signature_mismatch'],
    ['another body', (text) => text.replace('{"a":1}', '{"a":2}'), 'digest', 'digest_mismatch'],
    [
      'the whole URL as its target',
      (text) => text.replace(' /things', ' https://api.example/things'),
      'target',
      'target_ambiguous',
    ],
    ['two hosts', (text) => text.replace('Host:', 'Host: a.example\r\nHost:'), 'authority', 'header_duplicate'],
    ['no Signature', (text) => text.replace(/^Signature: .*\r\n/m, ''), 'headers', 'signature_missing'],
    ['no Signature-Key', (text) => text.replace(/^Signature-Key: .*\r\n/m, ''), 'headers', 'signature_missing'],
    [
      'Signature-Input twice',
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
      'a covered field that is not there',
      (text) => text.replace('"@path"', '"@path" "x-none"'),
      'coverage',
      'component_missing',
    ],
    [
      'a component that nobody knows',
      (text) => text.replace('"@path"', '"@path" "@status"'),
      'coverage',
      'component_unsupported',
    ],
    ['another key', (text) => text.replace('kid="key-1"', 'kid="key-2"'), 'key', 'key_unknown'],
    [
      'another algorithm',
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
    ['what curl -v prints', (text: string) => text.replaceAll(/^/gm, '> '), 'as curl -v prints them'],
    [
      'pseudo-headers',
      (text: string) => text.replace(/^.*/, ':method: GET\r\n:path: /data'),
      'pseudo-headers of HTTP/2',
    ],
    ['a response', (text: string) => text.replace(/^.*/, 'HTTP/1.1 200 OK'), 'It is a response'],
    ['a byte-order mark', (text: string) => `\ufeff${text}`, 'byte-order mark'],
    ['another version', (text: string) => text.replace('HTTP/1.1', 'HTTP/4'), 'The first line is not one of HTTP/1.1'],
  ])('%s, and says what to do', async (_name, change, message) => {
    const { status, report } = await verifyJson(change(files.get), '--jwks', files.jwksFile)
    expect(status).toBe(1)
    expect(report.failure).toMatchObject({ step: 'request', code: 'request_malformed' })
    expect(report.failure?.message).toContain(message)
  })

  it('no request of HTTP/2 that is written in lines, nor one whose Host has the default port', async () => {
    for (const version of ['HTTP/2', 'HTTP/2.0', 'HTTP/3']) {
      const { status, report } = await verifyJson(files.get.replace('HTTP/1.1', version), '--jwks', files.jwksFile)
      expect(status).toBe(0)
      expect(report.notes.join(' ')).toContain(`It says ${version}`)
    }
    const withPort = files.get.replace('Host: api.example', 'Host: api.example:443')
    expect((await verifyJson(withPort, '--jwks', files.jwksFile)).status).toBe(0)
    expect((await verifyJson(withPort, '--jwks', files.jwksFile, '--authority', 'api.example')).status).toBe(0)
  })

  it.each([['10.0.0.5:8080'], ['[fd00::1]:8443'], ['192.0.2.1'], ['intranet']])(
    'nothing for an authority that is no public name: %s',
    async (authority) => {
      const { status, report } = await verifyJson(files.get, '--jwks', files.jwksFile, '--authority', authority)
      expect(status).toBe(1)
      expect(report.base).toContain(`"@authority": ${authority}\n`)
    },
  )

  it('a request without Host, but not where the authority is given', async () => {
    const text = files.get.replace(/^Host: .*\r\n/m, '')
    expect((await verifyJson(text, '--jwks', files.jwksFile)).report.failure).toMatchObject({
      code: 'request_malformed',
    })
    expect((await verifyJson(text, '--jwks', files.jwksFile, '--authority', 'api.example')).status).toBe(0)
    expect((await verifyJson(text, '--jwks', files.jwksFile, '--resource', 'https://api.example')).status).toBe(0)
    expect((await verifyJson(files.get, '--jwks', files.jwksFile, '--authority', 'other.example')).status).toBe(1)
  })

  it.each([
    ['the line of its parameters', (base: string) => base.slice(0, base.lastIndexOf('\n')), 'without the last line'],
    ['the same, and a line feed', (base: string) => base.slice(0, base.lastIndexOf('\n') + 1), 'without the last line'],
    ['nothing, but with a line feed after it', (base: string) => `${base}\n`, 'a line feed at its end'],
    ['none of what is known', (base: string) => `${base} `, 'Compare the base below'],
  ])('a signature over a base that lacks %s, and says so', async (_, change, hint) => {
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

  it('a signature for the host that was asked, where the server has another name', async () => {
    const { report } = await verifyJson(files.get, '--jwks', files.jwksFile, '--authority', 'other.example')
    expect(report.failure?.hint).toContain('for another authority')
  })

  it('says when a signature would have been good', async () => {
    const { report } = await verifyJson(files.get, '--jwks', files.jwksFile, '--now', '1800000000')
    const [, created = ''] = /created=(\d+)/.exec(files.get) ?? []
    expect(report.failure?.hint).toContain(`--now ${created}`)
    expect((await verifyJson(files.get, '--jwks', files.jwksFile, '--now', created)).status).toBe(0)
  })

  it('a body of 1 MB whose digest is wrong, binary input, and what is larger, quickly', async () => {
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
      const { status, stdout, stderr } = await pipeCommand(input, 'verify', '--json', '--jwks', files.jwksFile)
      expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
      expect((JSON.parse(stdout) as Report).failure?.code).toBe(code)
    }
    expect(performance.now() - started).toBeLessThan(15_000)
  })

  it('shows nothing that a terminal would act on', async () => {
    const text = files.get.replace('GET /data', 'GET /\u001b[2J').replace('agent.example', 'agent\u0007.example')
    const { stdout, stderr } = await pipeProgram(text, 'verify', '--jwks', files.jwksFile)
    expect(stdout + stderr).not.toMatch(/[^\n -\uffff]/)
  })

  it('nothing, where the key cannot be fetched: that is status 3', async () => {
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
    ['a file that is not there', ['--jwks', '/no/such/file'], '--jwks: /no/such/file cannot be read (ENOENT)'],
    ['two sources of keys', ['--jwks', 'a', '--key', 'b'], 'cannot be used with'],
    ['a time that is none', ['--now', 'yesterday'], '--now takes Unix seconds'],
    ['an authority that is a URL', ['--authority', 'https://api.example'], '--authority takes a host'],
    ['a resource that is no identifier', ['--resource', 'https://api.example/'], '--resource is no identifier'],
    ['loopback that is not allowed', ['--resource', 'http://127.0.0.1:8002'], 'needs --allow-insecure-loopback'],
    ['an argument', ['request.http'], 'too many arguments'],
  ])('a command line with %s, by status 2', async (_case, args, message) => {
    const { status, stdout, stderr } = await pipeProgram(files.get, 'verify', ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
  })
})
