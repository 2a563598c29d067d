import { request } from 'node:http'
import type { Signer } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { expect, it } from 'vitest'
import { allow, openRequest, redeem, view } from '../attacks/flow.js'
import { newSigner } from '../attacks/party.js'
import { listenOnLoopback } from '../listening-origin.js'
import { isLong } from '../long.js'
import { type FaultStage, generous, openFaultStage } from './fault-stage.js'
import { itIf, report, rounds } from './report.js'

const patience = { timeout: 600_000 }

it(
  'a bug in a handler leads to a 500 response to that request, and the process keeps running (F17)',
  patience,
  async () => {
    const stage = await openFaultStage()
    const allowed = await allow(stage)
    stage.arm({ point: 'bug', target: 'exchange' })
    const times = rounds(5, 200)
    for (let time = 0; time < times; time += 1) {
      const response = await redeem(stage, allowed)
      const body = (await response.json()) as { error: string }
      expect([response.status, body.error]).toEqual([500, 'server_error'])
      expect(response.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
      expect(JSON.stringify(body)).not.toContain('bug in a handler')
    }
    stage.disarm()
    expect((await redeem(stage, allowed)).status).toBe(200)
    const [instance] = stage.instances
    await instance?.end('SIGTERM')
    const { status, stdout } = (await instance?.process.finished) ?? {}
    expect(status).toBe(0)
    expect(stdout?.match(/"event":"unhandled_rejection"/g)).toHaveLength(times)
    expect(stdout?.match(/"event":"request.failed"/g)).toHaveLength(times)
    await stage.expectWhole()
    report('F17', { mistakes: times })
  },
)

interface LargeAgents {
  origins: string[]
  signer: Signer
  close(): Promise<void>
}

/** Serves the given number of agents, whose documents and keys have the maximum size. */
async function serveLargeAgents(count: number): Promise<LargeAgents> {
  const signer = await newSigner()
  const padding = 'x'.repeat(15_000)
  const extra = { padding: 'y'.repeat(400) }
  const others = Array.from({ length: 99 }, (_, index) => ({ ...signer.jwk, kid: `other-${index}`, ...extra }))
  const agents = await Promise.all(Array.from({ length: count }, () => listenOnLoopback()))
  for (const agent of agents) {
    const { origin } = agent
    agent.serve(async ({ url }) => {
      if (url.endsWith('/jwks.json')) return Response.json({ keys: [signer.jwk, ...others] })
      const redirectUris = [`${origin}/callback`]
      return Response.json({ agent: origin, jwks_uri: `${origin}/jwks.json`, redirect_uris: redirectUris, padding })
    })
  }
  return {
    origins: agents.map(({ origin }) => origin),
    signer,
    close: async () => void (await Promise.all(agents.map((agent) => agent.close()))),
  }
}

async function askAs(stage: FaultStage, agent: string, signer: Signer): Promise<number> {
  const body = new URLSearchParams({ request_type: 'auth', scope: 'data.read', redirect_uri: `${agent}/callback` })
  const signatureKey = { scheme: 'jwks', id: agent, kid: signer.kid, wellKnown: 'aauth-agent' } as const
  const sent = new Request(`${stage.authServer}/agent/token`, { method: 'POST', body })
  const response = await stage.fetch(await signRequest(sent, { profile: january.signing, signer, signatureKey }))
  await response.text()
  return response.status
}

/** Sends a 64 KiB header, and returns the status, or undefined if the connection was closed. */
function sendLargeHeader(url: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = request(url, { headers: { 'x-large': 'z'.repeat(65_536) } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.once('error', () => resolve(undefined))
    sent.end()
  })
}

itIf(isLong)(
  'a server with 128 MB stays up under floods of headers and of agents with large documents (F15)',
  patience,
  async () => {
    const stage = await openFaultStage({
      settings: {
        limits: generous,
        discovery: { fetchesPerMinute: 1_000_000, fetchesPerSource: 1_000_000 },
      },
      env: { NODE_OPTIONS: '--max-old-space-size=128' },
    })

    const [headers, agents] = [5000, 2000]
    const large = await serveLargeAgents(agents)
    const statuses = new Map<number | undefined, number>()
    const note = (status: number | undefined) => statuses.set(status, (statuses.get(status) ?? 0) + 1)
    for (let sent = 0; sent < headers; sent += 20)
      await Promise.all(
        Array.from({ length: 20 }, async () => note(await sendLargeHeader(`${stage.authServer}/jwks.json`))),
      )
    expect([...statuses.keys()].filter((status) => status !== undefined && status !== 431)).toEqual([])
    statuses.clear()
    for (let asked = 0; asked < agents; asked += 20) {
      const batch = large.origins.slice(asked, asked + 20)
      await Promise.all(batch.map(async (agent) => note(await askAs(stage, agent, large.signer))))
    }
    await large.close()
    expect(stage.instances[0]?.process.child.exitCode).toBeNull()
    expect([...statuses.keys()].filter((status) => status === undefined || ![200, 429, 503].includes(status))).toEqual(
      [],
    )
    const opened = await openRequest(stage)
    const { user, page } = await view(stage, opened)
    expect((await user.submit(page, opened.url, { consent: 'grant' })).status).toBe(303)
    await stage.expectWhole()
    report('F15', {
      'large headers': headers,
      'agents with large documents': agents,
      'of them served': statuses.get(200) ?? 0,
    })
  },
)
