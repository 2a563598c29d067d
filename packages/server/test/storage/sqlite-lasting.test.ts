import Database from 'better-sqlite3'
import { sqliteStorage } from 'countersign-server/sqlite'
import { afterAll, expect, it, onTestFinished } from 'vitest'
import { agent, boundRequest, freshHash, newRequest, nonceClaim, refreshable } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

type Prepare = (text: string) => Database.Statement<unknown[]>

/** Whether SQLite waited for the disk, for each committed write. */
const committed: boolean[] = []

const prepare = Object.getOwnPropertyDescriptor(Database.prototype, 'prepare')?.value as Prepare
Object.defineProperty(Database.prototype, 'prepare', { configurable: true, value: watched })
afterAll(() => void Object.defineProperty(Database.prototype, 'prepare', { configurable: true, value: prepare }))

const full = 2

function watched(this: Database.Database, text: string): Database.Statement<unknown[]> {
  const statement = prepare.call(this, text)
  for (const method of ['run', 'all'] as const) {
    const execute = statement[method].bind(statement)
    statement[method] = (...values: unknown[]) => {
      const isWrite = text === 'commit' || (!this.inTransaction && /^(?:insert|update|delete)/.test(text))
      if (isWrite) committed.push(this.pragma('synchronous', { simple: true }) === full)
      return execute(...values) as never
    }
  }
  return statement
}

it('waits for the disk only for data that must survive a power failure, in any order of writes', async () => {
  const storage = sqliteStorage(temporaryFile(), { sweepInterval: 0, usageDelay: 3600 })
  onTestFinished(() => storage.close())
  const { refresh, redemption, user } = await refreshable(storage)
  const { decision, binding } = await boundRequest(storage)
  const unbound = newRequest()
  await storage.createAuthRequest(unbound)
  const nonce = () => nonceClaim({ agent })
  const limit = { key: freshHash(), window: 60 }
  const lasting: (() => Promise<unknown>)[] = [
    () => storage.createAuthRequest(newRequest({ nonce: nonce() })),
    () => storage.decideRequest({ ...decision, attempt: { key: freshHash(), window: 60, most: 9 } }),
    () => storage.redeemCode({ ...redemption, nonce: nonce() }),
    () => storage.setAgentBlocked({ agent, blocked: true, by: 'operator' }),
    () => storage.setAgentBlocked({ agent, blocked: false, by: 'operator' }),
    () => storage.revokeRefreshToken({ ...refresh, nonce: nonce() }),
    () => storage.recordEvent({ event: 'thing.happened' }),
    () => storage.recordAgent({ agent: 'https://new.example', redirectHosts: [], keyThumbprints: [] }),
    () => storage.setPasswordHash({ userId: user.id, passwordHash: 'hash', by: 'operator' }),
    () => storage.linkFederated({ issuer: 'https://login.example', subject: 'alice', userId: user.id }),
    () => storage.addKey({ kid: 'key', purpose: 'secret', alg: 'HS256', private: '', publicJwk: null, state: 'next' }),
    () => storage.moveKeys([{ kid: 'key', from: 'next', to: 'active' }]),
    () => storage.revokeGrants({ userId: user.id, by: user.id }),
    () => storage.setUserStatus(user.id, 'disabled'),
    () => storage.invalidateRestored('operator'),
  ]
  const others: (() => Promise<unknown>)[] = [
    () => storage.refreshGrant({ ...refresh, nonce: nonce() }),
    () => storage.countRequest({ agent, attempts: [{ key: freshHash(), window: 60 }] }),
    () => storage.bindRequest({ ...binding, tokenHash: unbound.tokenHash }),
    () => storage.claimNonce(nonce()),
    () => storage.countAttempt({ key: freshHash(), window: 60 }),
    () => storage.rememberState(unbound.tokenHash, 'state'),
    () => storage.countWithinLimits([{ ...limit, most: 9 }]),
    () => storage.clearAttempts(limit),
    () => storage.claimLogo({ agent, uri: 'https://agent.example/logo', maxAge: 1, retryAfter: 1 }),
    () => storage.keepLogo({ agent, uri: 'https://agent.example/logo', logo: null }),
    () => storage.removeLogo(agent),
  ]
  for (const [index, write] of lasting.entries()) {
    committed.length = 0
    await write()
    expect(committed, `durable data, ${index}`).toEqual([true])
    const other = others[index]
    if (!other) continue
    await other()
    expect(committed, `another, ${index}`).toEqual([true, false])
  }
})
