import type { EmailOutcome } from '../storage/api/email-storage.js'

/** The mail server through which users receive emails. */
export interface EmailSettings {
  /** The address that emails come from, such as `accounts@auth.example`. Their sender is shown with the server’s `name`. */
  from: string
  /** The host of the mail server. */
  host: string
  /** The port of the mail server. @default 587 with `starttls`, 465 with `tls`, 25 with `none` */
  port?: number | undefined
  /**
   * How the connection is encrypted: by `starttls`, which is then required, or by `tls` from the start. `none` is only for a mail server on
   * the same machine. @default 'starttls'
   */
  security?: 'starttls' | 'tls' | 'none' | undefined
  /** The username at the mail server. @default no sign-in */
  user?: string | undefined
  /** Path of the file with the password at the mail server. */
  passwordFile?: string | undefined
  /** The password itself, instead of a file. Best set through its environment variable. */
  password?: string | undefined
}

/** A message to one recipient. */
export interface EmailMessage {
  /** Identifies the message to mail servers; the same for every attempt. */
  id: string
  /** The sender's display name. */
  fromName: string
  to: string
  subject: string
  text: string
  html: string
}

/** The outcome of an attempt to send a message. */
export interface SentEmail {
  outcome: EmailOutcome
  /** Why the message was not sent. Contains nothing that the mail server or the user wrote. */
  reason?: string | undefined
}

/**
 * Sends a message, and never rejects. An outcome is `retry` only if the mail server cannot have accepted the message. Aborting the signal ends
 * the attempt.
 */
export type SendEmail = (message: EmailMessage, signal: AbortSignal) => Promise<SentEmail>
