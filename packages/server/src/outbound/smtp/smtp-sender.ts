import { Readable } from 'node:stream'
import MailComposer from 'nodemailer/lib/mail-composer'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { EmailMessage, EmailSettings, SendEmail, SentEmail } from '../email-sender.js'

/** Time limits, in seconds: for connecting, for each response of the server, and for the whole attempt, however slowly the server responds. */
const defaultLimits = { connection: 10, response: 20, attempt: 40 }

/** Maximum size of a response of the server, in bytes. */
const maxResponse = 65_536

/** Creates a sender for a mail server. */
export function createSmtpSender(settings: Omit<EmailSettings, 'passwordFile'>, limits = defaultLimits): SendEmail {
  return async (message, signal) => send(settings, message, { mime: await compose(settings, message), signal, limits })
}

function compose({ from }: Pick<EmailSettings, 'from'>, message: EmailMessage): Promise<Buffer> {
  const { id, fromName, to, subject, text, html } = message
  const composer = new MailComposer({
    from: { name: fromName, address: from },
    to: { name: '', address: to },
    subject,
    text,
    html,
    messageId: `<${id}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return composer.compile().build()
}

function send(
  { from, host, port, security = 'starttls', user, password: pass }: Omit<EmailSettings, 'passwordFile'>,
  { to }: EmailMessage,
  { mime, signal, limits }: { mime: Buffer; signal: AbortSignal; limits: typeof defaultLimits },
): Promise<SentEmail> {
  const connection = new SMTPConnection({
    host,
    port: port ?? defaultPorts[security],
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    tls: { minVersion: 'TLSv1.2' },
    dnsTimeout: limits.connection * 1000,
    connectionTimeout: limits.connection * 1000,
    greetingTimeout: limits.response * 1000,
    socketTimeout: limits.response * 1000,
    socketCloseTimeout: 0,
    maxResponseSize: maxResponse,
    allowInternalNetworkInterfaces: true,
  })
  /** Whether the server may have received all of the message. */
  let isSending = false
  const body = Readable.from(
    (function* () {
      isSending = true
      yield mime
    })(),
  )
  return new Promise((resolve) => {
    const finish = (outcome: SentEmail) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      // The first outcome counts: closing the connection reports another one.
      resolve(outcome)
      connection.close()
    }
    const fail = (error: SmtpFailure) => finish(failureOf(error, isSending))
    const abort = () => fail({ code: 'EABORT' })
    const timer = setTimeout(() => fail({ code: 'ETIMEDOUT' }), limits.attempt * 1000)
    const deliver = () =>
      connection.send({ from, to }, body, (error) => (error ? fail(error) : finish({ outcome: 'sent' })))
    signal.addEventListener('abort', abort)
    connection.on('error', fail)
    connection.on('end', () => fail({ code: 'ECONNECTION' }))
    if (signal.aborted) abort()
    else
      connection.connect((error) => {
        if (error) fail(error)
        else if (user === undefined) deliver()
        else connection.login({ user, pass }, (refused) => (refused ? fail(refused) : deliver()))
      })
  })
}

/** The usual ports for submitting messages. */
const defaultPorts: Readonly<Record<NonNullable<EmailSettings['security']>, number>> = {
  starttls: 587,
  tls: 465,
  none: 25,
}

interface SmtpFailure {
  code?: string | undefined
  command?: string | undefined
  responseCode?: number | undefined
}

/**
 * A response of the server is definite. Without one, the message may have been accepted if it had been sent. If the server refuses something
 * other than the recipient or the message, such as the password, the operator may correct it before the next attempt.
 */
function failureOf({ code, command, responseCode }: SmtpFailure, isSending: boolean): SentEmail {
  const reason = [code, command, responseCode].filter((part) => part !== undefined).join(' ')
  if (responseCode === undefined) return { outcome: isSending ? 'unknown' : 'retry', reason }
  const isAboutMessage = code === 'EENVELOPE' || code === 'EMESSAGE'
  return { outcome: isAboutMessage && responseCode >= 500 ? 'refused' : 'retry', reason }
}
