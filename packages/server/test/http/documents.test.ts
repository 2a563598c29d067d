import { createAuthServer, fixedKeys, type ServerKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { newSigner } from '../attacks/party.js'

const issuer = 'https://auth.example'

async function openServer() {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0 })
  onTestFinished(() => storage.close())
  const fixed = fixedKeys({ signer: await newSigner(), secret: new Uint8Array(32).fill(7) })
  const keys: ServerKeys = { ...fixed, publicKeys: () => now.publicKeys() }
  const now = { publicKeys: () => fixed.publicKeys() }
  const events: { kind: string }[] = []
  const errors: unknown[] = []
  const server = createAuthServer({
    issuer,
    storage,
    keys,
    onEvent: (event) => void events.push(event),
    onError: (error) => void errors.push(error),
  })
  const ask = async (path: string, method = 'GET') => {
    const { status, headers, ...response } = await server
      .fetch(new Request(`${issuer}${path}`, { method }))
      .then(async (answer) => ({ status: answer.status, headers: answer.headers, text: await answer.text() }))
    return { status, headers: Object.fromEntries(headers), ...response }
  }
  return { ask, events, errors, now }
}

describe.each(['/.well-known/aauth-issuer', '/jwks.json'])('the document %s', (path) => {
  it('is identical the first time, later, with a query, and for HEAD without a body', async () => {
    const { ask } = await openServer()
    const first = await ask(path)
    expect(first.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'public, max-age=300' })
    expect(await ask(path)).toEqual(first)
    expect(await ask(`${path}?fresh`)).toEqual(first)
    expect(await ask(path, 'HEAD')).toEqual({ ...first, text: '' })
  })

  it('returns 405 for other methods, and lists the allowed ones', async () => {
    const { ask } = await openServer()
    await ask(path)
    expect(await ask(path, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET' } })
  })

  it('emits an event each time, by its route', async () => {
    const { ask, events } = await openServer()
    for (let times = 0; times < 3; times++) await ask(path)
    const told = { kind: 'request', route: path, path, outcome: 'ok', status: 200, method: 'GET' }
    expect(events.filter(({ kind }) => kind === 'request')).toMatchObject([told, told, told])
  })
})

it('keys are shown as they are now, and a failure to read them is reported once', async () => {
  const { ask, errors, now } = await openServer()
  await ask('/jwks.json')
  const { jwk } = await newSigner()
  now.publicKeys = async () => [jwk]
  expect(JSON.parse((await ask('/jwks.json')).text)).toEqual({ keys: [jwk] })
  const failure = new Error('the key service is not responding')
  now.publicKeys = () => Promise.reject(failure)
  expect(await ask('/jwks.json')).toMatchObject({ status: 500 })
  expect(errors).toEqual([failure])
})
