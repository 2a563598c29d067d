import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ConfigurationError } from 'countersign/node'
import { loadConfig, loadEmailSender, requireSafeStart } from 'countersign-server'
import { describe, expect, it } from 'vitest'
import { runWithout } from '../../../countersign/test/run-without.js'
import { configurationFolder } from '../config/configuration-folder.js'
import { openMailServer } from './smtp/mail-server.js'

const run = (program: string) => runWithout('nodemailer/lib/mail-composer', program, import.meta.dirname)
const missing = 'countersign-server/email needs a package that is not installed: npm install nodemailer'

it('is the only part that needs nodemailer: the root entry is imported without it', async () => {
  expect(await run(`console.log(typeof (await import('countersign-server')).createAuthServer)`)).toBe('function')
})

it('is loaded only by a configuration with email, and explains how to install nodemailer', async () => {
  const load = (email: string) =>
    run(`const { loadEmailSender } = await import('countersign-server')
      await loadEmailSender({ file: 'config.json', settings: { email: ${email} } }).then(
        (sender) => console.log(sender),
        ({ problems }) => console.log(problems[0].setting, problems[0].problem),
      )`)
  expect(await load('undefined')).toBe('undefined')
  expect(await load("{ from: 'a@auth.example', host: 'mail.example' }")).toBe(`email ${missing}`)
})

const email = { from: 'accounts@auth.example', host: 'mail.example' }
const login = { user: 'auth', passwordFile: 'smtp.password' }
const remedy =
  'must be starttls or tls, unless host is localhost, 127.0.0.1 or ::1: emails contain links that are secret'

/** Loads a configuration with this setting, in a folder with a password file. */
async function start(setting: object, { mode = 0o600, env = {} as NodeJS.ProcessEnv, password = 'right\n' } = {}) {
  const folder = configurationFolder()
  folder.write('smtp.password', '', mode)
  writeFileSync(join(folder.path, 'smtp.password'), password)
  const content = { issuer: 'https://auth.example', database: 'auth.db', masterKey: 'x', email: setting }
  const config = await loadConfig(folder.write('countersign.config.json', content, 0o600), env)
  await requireSafeStart(config, env)
  return loadEmailSender(config)
}

async function problemOf(...given: Parameters<typeof start>): Promise<string> {
  const outcome = await start(...given).catch((error: unknown) => error)
  if (!(outcome instanceof ConfigurationError)) throw new Error('the configuration was accepted')
  return outcome.problems.map(({ setting, problem }) => `${setting}: ${problem}`).join()
}

describe('the setting email', () => {
  it.each([
    ['an address that is none', { ...email, from: 'accounts' }, 'email.from: must be an email address'],
    [
      'a host with a port',
      { ...email, host: 'mail.example/x' },
      'email.host: must be the host name of the mail server',
    ],
    ['no encryption to another machine', { ...email, security: 'none' }, `email.security: ${remedy}`],
    [
      'no encryption to another machine whose name looks like an address of this one',
      { ...email, host: '127.0.0.1.mail.example', security: 'none' },
      `email.security: ${remedy}`,
    ],
    ['a user without a password', { ...email, user: 'auth' }, 'email.passwordFile: is missing: user is set'],
    ['a password without a user', { ...email, password: 'x' }, 'email.user: is missing: a password is set'],
    ['two passwords', { ...email, ...login, password: 'x' }, 'email.password: is set together with passwordFile'],
    ['a missing file', { ...email, ...login, passwordFile: 'none' }, 'email.passwordFile: cannot be read (ENOENT)'],
  ])('refuses %s', async (_what, setting, problem) => {
    expect(await problemOf(setting)).toContain(problem)
  })

  it('refuses a password file that is empty, or that anyone can read', async () => {
    expect(await problemOf({ ...email, ...login }, { password: '\n' })).toContain('email.passwordFile: is empty')
    expect(await problemOf({ ...email, ...login }, { mode: 0o644 })).toContain('can be read or changed by anyone')
  })

  it('reads the password from a file next to the configuration, or from its environment variable', async () => {
    const passwords: unknown[] = []
    const { port } = await openMailServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth({ password }, _session, done) {
        passwords.push(password)
        done(null, { user: 'auth' })
      },
    })
    const local = { from: email.from, host: '127.0.0.1', port, security: 'none', user: 'auth' }
    const fromFile = await start({ ...local, passwordFile: 'smtp.password' })
    const fromVariable = await start(local, { env: { COUNTERSIGN_EMAIL_PASSWORD: 'also right' } })
    const message = { id: 'id', fromName: 'Home', to: 'alice@home.example', subject: 's', text: 't', html: 'h' }
    for (const send of [fromFile, fromVariable])
      expect(await send?.(message, new AbortController().signal)).toEqual({ outcome: 'sent' })
    expect(passwords).toEqual(['right', 'also right'])
  })
})
