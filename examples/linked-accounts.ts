import { randomInt } from 'node:crypto'
import Database from 'better-sqlite3'

/** A person of an auth server, who is `iss` and `sub` together, and the agent that asks for them. */
export interface Asker {
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

/** The account of a person, if they linked it. Nothing else ever finds one: no name, and no e-mail address. */
export function accountOf({ iss, sub }: Asker): string | undefined {
  return database.prepare('SELECT account FROM links WHERE iss = ? AND sub = ?').pluck().get(iss, sub) as
    | string
    | undefined
}

/** The code that links this person for the next 10 minutes: the same one if their agent asks again. */
export function codeFor({ iss, sub, agent }: Asker): string {
  database.prepare('DELETE FROM codes WHERE expires <= ?').run(now())
  const letters = Array.from({ length: 10 }, () => 'BCDFGHJKLMNPQRSTVWXZ'[randomInt(20)])
  const add = 'INSERT INTO codes VALUES (?, ?, ?, ?, ?) ON CONFLICT (iss, sub, agent) DO UPDATE SET agent = agent'
  const row = [letters.join(''), iss, sub, agent, now() + 600]
  return database.prepare(`${add} RETURNING code`).pluck().get(row) as string
}

/** Whom a code is for, as long as it works. */
export function askerOf(code: string): Asker | undefined {
  const find = 'SELECT iss, sub, agent FROM codes WHERE code = ? AND expires > ?'
  return database.prepare(find).get(code, now()) as Asker | undefined
}

/** Links the person to an account. All of their codes end, so it happens once. */
export const link = database.transaction((code: string, account: string): boolean => {
  const asker = askerOf(code)
  if (!asker) return false
  const { iss, sub } = asker
  database.prepare('DELETE FROM codes WHERE iss = ? AND sub = ?').run(iss, sub)
  database.prepare('INSERT INTO links VALUES (?, ?, ?)').run(iss, sub, account)
  return true
})
