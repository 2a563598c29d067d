import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StorageError } from 'countersign-server'
import { expect, it, onTestFinished, vi } from 'vitest'
import { openFailure, passwordFromFile, requireSslMode } from '../../../src/storage/postgres/open-failure.js'

/** An error as PostgreSQL reports it. */
const reported = (code: string, message = 'the message') =>
  Object.assign(new Error(message), { code, severity: 'FATAL' })
const withCode = (code: string) => Object.assign(new Error('the message'), { code })

it.each([
  [reported('28P01'), /rejected the password \(the message\)/],
  [reported('28000', 'no pg_hba.conf entry, no encryption'), /without TLS .*sslmode=verify-full/],
  [reported('28000'), /from this role \(the message\): check its pg_hba/],
  [reported('3D000'), /does not exist \(the message\): create it with createdb/],
  [reported('42501'), /lacks a privilege \(the message\): .*--serve-as/],
  [reported('P0001'), /^the message$/],
  [withCode('SELF_SIGNED_CERT_IN_CHAIN'), /trusted CA \(the message\): .*sslrootcert/],
  [withCode('ERR_TLS_CERT_ALTNAME_INVALID'), /another host name \(the message\)/],
  [new Error('The server does not support SSL connections'), /turn TLS on/],
])('explains what an operator must change: %s', (cause, message) => {
  expect(openFailure(cause)).toMatchObject({ code: 'misconfigured', message: expect.stringMatching(message), cause })
})

it.each([
  [reported('57P03'), 'the message'],
  // Without a severity, it is not PostgreSQL's.
  [withCode('28P01'), 'the message'],
  [reported('22000', 'no encryption'), 'no encryption'],
  ['a text', 'a text'],
])('is unavailable after any other failure: %s', (cause, message) => {
  expect(openFailure(cause)).toMatchObject({
    code: 'unavailable',
    message: `The database cannot be opened: ${message}`,
  })
})

it('returns an error that already says what to do', () => {
  const error = new StorageError('not_ours', 'use another one')
  expect(openFailure(error)).toBe(error)
})

it.each(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])('accepts sslmode=%s', (mode) => {
  expect(() => requireSslMode(`postgres://host/name?a=b&sslmode=${mode}&c=d`)).not.toThrow()
})

it.each(['', 'verify', 'verify-full2'])('refuses sslmode=%s', (mode) => {
  expect(() => requireSslMode(`postgres://host/name?sslmode=${mode}`)).toThrow(
    expect.objectContaining({ code: 'misconfigured', message: expect.stringContaining(`sslmode=${mode} is not`) }),
  )
  expect(() => requireSslMode(`postgres://host/sslmode=${mode}`)).not.toThrow()
})

it('reads the password of a connection from the password file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-pgpass-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'pgpass')
  vi.stubEnv('PGPASSFILE', file)
  onTestFinished(() => void vi.unstubAllEnvs())
  writeFileSync(file, 'db.example:5432:name:role:secret\n', { mode: 0o600 })
  const connection = { host: 'db.example', port: 5432, database: 'name', user: 'role' }
  expect(await passwordFromFile(connection)).toBe('secret')
  const missing = await passwordFromFile({ ...connection, user: 'other' }).catch((error: unknown) => error)
  expect(openFailure(missing)).toMatchObject({ code: 'misconfigured', message: expect.stringContaining('PGPASSFILE') })
})
