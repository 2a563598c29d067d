import { isIP } from 'node:net'
import * as z from 'zod'
import { isEmail } from '../lib/credential-rules.js'
import type { EmailSettings } from '../outbound/email-sender.js'
import { type ShapeOf, text, whole } from './fields.js'

const shape = {
  from: z.string().refine(isEmail, 'must be an email address, such as accounts@auth.example'),
  host: text(253).regex(/^[\w.:-]+$/, 'must be the host name of the mail server, without a port'),
  port: whole(1, 65_535).optional(),
  security: z.enum(['starttls', 'tls', 'none']).optional(),
  user: text(256).optional(),
  passwordFile: text(4096).optional(),
  password: text(1024).optional(),
} satisfies ShapeOf<EmailSettings>

/** The setting `email`. */
export const emailSetting = z.strictObject(shape).superRefine((settings, context) => {
  const { host, security, user, password, passwordFile } = settings
  const refuse = (setting: keyof EmailSettings, message: string) =>
    context.addIssue({ code: 'custom', path: [setting], message })
  if (security === 'none' && !isOnThisMachine(host))
    refuse(
      'security',
      'must be starttls or tls, unless host is localhost, 127.0.0.1 or ::1: emails contain links that are secret',
    )
  if (password !== undefined && passwordFile !== undefined)
    refuse('password', 'is set together with passwordFile: set only one of them')
  const hasPassword = password !== undefined || passwordFile !== undefined
  if (user !== undefined && !hasPassword) refuse('passwordFile', 'is missing: user is set')
  if (user === undefined && hasPassword) refuse('user', 'is missing: a password is set')
})

function isOnThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
