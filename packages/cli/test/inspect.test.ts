import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { pipeCommand } from './run-command.js'
import { pipeProgram, runInProcess } from './run-program.js'

describe('countersign inspect', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = `${part({ alg: 'EdDSA', kid: 'k', typ: 'auth+jwt' })}.${part({ iss: 'https://auth.example', exp: 1_700_000_000 })}.AAAA`
  const values: [kind: string, value: string, holds: string][] = [
    ['auth+jwt', token, 'https://auth.example'],
    ['Signature-Key', `sig1=(scheme=jwt jwt="${token}")`, 'https://auth.example'],
    [
      'Signature-Key',
      'sig1=(scheme=jwks id="https://agent.example" kid="key-1" well-known="aauth-agent")',
      'aauth-agent',
    ],
    ['Signature-Input', 'sig1=("@method" "@path");created=1700000000', '@path'],
    ['Signature', `sig1=:${Buffer.alloc(64, 1).toString('base64')}:`, '"bytes": 64'],
    ['Content-Digest', `sha-256=:${createHash('sha256').update('a').digest('base64')}:`, 'ca978112ca1bbdca'],
    ['Signature-Error', 'error=unknown_key', 'No usable key was found'],
    ['Signature-Error', 'error=invalid_input, required_input=("@query" "nonce")', '"@query",'],
    ['Signature-Error', 'error=unsupported_algorithm, supported_algorithms=("ed25519")', '"ed25519"'],
    ['Signature-Error', 'error=what_comes_later', 'what_comes_later'],
    [
      'Agent-Auth',
      `httpsig; auth-token; resource_token="${token}"; auth_server="https://auth.example"`,
      'authorization',
    ],
  ]

  it.each(values)('decodes %s: %s', async (kind, value, holds) => {
    const lines = kind.includes('+') ? [value] : [value, `${kind}: ${value}`, `${kind.toLowerCase()}:${value}\r\n`]
    for (const line of lines) {
      const shown = await runInProcess('inspect', line)
      expect(shown).toMatchObject({ status: 0, stderr: '' })
      expect(shown.stdout.startsWith(`${kind}\n`)).toBe(true)
      expect(shown.stdout).toContain(holds)
      const piped = await pipeProgram(line, 'inspect', '-', '--json')
      expect(JSON.parse(piped.stdout)).toMatchObject({ kind })
      for (const text of [shown.stdout, piped.stdout]) expect(text.toLowerCase()).not.toContain('verified')
    }
  })

  it.each([
    ['in JSON quotes', (value: string) => JSON.stringify(value)],
    ['in single quotes, with a comma', (value: string) => `'${value}',`],
    ['surrounded by spaces', (value: string) => `  ${value}\n`],
  ])('accepts a value %s', async (_claim, quote) => {
    for (const [kind, value] of values) {
      const shown = await pipeProgram(quote(value), 'inspect', '-')
      expect(shown.stdout.startsWith(`${kind}\n`)).toBe(true)
    }
  })

  it.each(['Bearer ', 'bearer  ', 'Authorization: Bearer ', 'Authorization: '])(
    'decodes a token after %j, and reports where tokens are sent',
    async (before) => {
      const { status, stdout } = await runInProcess('inspect', `${before}${token}`)
      expect(status).toBe(0)
      expect(stdout).toMatch(/^auth\+jwt\n/)
      expect(stdout).toContain('https://auth.example')
      expect(stdout).toContain('send the token in Signature-Key')
    },
  )

  it('reports that the token after Bearer is missing', async () => {
    const { status, stdout } = await runInProcess('inspect', 'Bearer opaque-token')
    expect(status).toBe(1)
    expect(stdout).toContain('It does not contain a JWT.')
  })

  it('shows a token inside a header, and when it expired', async () => {
    const { stdout } = await runInProcess('inspect', `sig1=(scheme=jwt jwt="${token}")`)
    expect(stdout).toMatch(/^ {2}auth\+jwt$/m)
    expect(stdout).toMatch(/^ {2}- exp: expired 2023-11-14T22:13:20Z, \d+ days ago\.$/m)
  })

  it.each([
    ['an unsigned token', `${part({ alg: 'none' })}.${part({})}.`, 'it is not signed'],
    ['a token with five parts', `${part({ alg: 'dir' })}.a.b.c.d`, 'it has 5 parts'],
    ['a token with non-canonical base64url', `${token.slice(0, -4)}AB`, 'canonical'],
    [
      'an error in another format',
      'Signature-Error: error=invalid_input, required_input=(@query)',
      'does not have the form error=…',
    ],
    ['a header in another format', 'Signature-Input: nonsense', 'does not start with label='],
    ['an unclosed list', 'Signature-Input: sig1=("@method"', 'is not label=(…): the component list is not closed'],
    ['a header key with its private part', 'sig1=(scheme=hwk kty="OKP" d="AAAA")', 'private'],
    ['an unsupported header', 'Cookie: a=b', 'It is neither a JWT nor'],
    ['anything else', 'hello', 'It is neither a JWT nor'],
  ])('rejects %s', async (_case, value, message) => {
    const { status, stdout } = await runInProcess('inspect', value)
    expect(status).toBe(1)
    expect(stdout).toContain(message)
    expect(stdout.toLowerCase()).not.toContain('verified')
    expect(JSON.parse((await runInProcess('inspect', '--json', value)).stdout)).toHaveProperty('note')
  })

  it('rejects hostile input quickly, and prints no terminal control characters', async () => {
    const started = performance.now()
    for (const input of [
      Buffer.alloc(1_000_000, 0x61),
      Buffer.from(Array.from({ length: 60_000 }, (_, index) => (index * 31) & 0xff)),
      'sig1=('.repeat(10_000),
      `sig1=(${'"a" '.repeat(15_000)}`,
      `sha-256=:${', '.repeat(30_000)}`,
      'eyJ.'.repeat(15_000),
      `${part({ alg: 'x', note: '\u001b[2J' })}.${part({ a: '\u202e' })}.AA`,
    ]) {
      const { status, stdout, stderr } = await pipeProgram(input, 'inspect', '-')
      expect({ status: status === 0 ? stdout.length < 2000 : status === 1, stderr }).toEqual({
        status: true,
        stderr: '',
      })
      expect(stdout).not.toMatch(/[^\n -\u202d\u202f-\uffff]/)
    }
    expect(performance.now() - started).toBeLessThan(60_000)
  })

  // C0, DEL, C1, bidi (including the Arabic letter mark and the isolates), zero-width spaces, separators, tags.
  const hostile = '\u001b[2J\u007f\u0085\u009b31m\u061c\u200b\u200e\u200f\u2028\u202a\u202e\u2066\u2069\ufeff\u{e0041}'
  const actedOn = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

  it.each([[[]], [['--json']]])('prints no terminal control characters, with flags %j', async (flags) => {
    const values = [
      `${part({ alg: 'EdDSA', typ: hostile, [hostile]: hostile })}.${part({ iss: hostile })}.AA`,
      `sig1=(scheme=jwks id="https://a.example" kid="${hostile}")`,
      `httpsig; auth-token; auth_server="${hostile}"`,
      `${hostile}: value`,
    ]
    for (const value of values) {
      const { stdout, stderr } = await pipeProgram(value, 'inspect', '-', ...flags)
      expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(actedOn)
      expect(stdout).not.toBe('')
    }
  })

  it.each<[string, string, object]>([
    [
      'Agent-Auth',
      `httpsig; auth-token; resource_token="${token}"; auth_server="https://auth.example"`,
      { level: 'authorization', resource_token: token, auth_server: 'https://auth.example' },
    ],
    [
      'Signature-Key',
      'sig1=(scheme=jwks id="https://a.example" kid="k" well-known="aauth-agent")',
      { 'well-known': 'aauth-agent' },
    ],
    ['Signature-Key', 'sig1=(scheme=jwks jwks="https://a.example/j" kid="k")', { jwks: 'https://a.example/j' }],
  ])('uses the header’s member names for %s', async (_kind, value, decoded) => {
    const { stdout } = await runInProcess('inspect', '--json', value)
    const printed = (JSON.parse(stdout) as { decoded: object }).decoded
    expect(printed).toMatchObject(decoded)
    expect(Object.keys(printed).filter((name) => /[A-Z]/.test(name))).toEqual([])
  })

  it('prints JSON that preserves the content of the value', async () => {
    const value = `${part({ alg: 'EdDSA', typ: 'a', note: hostile })}.${part({ iss: `\\${hostile}` })}.AA`
    const { stdout } = await pipeProgram(value, 'inspect', '-', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      decoded: { header: { note: hostile }, payload: { iss: `\\${hostile}` } },
    })
  })

  it('reads one value at a time', async () => {
    const { status, stdout } = await pipeCommand('GET /data HTTP/1.1\r\nSignature: sig1=:AAAA:\r\n', 'inspect', '-')
    expect(status).toBe(1)
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
      'Refused: It has several lines, but only one value can be inspected at a time.',
    )
    expect((await pipeCommand('Signature: sig1=:AAAA:\r\n', 'inspect', '-')).status).toBe(0)
  })

  it('exits with 2 without a value', async () => {
    expect((await runInProcess('inspect')).status).toBe(2)
    for (const { status, stdout, stderr } of [
      await runInProcess('inspect', ' '),
      await pipeCommand('\n', 'inspect', '-'),
    ]) {
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toContain('There is nothing to inspect')
    }
  })
})
