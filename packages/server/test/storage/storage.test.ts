import type { Storage, StorageOptions } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { accountContract } from './contract/accounts.js'
import { agentContract } from './contract/agents.js'
import { auditContract } from './contract/audit.js'
import { deploymentContract } from './contract/deployment.js'
import { grantContract } from './contract/grants.js'
import type { MakeStorage } from './contract/in-storage.js'
import { keyContract } from './contract/keys.js'
import { logoContract } from './contract/logos.js'
import { nonceContract } from './contract/nonces.js'
import { passkeyContract } from './contract/passkeys.js'
import { refreshContract } from './contract/refreshes.js'
import { requestContract } from './contract/requests.js'
import { revocationContract } from './contract/revocations.js'
import { sessionContract } from './contract/sessions.js'
import { throttleContract } from './contract/throttle.js'
import { storageContract } from './contract.js'
import { temporaryFile } from './temporary-file.js'

const contracts = [
  storageContract,
  accountContract,
  sessionContract,
  passkeyContract,
  throttleContract,
  nonceContract,
  requestContract,
  grantContract,
  refreshContract,
  agentContract,
  logoContract,
  revocationContract,
  keyContract,
  auditContract,
  deploymentContract,
]

/** Two engines on one file, as two instances of a server have: each verb is for the other one than the verb before. */
function inTurn(options: StorageOptions): Storage {
  const path = temporaryFile()
  const engines = [sqliteStorage(path, options), sqliteStorage(path, options)] as const
  let calls = 0
  return new Proxy(engines[0], {
    get(_, verb) {
      if (verb === 'close') return async () => void (await Promise.all(engines.map((engine) => engine.close())))
      const engine = engines[calls++ % 2 === 0 ? 0 : 1]
      return Reflect.get(engine, verb) as unknown
    },
  })
}

const adapters: readonly [string, MakeStorage][] = [
  ['sqliteStorage in memory', (options) => sqliteStorage(':memory:', options)],
  ['sqliteStorage in a file', (options) => sqliteStorage(temporaryFile(), options)],
  ['two engines on one SQLite file', inTurn],
]

for (const [name, makeStorage] of adapters) for (const contract of contracts) contract(name, makeStorage)
