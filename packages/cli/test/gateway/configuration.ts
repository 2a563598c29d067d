import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
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

/** A configuration of a loopback gateway in front of an API, with changes. */
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

export const newSigner = async (): Promise<Signer> => createSigner(await generatePrivateJwk())

/** A signed POST of `/signed`, by a new key unless one is given. */
export async function signedPost(id: string, given?: Signer): Promise<Request> {
  const signer = given ?? (await newSigner())
  return signRequest(new Request(`${id}/signed`, { method: 'POST' }), {
    profile: january.signing,
    signer,
    signatureKey: { scheme: 'hwk', jwk: signer.jwk },
  })
}

/** Sends a copy of a request to a gateway on a new connection, and returns the status. @param from the address of its client */
export async function send(request: Request, port: number, from = '192.0.2.1'): Promise<number> {
  const headers = { ...Object.fromEntries(request.headers), connection: 'close', 'x-forwarded-for': from }
  const { pathname } = new URL(request.url)
  const response = await fetch(`http://127.0.0.1:${port}${pathname}`, { method: request.method, headers })
  await response.arrayBuffer()
  return response.status
}
