import { execFile } from 'node:child_process'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import type { EmailMessage, EmailSettings, SentEmail } from 'countersign-server'
import { smtpSender } from 'countersign-server/email'
import { describe, expect, it } from 'vitest'
import { need } from '../../../../../test/needs.js'
import { type Issued, issueCertificate, keyKinds } from '../../../../countersign/test/x509/certificates.js'
import { createSmtpSender } from '../../../src/outbound/smtp/smtp-sender.js'
import { configurationFolder } from '../../config/configuration-folder.js'
import { openMailServer, openRawServer } from './mail-server.js'

const message: EmailMessage = {
  id: '01a22d9e-4ce5-7000-9ee3-6657c37e9900',
  fromName: 'Home Accounts',
  to: 'alice@home.example',
  subject: 'كلمة مرورك الجديدة',
  text: 'Open this link: https://auth.example/account/link?token=x\n\nمرحبا',
  html: '<!doctype html><p>مرحبا</p>',
}

const settings = { from: 'accounts@auth.example', host: '127.0.0.1', security: 'none' } as const
const never = new AbortController().signal
/** For servers that do not respond. */
const brief = { connection: 30, response: 3, attempt: 6 }

const sendTo = (port: number, changes: Partial<EmailSettings> = {}, signal = never) =>
  smtpSender({ ...settings, port, ...changes })(message, signal)

const sendBriefly = (port: number) => createSmtpSender({ ...settings, port }, brief)(message, never)

/** A server that greets, accepts the envelope and the message's beginning, and then calls `atData` or `atEnd`. */
function accepting({ atData, atEnd }: { atData?: (socket: Socket) => void; atEnd?: (socket: Socket) => void }) {
  return (socket: Socket) => {
    let data: string | undefined
    socket.write('220 mail.example\r\n')
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      if (data !== undefined) {
        data += text
        if (data.endsWith('\r\n.\r\n')) atEnd?.(socket)
        return
      }
      if (!text.startsWith('DATA')) return void socket.write('250 ok\r\n')
      data = ''
      if (atData) atData(socket)
      else socket.write('354 go on\r\n')
    })
  }
}

describe('an email over SMTP', () => {
  it('arrives with its sender, recipient and subject, as text and as HTML', async () => {
    const { port, received } = await openMailServer()
    expect(await smtpSender({ ...settings, port })(message, never)).toEqual({ outcome: 'sent' })
    const [mail, ...others] = received
    expect(others).toEqual([])
    expect(mail).toMatchObject({ from: 'accounts@auth.example', to: ['alice@home.example'] })
    expect(mail?.headers.get('from')).toBe('Home Accounts <accounts@auth.example>')
    expect(mail?.headers.get('message-id')).toBe(`<${message.id}@auth.example>`)
    expect(mail?.headers.get('auto-submitted')).toBe('auto-generated')
    const [, subject = ''] = /^=\?UTF-8\?B\?(.+?)\?=/i.exec(mail?.headers.get('subject') ?? '') ?? []
    expect(message.subject.startsWith(Buffer.from(subject, 'base64').toString())).toBe(true)
    expect(mail?.parts.get('text/plain')?.replaceAll('\r\n', '\n').trim()).toBe(message.text)
    expect(mail?.parts.get('text/html')?.trim()).toBe(message.html)
  })

  it('has no header that a subject or a name injects', async () => {
    const { port, received } = await openMailServer()
    const injected = 'x\r\nBcc: eve@evil.example\r\n\r\nbody'
    await smtpSender({ ...settings, port })({ ...message, subject: injected, fromName: injected }, never)
    expect(received[0]?.to).toEqual(['alice@home.example'])
    expect(received[0]?.headers.has('bcc')).toBe(false)
  })

  it('is sent once the username and password were accepted, and not otherwise', async () => {
    const { port, received } = await openMailServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, done) =>
        username === 'auth' && password === 'right' ? done(null, { user: 'auth' }) : done(new Error('no')),
    })
    expect(await sendTo(port, { user: 'auth', password: 'right' })).toEqual({ outcome: 'sent' })
    const refused = await sendTo(port, { user: 'auth', password: 'wrong' })
    // An operator may correct the password before the next attempt.
    expect(refused).toMatchObject({ outcome: 'retry', reason: expect.stringContaining('EAUTH') })
    expect(JSON.stringify(refused)).not.toContain('wrong')
    expect(received).toHaveLength(1)
  })

  it('never reaches a server that does not offer TLS, or whose certificate is invalid, and neither does the password', async () => {
    const logins: unknown[] = []
    const onAuth = (auth: unknown, _session: unknown, done: (error: Error) => void) => {
      logins.push(auth)
      done(new Error('no'))
    }
    const plain = await openMailServer({ disabledCommands: ['STARTTLS'], allowInsecureAuth: true, onAuth })
    const forged = await openMailServer({ disabledCommands: [], onAuth })
    const implicit = await openMailServer({ disabledCommands: [], secure: true, onAuth })
    const login = { user: 'auth', password: 'right' }
    for (const [port, security] of [
      [plain.port, 'starttls'],
      [forged.port, 'starttls'],
      [implicit.port, 'tls'],
    ] as const)
      expect(await sendTo(port, { ...login, security }), security).toMatchObject({ outcome: 'retry' })
    expect(logins).toEqual([])
    expect([plain, forged, implicit].flatMap(({ received }) => received)).toEqual([])
  })
})

