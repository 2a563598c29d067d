import { describe, expect, it } from 'vitest'
import { createTextRenderer } from '../../src/message-trace/text-renderer.js'

type TraceEvent = Parameters<ReturnType<typeof createTextRenderer>>[0]

const rule = '='.repeat(80)
const exchange = { exchange: 1, from: 'agent', to: 'auth-server' } as const
const request = {
  method: 'POST',
  url: 'https://auth.example/agent/token?x=1',
  headers: [
    ['signature', 'sig1=:AAAA:'],
    ['content-type', 'text/plain'],
  ],
  body: 'hello',
} as const
const response = { status: 200, headers: [['content-type', 'application/json']], body: '{"expires_in":600}' } as const

function render(...events: TraceEvent[]): string {
  return renderAs(undefined, ...events)
}

type Form = Parameters<typeof createTextRenderer>[0]['form']

function renderAs(form: Form, ...events: TraceEvent[]): string {
  let text = ''
  const onEvent = createTextRenderer({
    ...(form && { form }),
    write: (part) => {
      text += part
    },
  })
  for (const event of events) onEvent(event)
  return text
}

describe('the frames of the capture', () => {
  it('shows a request as its sender wrote it', () => {
    expect(render({ kind: 'request-sent', ...exchange, request })).toBe(
      [
        rule,
        '>>> AGENT REQUEST to https://auth.example/agent/token?x=1',
        rule,
        'POST https://auth.example/agent/token?x=1 HTTP/1.1',
        'Content-Type: text/plain',
        'Signature: sig1=:AAAA:',
        '',
        '[Body (5 bytes)]',
        'hello',
        rule,
        '',
        '',
      ].join('\n'),
    )
  })

  it('shows a request as its receiver received it', () => {
    expect(render({ kind: 'request-received', ...exchange, request: { ...request, body: null } })).toBe(
      [
        rule,
        '>>> AUTH SERVER REQUEST received',
        rule,
        'POST /agent/token?x=1 HTTP/1.1',
        'content-type: text/plain',
        'signature: sig1=:AAAA:',
        rule,
        '',
        '',
      ].join('\n'),
    )
  })

  it('formats the JSON of an auth server’s response, and shows it unformatted on the agent’s side', () => {
    const sent = render({ kind: 'response-sent', ...exchange, request, response })
    expect(sent).toContain('HTTP/1.1 200 OK\nContent-Type: application/json\n\n[Body]\n{\n  "expires_in": 600\n}\n')
    const received = render({ kind: 'response-received', ...exchange, request, response })
    expect(received).toContain('content-type: application/json\n\n[Body (18 bytes)]\n{"expires_in":600}\n')
  })

  it('leaves the reason phrase out of a resource’s status line', () => {
    const text = render({ kind: 'response-sent', exchange: 1, from: 'agent', to: 'resource', request, response })
    expect(text).toContain('<<< RESOURCE RESPONSE')
    expect(text).toContain('\nHTTP/1.1 200\n')
  })

  it.each([
    [100, 'a'.repeat(100)],
    [101, `${'a'.repeat(97)}...`],
  ])('truncates a header value of %i characters only if it is longer than 100', (length, shown) => {
    const headers = [['x-long', 'a'.repeat(length)]] as const
    expect(render({ kind: 'request-received', ...exchange, request: { ...request, headers } })).toContain(
      `\nx-long: ${shown}\n`,
    )
  })

  it('decodes a token below the header that carried it', () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const token = `${part({ alg: 'EdDSA', typ: 'resource+jwt' })}.${part({ iss: 'https://api.example' })}.AAAA`
    const headers = [
      ['agent-auth', `httpsig; auth-token; resource_token="${token}"; auth_server="https://auth.example"`],
      ['zebra', '1'],
    ] as const
    const refused = { status: 401, headers, body: null }
    const text = render({ kind: 'response-received', ...exchange, request, response: refused })
    expect(text).toMatch(/\nagent-auth: httpsig; .{88}\.\.\.\n {2}\| RESOURCE TOKEN \(decoded\) in resource_token\n/)
    expect(text.indexOf('"iss": "https://api.example"')).toBeLessThan(text.indexOf('zebra: 1'))
    expect(text).toContain('\nRefused: the request needs an auth token, from https://auth.example\n')
  })

  it('decodes a token once per message, and refers to that place in the frame of the other side', () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const token = (iss: string) => `${part({ alg: 'EdDSA', typ: 'auth+jwt' })}.${part({ iss })}.AAAA`
    const sentWith = (iss: string, number = 1) => ({
      ...exchange,
      exchange: number,
      request: { ...request, headers: [['signature-key', `sig1=(scheme=jwt jwt="${token(iss)}")`]] as const },
    })
    const decoded = /AUTH TOKEN \(decoded\) in jwt/g
    const both = render(
      { kind: 'request-sent', ...sentWith('https://a.example') },
      { kind: 'request-received', ...sentWith('https://a.example') },
    )
    expect(both.match(decoded)).toHaveLength(1)
    expect(both).toContain('\n  | AUTH TOKEN in jwt: already decoded above, where it was sent\n')
    const changed = render(
      { kind: 'request-sent', ...sentWith('https://a.example') },
      { kind: 'request-received', ...sentWith('https://b.example') },
    )
    expect(changed.match(decoded)).toHaveLength(2)
    const again = render(
      { kind: 'request-sent', ...sentWith('https://a.example') },
      { kind: 'request-sent', ...sentWith('https://a.example', 2) },
    )
    expect(again.match(decoded)).toHaveLength(2)
    expect(render({ kind: 'request-received', ...sentWith('https://a.example') }).match(decoded)).toHaveLength(1)
  })

  it('shows the reason for an error response on one line', () => {
    const body = '{"error":"invalid_grant","error_description":"The code\\nis used."}'
    const text = render({ kind: 'response-sent', ...exchange, request, response: { status: 400, headers: [], body } })
    expect(text).toContain('\nRefused: invalid_grant; The code is used.\n')
  })

  it('shows discovery on one line when the response arrives', () => {
    const discovery = { exchange: 2, from: 'resource', to: 'agent' } as const
    const fetched = { ...request, method: 'GET', url: 'https://agent.example/jwks.json', body: null }
    const text = render(
      { kind: 'request-sent', ...discovery, request: fetched },
      { kind: 'request-received', ...discovery, request: fetched },
      { kind: 'response-sent', ...discovery, request: fetched, response },
      { kind: 'response-received', ...discovery, request: fetched, response },
    )
    expect(text).toBe('INFO: resource -> agent "GET /jwks.json HTTP/1.1" 200 OK\n')
  })

  it('shows terminal control sequences as text', () => {
    const text = render({ kind: 'request-sent', ...exchange, request: { ...request, body: 'a\u001b[2Jb\u202e' } })
    expect(text).toContain('a\\u001b[2Jb\\u202e')
  })

  it('asks a user to open the URL', () => {
    expect(render({ kind: 'consent-required', url: 'https://auth.example/agent/auth?x', code: 'K7QX' })).toContain(
      `${rule}\nCONSENT REQUIRED\n${rule}\n\nPlease open the following URL in your browser:\n\n  https://auth.example/agent/auth?x\n\nIf the page shows a code, it should be K7QX.\n`,
    )
  })
})

