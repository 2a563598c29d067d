import { StorageError } from 'countersign-server'
import { expect } from 'vitest'

/** Words from the errors below that only an operator may see. */
const inner = [
  'SELECT',
  'app_user',
  'password_hash',
  'SQLITE',
  '/srv/',
  'auth.db',
  '10.1.2.3',
  'ECONNREFUSED',
  'grants',
  'undefined',
  'TypeError',
  'StorageError',
  'dist/',
  'node_modules',
  'node:',
]

const statement = 'SELECT password_hash FROM app_user -- /srv/countersign/auth.db'

/** Internal failures, each with as much detail as such an error can contain, and the response that the caller gets. */
export const failures: readonly { what: string; error: unknown; status: number; told: RegExp }[] = [
  {
    what: 'a database that is not responding',
    error: new StorageError('unavailable', `SQLITE_IOERR: ${statement}`, {
      cause: new Error('connect ECONNREFUSED 10.1.2.3:5432'),
    }),
    status: 503,
    told: /"temporarily_unavailable"/,
  },
  {
    what: 'a programming error',
    error: new TypeError(`Cannot read properties of undefined (reading 'grants') at /srv/countersign/dist/x.js`),
    status: 500,
    told: /"server_error"/,
  },
  { what: 'a thrown string', error: statement, status: 500, told: /"server_error"/ },
]

/** Asserts that the text reveals no internals: no stack, SQL, file name or address. */
export function expectSilent(text: string): void {
  expect.soft(inner.filter((word) => text.includes(word))).toEqual([])
  expect.soft(text).not.toMatch(/^\s+at .+:\d+/m)
}
