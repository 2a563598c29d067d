import Database from 'better-sqlite3'
import type { Signer } from 'countersign'
import { january } from 'countersign/editions'
import { receiveRequest, signRequest } from 'countersign/signatures'
import { type AuthServerOptions, createAuthServer, fixedKeys, type Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { onTestFinished } from 'vitest'
import { temporaryFile } from '../storage/temporary-file.js'
import { newSigner } from './party.js'

export const issuer = 'https://auth.example'

/** Opens two instances of one server, and serves any agent under crowd.example: the owner of a domain can create any number of agents. */
export async function openCrowd({
  wrap = (storage) => storage,
  ...options
}: Partial<AuthServerOptions> & { wrap?: (storage: Storage) => Storage } = {}) {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const file = temporaryFile()
  const storages = [1, 2].map(() => sqliteStorage(file, { now, sweepInterval: 0 }))
  onTestFinished(async () => void (await Promise.all(storages.map((storage) => storage.close()))))
  const keys = fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) })
  const signer = await newSigner()
  const servers = storages.map((storage) =>
    createAuthServer({
      issuer,
      keys,
      storage: wrap(storage),
      now,
      fetch: async (url) => documentOf(url, signer),
      discovery: { fetchesPerMinute: 100_000, fetchesPerSource: 100_000, failureTime: 'shortest' },
      ...options,
    }),
  )
  let sent = 0
  async function ask(agent: string, address: string, redirectUri = `${agent}/callback`): Promise<Response> {
    const form = new URLSearchParams({ request_type: 'auth', scope: 'data.read', redirect_uri: redirectUri })
    const request = await signRequest(new Request(`${issuer}/agent/token`, { method: 'POST', body: form }), {
      profile: january.signing,
      signer,
      signatureKey: { scheme: 'jwks', id: agent, kid: signer.kid, wellKnown: 'aauth-agent' },
      created: clock.now,
    })
    const server = servers[sent++ % servers.length]
    return server?.handler(request, receiveRequest(request, address)) ?? Response.error()
  }
  const [storage] = storages
  if (!storage) throw new TypeError('expected two storages')
  return { ask, clock, storage, rows: (table: string) => countRows(file, table) }
}

/** Returns the document that an agent publishes. An agent whose name starts with `missing` publishes none. */
export async function documentOf(url: string, signer: Signer): Promise<Response> {
  const { origin, hostname, pathname } = new URL(url)
  if (hostname.startsWith('missing')) return new Response(null, { status: 404 })
  if (pathname === '/jwks.json') return Response.json({ keys: [signer.jwk] })
  if (pathname !== '/.well-known/aauth-agent') return new Response(null, { status: 404 })
  return Response.json({ agent: origin, jwks_uri: `${origin}/jwks.json`, redirect_uris: [`${origin}/callback`] })
}

function countRows(file: string, table: string): number {
  const database = new Database(file, { readonly: true })
  try {
    return database.prepare<[], { rows: number }>(`SELECT count(*) AS rows FROM "${table}"`).get()?.rows ?? 0
  } finally {
    database.close()
  }
}
