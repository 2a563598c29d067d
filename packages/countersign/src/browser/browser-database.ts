import type { AgentRecord, AgentStore, RecordName } from '../agent/agent-store.js'
import { systemClock } from '../lib/clock.js'
import type { Signer } from '../lib/jwk.js'
import { createRemoteSigner } from '../lib/remote-signer.js'

/** What a browser stores for one agent: all tabs of the page's origin share it, and no other origin can read it. */
export interface BrowserDatabase {
  store: AgentStore
  /** Signs with this browser's own key, which is generated on first use and cannot be exported. */
  signer: Signer
}

interface StoredKey extends Pick<CryptoKeyPair, 'publicKey' | 'privateKey'> {
  id: 'signer'
}

interface StoredRecord extends AgentRecord {
  owner: string
}

const records = 'records'
const keys = 'keys'

/**
 * Opens the database, and creates it on first use.
 *
 * @throws TypeError if the browser does not let this page use keys or store data
 */
export async function openBrowserDatabase(name: string): Promise<BrowserDatabase> {
  if (globalThis.crypto?.subtle === undefined)
    throw new TypeError('This page cannot use keys: serve it over https, or on http://localhost during development.')
  const database = await open(name)
  await removeExpired(database)
  return { store: createStore(database), signer: await loadSigner(database) }
}

async function open(name: string): Promise<IDBDatabase> {
  const opening = indexedDB.open(name, 1)
  opening.addEventListener('upgradeneeded', () => {
    opening.result.createObjectStore(keys, { keyPath: 'id' })
    opening.result.createObjectStore(records, { keyPath: ['owner', 'kind', 'id'] })
  })
  try {
    return await outcomeOf(opening)
  } catch (cause) {
    throw new TypeError('This page cannot store data: the browser blocks IndexedDB, or its disk is full.', { cause })
  }
}

/** The signer for the stored key. Of several tabs that generate one at the same time, the first one to store it wins. */
async function loadSigner(database: IDBDatabase): Promise<Signer> {
  let stored = await readFrom<StoredKey | undefined>(database, keys, (store) => store.get('signer'))
  if (!stored) {
    // Every browser can store a key of this type.
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
    const { publicKey, privateKey } = pair
    stored = await change(database, keys, async (store) => {
      const first = await outcomeOf<StoredKey | undefined>(store.get('signer'))
      const created: StoredKey = { id: 'signer', publicKey, privateKey }
      if (!first) store.add(created)
      return first ?? created
    })
  }
  const { publicKey, privateKey } = stored
  const { kty = '', crv = '', x = '', y = '' } = await crypto.subtle.exportKey('jwk', publicKey)
  return createRemoteSigner({
    jwk: { kty, crv, x, y },
    sign: async (bytes) =>
      new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, bytes)),
  })
}

/** A store that the page's tabs share. */
function createStore(database: IDBDatabase): AgentStore {
  const keyOf = (owner: string, { kind, id }: RecordName) => [owner, kind, id]
  const leases = new Map<string, { key: string[]; until: number }>()
  // A page that is gone would otherwise block the others until its leases expire.
  addEventListener('pagehide', () => {
    // If this fails, they expire on their own. Another tab may hold one that has expired.
    change(database, records, async (store) => {
      for (const { key, until } of leases.values()) if (until > systemClock()) store.delete(key)
      store.transaction.commit()
    }).catch(() => undefined)
  })
  // Arrays sort after strings.
  const rangeOf = (owner: string) => IDBKeyRange.bound([owner], [owner, []])
  return {
    isShared: true,
    list: async (owner) =>
      (await readFrom<StoredRecord[]>(database, records, (store) => store.getAll(rangeOf(owner)))).map(
        ({ owner: _owner, ...record }) => record,
      ),
    put: async (owner, record) => {
      await change(database, records, async (store) => store.put({ ...record, owner }))
    },
    add: (owner, record) =>
      change(database, records, async (store) => {
        const there = await outcomeOf<StoredRecord | undefined>(store.get(keyOf(owner, record)))
        if (!there) {
          store.add({ ...record, owner })
          if (record.kind === 'lease') leases.set(record.id, { key: keyOf(owner, record), until: record.until ?? 0 })
        }
        return there ?? record
      }),
    remove: (owner, name) => {
      leases.delete(name.id)
      return change(database, records, async (store) => {
        const count = await outcomeOf(store.count(keyOf(owner, name)))
        store.delete(keyOf(owner, name))
        return count > 0
      })
    },
    forget: async (owner) => {
      await change(database, records, async (store) => store.delete(rangeOf(owner)))
    },
  }
}

async function removeExpired(database: IDBDatabase): Promise<void> {
  const now = systemClock()
  await change(database, records, async (store) => {
    for (const { owner, kind, id, until } of await outcomeOf<StoredRecord[]>(store.getAll()))
      if (until !== undefined && until < now) store.delete([owner, kind, id])
  })
}

const readFrom = <T>(database: IDBDatabase, name: string, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> =>
  outcomeOf(ask(database.transaction(name).objectStore(name)))

/** Runs work in one transaction, which no other tab interrupts, and resolves when its changes are on the disk. */
async function change<T>(database: IDBDatabase, name: string, work: (store: IDBObjectStore) => Promise<T>): Promise<T> {
  const transaction = database.transaction(name, 'readwrite', { durability: 'strict' })
  const done = new Promise<void>((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve())
    transaction.addEventListener('abort', () => reject(transaction.error))
  })
  const [result] = await Promise.all([work(transaction.objectStore(name)), done])
  return result
}

function outcomeOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error))
  })
}
