import { randomInt } from 'node:crypto'
import Database from 'better-sqlite3'

/** A user of an auth server, who is `iss` and `sub` together, and the agent that calls for them. */
export interface Caller {
  iss: string
  sub: string
  agent: string
}

const database = new Database('accounts.db')
database.exec(`
  CREATE TABLE IF NOT EXISTS links (iss TEXT NOT NULL, sub TEXT NOT NULL, account TEXT NOT NULL, UNIQUE (iss, sub)) STRICT;
  CREATE TABLE IF NOT EXISTS codes (code TEXT NOT NULL UNIQUE, iss TEXT NOT NULL, sub TEXT NOT NULL, agent TEXT NOT NULL,
    expires INTEGER NOT NULL, UNIQUE (iss, sub, agent)) STRICT`)

const now = () => Math.floor(Date.now() / 1000)

/** The account that a user has linked, if any. Nothing else identifies an account: no name and no email address. */
export function accountOf({ iss, sub }: Caller): string | undefined {
  return database.prepare('SELECT account FROM links WHERE iss = ? AND sub = ?').pluck().get(iss, sub) as
    | string
    | undefined
}

/** The code that links this user, valid for 10 minutes. Further requests of the same agent get the same code. */
export function codeFor({ iss, sub, agent }: Caller): string {
  database.prepare('DELETE FROM codes WHERE expires <= ?').run(now())
  const letters = Array.from({ length: 10 }, () => 'BCDFGHJKLMNPQRSTVWXZ'[randomInt(20)])
  const add = 'INSERT INTO codes VALUES (?, ?, ?, ?, ?) ON CONFLICT (iss, sub, agent) DO UPDATE SET agent = agent'
  const row = [letters.join(''), iss, sub, agent, now() + 600]
  return database.prepare(`${add} RETURNING code`).pluck().get(row) as string
}

/** The caller that a code was created for, while it is valid. */
export function callerOf(code: string): Caller | undefined {
  const find = 'SELECT iss, sub, agent FROM codes WHERE code = ? AND expires > ?'
  return database.prepare(find).get(code, now()) as Caller | undefined
}

/** Links the user to an account. Deletes all codes of the user, so it happens once. */
export const link = database.transaction((code: string, account: string): boolean => {
  const caller = callerOf(code)
  if (!caller) return false
  const { iss, sub } = caller
  database.prepare('DELETE FROM codes WHERE iss = ? AND sub = ?').run(iss, sub)
  database.prepare('INSERT INTO links VALUES (?, ?, ?)').run(iss, sub, account)
  return true
})
