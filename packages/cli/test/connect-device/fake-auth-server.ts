import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { createSigner, generatePrivateJwk } from 'countersign'
import { onTestFinished } from 'vitest'
import { listenWith } from '../listen-with.js'

type Answer = readonly [status: number, body: object]

/** An auth server's endpoints for devices, without signatures, pages or a database. */
export interface FakeAuthServer {
  issuer: string
  /** The forms that devices posted, as `path name=value…`. */
  posted: string[]
  /** The response to each path; a list gives one response after the other, the last one repeatedly. */
  answers: Record<string, Answer[]>
  /** Members of the agent document; undefined for an auth server without personal agents. */
  document: Record<string, unknown> | undefined
}

export const laptop = { name: 'A1b2C3d4E5f6G7h8I9j0K1', device: 'laptop', account: 'ada' }

/** A refusal, as devices receive it. */
export function refusal(error: string, status = 403): Answer {
  return [status, { error, error_description: `This is ${error}.` }]
}

/** Starts the fake. It accepts every code. */
export async function startFakeAuthServer({ isRemote = false } = {}): Promise<FakeAuthServer> {
  const { jwk } = await createSigner(await generatePrivateJwk())
  const { origin: issuer, close } = await listenWith((incoming, outgoing) => {
    void answer(incoming, outgoing)
  })
  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { url = '', method } = incoming
    const documents: Record<string, unknown> = { '/.well-known/aauth-agent': fake.document, '/jwks': { keys: [jwk] } }
    const form = method === 'POST' ? decodeURIComponent(await text(incoming)) : ''
    if (method === 'POST') fake.posted.push(`${url} ${form}`.trim())
    const waiting = fake.answers[url] ?? []
    const chosen = waiting.length > 1 ? waiting.shift() : waiting[0]
    const [status, body] = chosen ?? ([200, documents[url]] as const)
    outgoing.writeHead(body ? status : 404, { 'content-type': 'application/json', 'retry-after': '1' })
    outgoing.end(JSON.stringify(body ?? {}))
  }
  onTestFinished(close)
  const fake: FakeAuthServer = {
    issuer,
    posted: [],
    answers: {
      '/delegates': [[201, { ...laptop, issuer }]],
      '/delegates/status': [[200, laptop]],
      '/delegates/disconnect': [[200, { disconnected: true, ...laptop }]],
    },
    document: {
      agent: issuer,
      jwks_uri: `${issuer}/jwks`,
      redirect_uris: ['http://127.0.0.1/callback'],
      device_authorization_uri: `${issuer}/account/devices/connect`,
      ...(isRemote ? { device_code_uri: `${issuer}/account/devices/code` } : {}),
    },
  }
  return fake
}