describe.skipIf(!need('openssl'))('an email over TLS', () => {
  const keys = keyKinds['ecdsa-p256-sha256']
  const issuer = issueCertificate({ name: 'Test CA', keys, extensions: ['basicConstraints=critical,CA:true'] })
  const stranger = issueCertificate({ name: 'Other CA', keys, extensions: ['basicConstraints=critical,CA:true'] })
  const issuedBy = (by: Issued, name: string) =>
    issueCertificate({ name: 'mail', issuer: by, keys, extensions: [`subjectAltName=${name}`] })

  /** Opens a mail server with a certificate that requires a sign-in over TLS. */
  async function openWith({ pem, privateKey }: Issued, security: 'starttls' | 'tls') {
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
    const passwords: unknown[] = []
    const server = await openMailServer({
      disabledCommands: [],
      secure: security === 'tls',
      key,
      cert: pem,
      onAuth({ password }, _session, done) {
        passwords.push(password)
        done(null, { user: 'auth' })
      },
    })
    return { ...server, passwords }
  }

  /** Sends from a process that trusts the test's certificate authority, as the documentation says. */
  async function sendTrusting(ports: readonly number[], security: 'starttls' | 'tls'): Promise<SentEmail[]> {
    const file = configurationFolder().write('ca.pem', issuer.pem)
    const login = { ...settings, security, user: 'auth', password: 'right' }
    const program = `import { smtpSender } from 'countersign-server/email'
      const message = ${JSON.stringify(message)}
      const sent = ${JSON.stringify(ports)}.map((port) =>
        smtpSender({ ...${JSON.stringify(login)}, port })(message, new AbortController().signal))
      console.log(JSON.stringify(await Promise.all(sent)))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: import.meta.dirname,
      env: { ...process.env, NODE_EXTRA_CA_CERTS: file },
    })
    return JSON.parse(stdout)
  }

  it.each(['starttls', 'tls'] as const)(
    'arrives with %s if a trusted authority issued the certificate for the host, and nothing is sent otherwise',
    async (security) => {
      const right = await openWith(issuedBy(issuer, 'IP:127.0.0.1'), security)
      const otherIssuer = await openWith(issuedBy(stranger, 'IP:127.0.0.1'), security)
      const otherHost = await openWith(issuedBy(issuer, 'DNS:mail.example'), security)
      const servers = [right, otherIssuer, otherHost]
      const sent = await sendTrusting(
        servers.map(({ port }) => port),
        security,
      )
      expect(sent).toMatchObject([{ outcome: 'sent' }, { outcome: 'retry' }, { outcome: 'retry' }])
      expect(servers.map(({ received }) => received.length)).toEqual([1, 0, 0])
      expect(servers.map(({ passwords }) => passwords)).toEqual([['right'], [], []])
      expect(right.received[0]?.parts.get('text/html')?.trim()).toBe(message.html)
    },
  )
})

describe('the outcome of an attempt', () => {
  it.each([
    [550, 'refused'],
    [451, 'retry'],
  ] as const)('is %s → %s if the server refuses the recipient', async (responseCode, outcome) => {
    const { port } = await openMailServer({
      onRcptTo: (_address, _session, done) => done(Object.assign(new Error('alice@home.example?'), { responseCode })),
    })
    const sent = await sendTo(port)
    expect(sent).toMatchObject({ outcome, reason: expect.stringContaining(String(responseCode)) })
    // The server's text may contain the address.
    expect(sent.reason).not.toContain('alice')
  })

  it.each([
    [554, 'refused'],
    [452, 'retry'],
  ] as const)('is %s → %s if the server refuses the whole message', async (responseCode, outcome) => {
    const { port } = await openMailServer({
      onData(stream, _session, done) {
        stream.resume()
        stream.on('end', () => done(Object.assign(new Error('no'), { responseCode })))
      },
    })
    expect(await sendTo(port)).toMatchObject({ outcome })
  })

  it('is retry if nothing listens, or the server closes the connection before it has the message', async () => {
    const closed = await openRawServer((socket) => socket.destroy())
    const closedAtData = await openRawServer(accepting({ atData: (socket) => socket.destroy() }))
    const busy = await openRawServer((socket) => socket.end('421 busy\r\n'))
    for (const port of [1, closed, closedAtData, busy])
      expect(await sendTo(port), String(port)).toMatchObject({ outcome: 'retry' })
  })

  it('is unknown if the server has the message, and then closes the connection or does not respond', async () => {
    const closes = await openRawServer(accepting({ atEnd: (socket) => socket.destroy() }))
    const silent = await openRawServer(accepting({}))
    for (const port of [closes, silent])
      expect(await sendBriefly(port), String(port)).toMatchObject({ outcome: 'unknown' })
  })

  it('is retry after the time limit if the server is silent, or keeps sending a little', async () => {
    const silent = await openRawServer(() => undefined)
    const drips = await openRawServer((socket) => {
      const timer = setInterval(() => socket.write('2'), 50)
      socket.on('close', () => clearInterval(timer))
    })
    const lists = await openRawServer((socket) => {
      const timer = setInterval(() => socket.write('220-hello\r\n'), 50)
      socket.on('close', () => clearInterval(timer))
    })
    const slow = await openRawServer((socket) => {
      socket.write('220 mail.example\r\n')
      const timer = setInterval(() => socket.write('250-wait\r\n'), 50)
      socket.on('close', () => clearInterval(timer))
    })
    const outcomes = await Promise.all([silent, drips, lists, slow].map(sendBriefly))
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['retry', 'retry', 'retry', 'retry'])
  })

  it('is retry if a response is endless, or not SMTP', async () => {
    const endless = await openRawServer((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write('x'.repeat(65_536)));
      }
      socket.on('drain', more)
      more()
    })
    const web = await openRawServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    for (const port of [endless, web]) expect(await sendTo(port)).toMatchObject({ outcome: 'retry' })
  })

  it('depends on how far the attempt is when it is aborted', async () => {
    const waiting = await openRawServer(() => undefined)
    const stop = new AbortController()
    const attempt = sendTo(waiting, {}, stop.signal)
    stop.abort()
    expect(await attempt).toEqual({ outcome: 'retry', reason: 'EABORT' })
    expect(await sendTo(waiting, {}, stop.signal)).toEqual({ outcome: 'retry', reason: 'EABORT' })
    const late = new AbortController()
    const received = await openRawServer(accepting({ atEnd: () => late.abort() }))
    expect(await sendTo(received, {}, late.signal)).toEqual({ outcome: 'unknown', reason: 'EABORT' })
  })
})
