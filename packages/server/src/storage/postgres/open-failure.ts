import { isUntrustedCertificate } from 'countersign/discovery'
import { StorageError } from '../api/storage-error.js'
import { stateOf } from './database-failure.js'

/** What keeps a database from being opened until an operator sets it right, and how. */
interface Mistake {
  isIt: (error: Error, state: string | undefined) => boolean
  says: (error: Error) => string
}

const mistakes: readonly Mistake[] = [
  {
    isIt: (error) => error instanceof MissingPassword,
    says: () =>
      'The database asks for a password, and there is none: put it into the file that PGPASSFILE names, or into ~/.pgpass, as host:port:database:role:password, readable by this user alone (chmod 600).',
  },
  {
    isIt: (_, state) => state === '28P01',
    says: ({ message }) => `The database refuses the password (${message}): compare it with the role’s.`,
  },
  {
    isIt: ({ message }, state) => state === '28000' && message.includes('no encryption'),
    says: ({ message }) =>
      `The database lets nobody in without TLS (${message}): add ?sslmode=verify-full to the URL, or a line to pg_hba.conf.`,
  },
  {
    isIt: (_, state) => state === '28000',
    says: ({ message }) => `The database does not let this role in (${message}): see its pg_hba.conf.`,
  },
  {
    isIt: (_, state) => state === '3D000',
    says: ({ message }) => `There is no such database (${message}): make it with createdb.`,
  },
  {
    isIt: (_, state) => state === '42501',
    says: ({ message }) =>
      `The role of this connection may not do that (${message}): run “countersign db migrate --serve-as <role>” with the role that owns the tables.`,
  },
  {
    // What our own functions say.
    isIt: (_, state) => state === 'P0001',
    says: ({ message }) => message,
  },
  {
    isIt: isUntrustedCertificate,
    says: ({ message }) =>
      `The certificate of the database is of nobody who is trusted (${message}): name the file of its CA in the URL, sslrootcert=/etc/…/ca.pem. NODE_EXTRA_CA_CERTS is not looked at for it.`,
  },
  {
    isIt: (error) => 'code' in error && error.code === 'ERR_TLS_CERT_ALTNAME_INVALID',
    says: ({ message }) =>
      `The certificate of the database is for another name (${message}): use that name in the URL.`,
  },
  {
    isIt: ({ message }) => message.includes('does not support SSL'),
    says: () =>
      'The database has no TLS: turn it on there (ssl = on), or leave sslmode out where the way to it is safe.',
  },
]

/** Why a database cannot be opened, as an error for an operator. */
export function openFailure(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  const mistake = mistakes.find(({ isIt }) => isIt(cause, stateOf(cause)))
  if (mistake) return new StorageError('misconfigured', mistake.says(cause), { cause })
  return new StorageError('unavailable', `The database cannot be opened: ${cause.message}`, { cause })
}

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

/** @throws {StorageError} `misconfigured` for an `sslmode` that there is not: nothing would then be checked */
export function requireSslMode(url: string): void {
  const [, mode] = /[?&]sslmode=([^&]*)/.exec(url) ?? []
  if (mode === undefined || sslModes.includes(mode)) return
  throw new StorageError('misconfigured', `sslmode=${mode} is none: use one of ${sslModes.join(', ')}.`)
}

/**
 * The password for a connection in the file that `PGPASSFILE` names, or in `~/.pgpass`; asked for where the database wants
 * one and neither the URL nor `PGPASSWORD` has it.
 *
 * @param connection where it goes to, as the driver says it
 * @throws MissingPassword
 */
export async function passwordFromFile(connection?: unknown): Promise<string> {
  const { default: pgpass } = await import('pgpass')
  const found = await new Promise<string | undefined>((resolve) => pgpass(connection, resolve))
  if (found === undefined) throw new MissingPassword()
  return found
}

/** The database asks for a password, and there is none. */
class MissingPassword extends Error {
  constructor() {
    super('no password was found')
    this.name = 'MissingPassword'
  }
}
