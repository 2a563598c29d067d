import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { Client as StatelessClient, StreamableHTTPClientTransport as StatelessHttp } from '@modelcontextprotocol/client'
import { Client as SessionClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as SessionHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, createAgent } from 'countersign/agent'
import { mcpTimeouts } from 'countersign/agent/mcp'
import { createNodeListener, loopbackConsent } from 'countersign/node'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { freePort } from '../../../test/free-port.js'
import { protectServer, type ServerEra } from './mcp/protected-server.js'
import { openParties } from './own-agent.js'
import { decidesAt } from './terminal-person.js'

const parties = openParties()

/** An agent of this machine, whose user decides when told to. */
async function openAgent(): Promise<{ agent: Agent; pages: string[] }> {
  const pages: string[] = []
  let agent: Agent | undefined
  const port = await freePort()
  const id = `http://127.0.0.1:${port}`
  const server = createServer(createNodeListener(async (request) => (agent as Agent).handler(request), { origin: id }))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  agent = createAgent({
    id,
    signer: await createSigner(await generatePrivateJwk({ kid: '1' })),
    authServers: [parties.authServer],
    consent: loopbackConsent({ onConsent: ({ url }) => void pages.push(url) }),
    allowInsecureLoopback: true,
  })
  return { agent, pages }
}

interface Program {
  call: (timeouts?: Parameters<SessionClient['callTool']>[2]) => Promise<unknown>
}

async function openProgram(era: ServerEra, url: string, agent: Agent): Promise<Program> {
  if (era === 'sessions') {
    const client = new SessionClient({ name: 'planner', version: '1' })
    const transport = new SessionHttp(new URL(url), { fetch: agent.fetch })
    onTestFinished(() => client.close())
    await client.connect(transport)
    return { call: (given) => client.callTool({ name: 'read' }, undefined, given) }
  }
  const client = new StatelessClient(
    { name: 'planner', version: '2' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  onTestFinished(() => client.close())
  await client.connect(new StatelessHttp(new URL(url), { fetch: agent.fetch }))
  return { call: (given) => client.callTool({ name: 'read' }, given) }
}

describe.each<ServerEra>(['sessions', 'stateless'])('a program with the SDK of the era “%s” and agent.fetch', (era) => {
  it('waits for the user as long as mcpTimeouts allows', async () => {
    const { url } = await protectServer(era, { authServer: parties.authServer })
    const { agent, pages } = await openAgent()
    const program = await openProgram(era, url, agent)
    const call = program.call(mcpTimeouts({ patience: 100 }))
    await expect.poll(() => pages).toHaveLength(1)
    await setTimeout(300)
    decidesAt('grant').decide(pages[0] ?? '')
    expect(await call).toMatchObject({ content: [{ text: 'read' }] })
  })

  it('times out before the user has decided, and the next call works', async () => {
    const { url } = await protectServer(era, { authServer: parties.authServer })
    const { agent, pages } = await openAgent()
    const program = await openProgram(era, url, agent)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const late = expect(program.call(mcpTimeouts({ patience: 100 }))).rejects.toThrow(/timed out/i)
    await expect.poll(() => pages).toHaveLength(1)
    vi.advanceTimersByTime(100_000)
    await late
    vi.useRealTimers()
    const person = decidesAt('grant')
    person.decide(pages[0] ?? '')
    expect(await person.page()).toContain('data-state="allowed"')
    expect(await program.call(mcpTimeouts())).toMatchObject({ content: [{ text: 'read' }] })
    expect(pages).toHaveLength(1)
  })
})