describe('the frames of an edition with its own form', () => {
  const form: Form = {
    serverName: 'person server',
    columns: 40,
    prettyBodies: true,
    shortenHeader: (value) => value,
    shortenLine: (line) => line.replaceAll(/long+/g, 'long'),
    describeHeader: (name, value, status) =>
      name === 'signature' ? `${value.length} characters, ${status}` : undefined,
    reasons: () => [],
    describePage: (html) => /code (\w+)/.exec(html)?.[0],
    afterConsent: ['Waiting.'],
  }
  const sent = { kind: 'request-sent', ...exchange, request } as const
  const received = { kind: 'response-received', ...exchange, request, response } as const

  it('describe a header in the first frame of its message, also if no one sees the sender’s side', () => {
    const seen = renderAs(form, sent, { kind: 'request-received', ...exchange, request })
    expect(seen.match(/ {2}\| 11 characters, undefined\n/g)).toHaveLength(1)
    const headers = [['signature', 'sig1=:AAAA:']] as const
    expect(renderAs(form, { ...received, response: { ...response, headers } })).toContain('  | 11 characters, 200\n')
  })

  it('name the server as the edition does, and show every body in several lines', () => {
    expect(renderAs(form, { ...received, kind: 'response-sent' })).toContain('<<< PERSON SERVER RESPONSE\n')
    expect(renderAs(form, received)).toContain('\n{\n  "expires_in": 600\n}\n')
  })

  it('break long lines where they can be read, and any others after the last column', () => {
    const text = (body: string) => renderAs(form, { ...sent, request: { ...request, headers: [], body } })
    expect(text(`longggggg ${'word '.repeat(10)}`)).toContain(
      '\nlong word word word word word word word\n    word word',
    )
    expect(text(`longggg${'a'.repeat(60)}`)).toContain(`\nlong${'a'.repeat(36)}\n    ${'a'.repeat(24)}\n`)
  })

  it('show what a browser’s page says', () => {
    const page = { status: 200, headers: [['content-type', 'text/html']] as const, body: '<p>code K7QX</p>' }
    const text = renderAs(form, { kind: 'response-sent', ...exchange, from: 'browser', request, response: page })
    expect(text).toMatch(/ 200\s+OK\ncode K7QX\n$/)
  })
})
