import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type AuthTokenClaims, january, serializeChallenge } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { freePort } from '../../../../test/free-port.js'

/** How often an agent is killed: 200 times in `npm run test:long`. */
const kills = process.env.LONG_TESTS ? 200 : 12

const jwk = await generatePrivateJwk({ kid: 'agent-1' })
const signer = await createSigner(await generatePrivateJwk({ kid: 'peer-1' }))
const thumbprint = (await createSigner(jwk)).thumbprint
let origin: string
let port: number
let folder: string
let requests = 0
let codes = 0
/** What was asked for, by request token, and the codes that stand for it. */
const usedCodes = new Set<string>()

/** An API and an auth server in one: it gives a token for any code, once. */
const peer = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    void answer(incoming.url ?? '', String(incoming.headers['signature-key']), Buffer.concat(chunks).toString()).then(
      ({ status = 200, headers = {}, body }) => {
        outgoing.writeHead(status, { 'content-type': 'application/json', ...headers })
        outgoing.end(body)
      },
    )
  })
})

interface Answer {
  status?: number
  headers?: Record<string, string>
  body: string
}

async function answer(path: string, key: string, body: string): Promise<Answer> {
  const exp = Math.floor(Date.now() / 1000) + 3600
  const agent = `http://127.0.0.1:${port}`
  if (path === '/data' && key.includes('scheme=jwt')) return { body: '"data"' }
  if (path === '/data') {
    const claims = { iss: origin, aud: origin, agent, agent_jkt: thumbprint, scope: 'data.read', exp }
    const resourceToken = await issueToken(january.tokens.resource, claims, { signer })
    const challenge = serializeChallenge({ level: 'authorization', resourceToken, authServer: origin })
    return { status: 401, headers: { 'agent-auth': challenge }, body: '{}' }
  }
  if (path === '/agent/token') {
    const form = new URLSearchParams(body)
    if (form.get('request_type') === 'auth') {
      requests += 1
      return { body: JSON.stringify({ request_token: `request-${requests}`, expires_in: 600 }) }
    }
    const code = form.get('code') ?? ''
    if (usedCodes.has(code)) return { status: 400, body: '{"error":"invalid_grant"}' }
    usedCodes.add(code)
    const { kty, crv, x } = jwk
    const claims: AuthTokenClaims = {
      iss: origin,
      aud: origin,
      agent,
      sub: 'alice',
      cnf: { jwk: { kty, crv, x } as never },
      exp,
    }
    return { body: JSON.stringify({ auth_token: await issueToken(january.tokens.auth, claims, { signer }) }) }
  }
  if (path.startsWith('/.well-known/'))
    return {
      body: JSON.stringify({
        issuer: origin,
        resource: origin,
        jwks_uri: `${origin}/jwks.json`,
        agent_token_endpoint: `${origin}/agent/token`,
        agent_auth_endpoint: `${origin}/agent/auth`,
      }),
    }
  return { body: JSON.stringify({ keys: [signer.jwk] }) }
}

beforeAll(async () => {
  peer.listen(0, '127.0.0.1')
  await once(peer, 'listening')
  origin = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`
  port = await freePort()
})
afterAll(() => void peer.close())

const running = new Set<ChildProcess>()
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** The person: whoever is sent to a page allows it after a moment; gives what the agent's page says. */
async function allow(url: string): Promise<string | undefined> {
  const { searchParams } = new URL(url)
  const callback = new URL(searchParams.get('redirect_uri') ?? '')
  callback.searchParams.set('state', searchParams.get('state') ?? '')
  codes += 1
  callback.searchParams.set('code', `code-${codes}`)
  const page = await fetch(callback).catch(() => undefined)
  return /data-state="(\w+)"/.exec((await page?.text().catch(() => undefined)) ?? '')?.[1]
}

/** Runs the agent until it has its answer, or is killed; what it was told meanwhile. */
async function run(
  life: number,
): Promise<{ asked: string[]; pages: (string | undefined)[]; answer: string | undefined }> {
  const path = fileURLToPath(new URL('killed-agent.mjs', import.meta.url))
  const child = fork(path, [JSON.stringify({ port, folder, jwk, api: origin, authServer: origin })], { execArgv: [] })
  running.add(child)
  const asked: string[] = []
  const deciding: Promise<string | undefined>[] = []
  let told: string | undefined
  child.on('message', ({ url, answer: said }: { url?: string; answer?: string }) => {
    if (said !== undefined) {
      told = said
      child.kill('SIGKILL')
    } else if (url !== undefined) {
      asked.push(url)
      deciding.push(allow(url))
    }
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), life)
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  expect(signal, 'it ends by a kill alone').toBe('SIGKILL')
  clearTimeout(timer)
  running.delete(child)
  return { asked, pages: await Promise.all(deciding), answer: told }
}

it(`an agent that is killed ${kills} times while it gets a token asks for nothing that it has, and once more at most for each kill`, {
  timeout: 600_000,
}, async () => {
  let killed = 0
  let answered = 0
  while (killed < kills) {
    folder = mkdtempSync(join(tmpdir(), 'countersign-killed-'))
    try {
      let hasWorked = false
      const pages = new Set<string>()
      let killedHere = 0
      for (let tries = 0; tries < 40; tries++) {
        // From before the first request to after the last one.
        const { asked, pages: seen, answer: got } = await run(tries < 6 ? 80 + Math.random() * 250 : 20_000)
        if (hasWorked) expect(asked, 'nothing is asked after the page said that it worked').toEqual([])
        for (const url of asked) pages.add(url)
        expect(pages.size).toBeLessThanOrEqual(killedHere + 1)
        if (seen.includes('allowed')) hasWorked = true
        if (got !== undefined) {
          expect(got).toBe('"data"')
          answered += 1
          break
        }
        killed += 1
        killedHere += 1
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  expect(answered).toBeGreaterThan(0)
})
