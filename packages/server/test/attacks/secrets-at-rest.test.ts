import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, it, onTestFinished } from 'vitest'
import { hiddenFields } from '../scripted-user.js'
import { secretHash } from '../secret-hash.js'
import { allow, openRequest, redeem, view } from './flow.js'
import { openHttpStage } from './stage.js'

/** Returns every value of every row, and the bytes of every file, of the database. */
function dump(file: string): string {
  const database = new Database(file, { readonly: true })
  try {
    const tables = database.prepare<[], { name: string }>(`SELECT name FROM sqlite_master WHERE type = 'table'`).all()
    const rows = tables.map(({ name }) => JSON.stringify(database.prepare(`SELECT * FROM "${name}"`).all()))
    const files = readdirSync(dirname(file)).filter((name) => name.startsWith(basename(file)))
    return [...rows, ...files.map((name) => readFileSync(join(dirname(file), name), 'latin1'))].join('\n')
  } finally {
    database.close()
  }
}

it('X17: stores no live code, request token, session, cookie, password or token in plain text in the database', async () => {
  const stage = await openHttpStage()
  onTestFinished(() => stage.close())
  const redeemed = await allow(stage)
  const tokens = (await (await redeem(stage, redeemed)).json()) as Record<string, unknown>
  const live = await allow(stage)
  const open = await openRequest(stage)
  const { page, user } = await view(stage, open)
  await user.submit(page, open.url, { action: 'logout' })
  const { csrf = '' } = hiddenFields(page, { consent: 'grant' })
  const given = ['auth_token', 'refresh_token'].flatMap((name) => tokens[name] ?? []).map(String)
  const secrets = [...stage.secrets, ...given, csrf]
  const database = dump(stage.file ?? '')
  expect(secrets.filter((secret) => database.includes(secret))).toEqual([])
  expect(secrets.length).toBeGreaterThan(12)
  const bytesOf = (hash: string) => Buffer.from(hash, 'base64url').toString('latin1')
  expect([live.code, live.requestToken].filter((secret) => !database.includes(bytesOf(secretHash(secret))))).toEqual([])
})
