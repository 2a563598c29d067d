/**
 * Sends emails over SMTP. Requires `nodemailer`.
 *
 * @packageDocumentation
 */

import { importOptional } from 'countersign/node'
import type { EmailSettings, SendEmail } from '../email-sender.js'

export type { EmailMessage, EmailSettings, SendEmail, SentEmail } from '../email-sender.js'

const smtp = await importOptional('countersign-server/email', ['nodemailer'], () => import('./smtp-sender.js'))

/**
 * Creates a sender for a mail server. Each message has its own connection.
 *
 * @example
 * ```ts
 * const sendEmail = smtpSender({ from: 'accounts@auth.example', host: 'smtp.example', user: 'auth', password })
 * ```
 */
export function smtpSender(settings: Omit<EmailSettings, 'passwordFile'>): SendEmail {
  return smtp.createSmtpSender(settings)
}
