import { statSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Storage, User } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, test } from 'vitest'
import { asRead, freshHash, newRequest, newUser, nonceClaim, times } from './fixtures.js'
import { temporaryFile } from './temporary-file.js'

/** The maximum growth of the file per consent, once all tables and indexes have pages. */
const most = 2500
const people = 100
const agents = times(4, (index) => `https://planner-${index}.example`)
const flows = people * agents.length
const network = '192.0.2'
const display = {
  agent: {
    name: 'Trip planner',
    homepage: 'https://planner.example/',
    policyUri: 'https://planner.example/privacy',
    tosUri: 'https://planner.example/terms',
    redirectHost: 'planner.example',
    jkt: freshHash(),
  },
  resource: {
    supportedScopes: ['calendar.read', 'calendar.write', 'calendar.share'],
    scopeDescriptions: {
      'calendar.read': 'See the events in your calendar',
      'calendar.write': 'Add, change and delete events in your calendar',
    },
  },
}

/** Everything that one consent stores: requested, shown, decided, redeemed, with a refresh token and a nonce for each request. */
async function consent(storage: Storage, agent: string, user: User): Promise<void> {
  const [tokenHash, browserHash, code] = [freshHash(), freshHash(), freshHash()]
  const asked = { agent, agentJkt: display.agent.jkt, tokenHash, display, maxOpen: 1000 }
  await storage.claimNonce(nonceClaim({ agent, network }))
  await storage.createAuthRequest(newRequest({ ...asked, redirectUri: `${agent}/callback` }))
  const { request: judged } = await storage.bindRequest({ tokenHash, browserHash, ...asRead(user), state: freshHash() })
  if (!judged) throw new Error('the request is bound')
  const decided = await storage.decideRequest({
    tokenHash,
    browserHash,
    ...asRead(user),
    judged,
    revision: 0,
    decision: 'allow',
    handle: { handleHash: code, handleLifetime: 60 },
    grantLifetime: 90 * 86_400,
    remembered: true,
  })
  expect(decided.outcome).toBe('allowed')
  await storage.claimNonce(nonceClaim({ agent, network }))
  const redeemed = await storage.redeemCode({
    codeHash: code,
    agent,
    delegate: null,
    jkt: display.agent.jkt,
    tokenLifetime: 600,
    refresh: { tokenHash: freshHash(), idleSeconds: 90 * 86_400, lifetime: 365 * 86_400 },
  })
  expect(redeemed).toMatchObject({ outcome: 'redeemed', refreshIssued: true })
}

function sizeOf(path: string): number {
  const database = new Database(path)
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
  return statSync(path).size
}

test(`a complete consent takes at most ${most} bytes of the file, including all indexes`, async () => {
  const path = temporaryFile()
  const storage = sqliteStorage(path, { sweepInterval: 0 })
  const users: User[] = []
  for (let made = 0; made < people; made++) users.push(await newUser(storage))
  const before = sizeOf(path)
  for (const user of users) for (const agent of agents) await consent(storage, agent, user)
  const bytes = (sizeOf(path) - before) / flows
  expect(await storage.listGrants({ live: true, limit: flows + 1 })).toHaveLength(flows)
  await storage.close()
  expect(bytes).toBeLessThanOrEqual(most)
})
