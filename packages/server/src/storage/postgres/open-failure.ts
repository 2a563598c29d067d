import { isUntrustedCertificate } from 'countersign/discovery'
import { codeOf, StorageError } from '../api/storage-error.js'
import { stateOf } from './database-failure.js'

/** A problem that prevents a database from being opened until an operator fixes it, and the message that explains how to fix it. */
interface Mistake {
  isIt: (error: Error, state: string | undefined) => boolean
  says: (error: Error) => string
}

const mistakes: readonly Mistake[] = [
  {
    isIt: (error) => error instanceof MissingPassword,
    says: () =>
      'The database requires a password, but none was found: add one to the file that PGPASSFILE specifies, or to ~/.pgpass, as host:port:database:role:password. The file must be readable only by this user (chmod 600).',
  },
  {
    isIt: (_, state) => state === '28P01',
    says: ({ message }) => `The database rejected the password (${message}): make sure that it is the role’s password.`,
  },
  {
    isIt: ({ message }, state) => state === '28000' && message.includes('no encryption'),
    says: ({ message }) =>
      `The database does not accept connections without TLS (${message}): add ?sslmode=verify-full to the URL, or add a line to pg_hba.conf.`,
  },
  {
    isIt: (_, state) => state === '28000',
    says: ({ message }) =>
      `The database does not accept connections from this role (${message}): check its pg_hba.conf.`,
  },
  {
    isIt: (_, state) => state === '3D000',
    says: ({ message }) => `The database does not exist (${message}): create it with createdb.`,
  },
  {
    isIt: (_, state) => state === '42501',
    says: ({ message }) =>
      `This connection’s role lacks a privilege (${message}): run “countersign server db migrate --serve-as <role>” with the role that owns the tables.`,
  },
  {
    // Raised by the functions in the schema.
    isIt: (_, state) => state === 'P0001',
    says: ({ message }) => message,
  },
  {
    isIt: isUntrustedCertificate,
    says: ({ message }) =>
      `The database’s certificate was not issued by a trusted CA (${message}): set the CA file in the URL, sslrootcert=/etc/…/ca.pem. NODE_EXTRA_CA_CERTS is not used for this connection.`,
  },
  {
    isIt: (error) => codeOf(error) === 'ERR_TLS_CERT_ALTNAME_INVALID',
    says: ({ message }) =>
      `The database’s certificate is for another host name (${message}): use that name in the URL.`,
  },
  {
    isIt: ({ message }) => message.includes('does not support SSL'),
    says: () =>
      'The database does not support TLS: turn TLS on (ssl = on), or omit sslmode if the network path to the database is secure.',
  },
]

/** Returns why a database cannot be opened, as an error for an operator. */
export function openFailure(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  const mistake = mistakes.find(({ isIt }) => isIt(cause, stateOf(cause)))
  if (mistake) return new StorageError('misconfigured', mistake.says(cause), { cause })
  return new StorageError('unavailable', `The database cannot be opened: ${cause.message}`, { cause })
}

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']

/** @throws {StorageError} `misconfigured` for an unknown `sslmode`, which would disable all verification */
export function requireSslMode(url: string): void {
  const [, mode] = /[?&]sslmode=([^&]*)/.exec(url) ?? []
  if (mode === undefined || sslModes.includes(mode)) return
  throw new StorageError('misconfigured', `sslmode=${mode} is not valid: use one of ${sslModes.join(', ')}.`)
}

/**
 * Reads the password for a connection from the file set in `PGPASSFILE`, or from `~/.pgpass`. Called if the database requires a password
 * and neither the URL nor `PGPASSWORD` contains one.
 *
 * @param connection the connection parameters, as passed by the driver
 * @throws MissingPassword
 */
export async function passwordFromFile(connection?: unknown): Promise<string> {
  const { default: pgpass } = await import('pgpass')
  const found = await new Promise<string | undefined>((resolve) => pgpass(connection, resolve))
  if (found === undefined) throw new MissingPassword()
  return found
}

/** The database requires a password, but none was found. */
class MissingPassword extends Error {
  constructor() {
    super('no password was found')
    this.name = 'MissingPassword'
  }
}
