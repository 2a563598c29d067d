import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january, signRequest } from 'countersign/wire'
import { onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { listenWith } from '../../../countersign/test/resource/events-resource.js'

export interface Configured {
  file: string
  id: string
  port: number
  adminPort: number
  /** The settings in the file. */
  settings: object
}

/** A configuration of a gateway on loopback, in front of an API, with changes. */
export async function configure(api: RequestListener, change: object = {}): Promise<Configured> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-gateway-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'api-key.json'), JSON.stringify(await generatePrivateJwk()))
  const file = join(folder, 'gateway.json')
  const port = await freePort()
  const adminPort = await freePort()
  const id = `http://127.0.0.1:${port}`
  const settings = {
    id,
    authServer: 'https://auth.example',
    keyFile: 'api-key.json',
    upstream: `http://127.0.0.1:${await listenWith(createServer(api))}`,
    listen: { port },
    admin: { port: adminPort },
    routes: [
      { method: 'GET', path: '/open/*', require: 'none' },
      { method: 'POST', path: '/open/*', require: 'none' },
      { method: 'GET', path: '/events/*', require: 'identity' },
      { method: 'POST', path: '/signed', require: 'signature' },
    ],
    allowInsecureLoopback: true,
    ...change,
  }
  writeFileSync(file, JSON.stringify(settings))
  return { file, id, port, adminPort, settings }
}

/** A signed POST of `/signed`, by a key of its own or the one given. */
export async function signedPost(id: string, signer = createSigner): Promise<Request> {
  const key = await signer(await generatePrivateJwk())
  return signRequest(new Request(`${id}/signed`, { method: 'POST' }), {
    profile: january.signing,
    signer: key,
    signatureKey: { scheme: 'hwk', jwk: key.jwk },
  })
}

/** Sends a copy of a request on a connection of its own, and gives the status. */
export async function send(request: Request): Promise<number> {
  const headers = { ...Object.fromEntries(request.headers), connection: 'close' }
  const response = await fetch(request.url, { method: request.method, headers })
  await response.arrayBuffer()
  return response.status
}
