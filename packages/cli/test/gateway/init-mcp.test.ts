import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNodeListener } from 'countersign/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { listenWith } from '../../../countersign/test/resource/events-resource.js'
import { openClient } from '../mcp/clients.js'
import { tools } from '../mcp/offered.js'
import { pagesIn } from '../mcp/open-protected.js'
import type { McpServerAtHand, ServerEra } from '../mcp/protected-server.js'
import { sessionEra } from '../mcp/session-era.js'
import { statelessEra } from '../mcp/stateless-era.js'
import { newAgent, openParties } from '../own-agent.js'
import { runInProcess, startProgram } from '../run-program.js'
import { decidesAt } from '../terminal-person.js'

const parties = openParties()

/** An MCP server without protection. */
async function openUnprotected(server: McpServerAtHand): Promise<string> {
  const listener = createNodeListener((request) => server.answer(request), { origin: 'http://127.0.0.1' })
  const port = await listenWith(createServer(listener))
  onTestFinished(() => server.close())
  return `http://127.0.0.1:${port}`
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-gateway-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('countersign gateway init --mcp', () => {
  it.each<[ServerEra, () => McpServerAtHand]>([
    ['sessions', sessionEra],
    ['stateless', statelessEra],
  ])('writes a configuration that protects a server of the era “%s”', async (_era, create) => {
    const upstream = await openUnprotected(create())
    const folder = newFolder()
    const file = join(folder, 'gateway.json')
    const id = `http://127.0.0.1:${await freePort()}`
    const { authServer } = parties
    const flags = ['--mcp', `${upstream}/mcp`, '--id', id, '--auth-server', authServer, '--output', file]
    const done = await runInProcess('gateway', 'init', ...flags)
    expect(done).toMatchObject({ status: 0, stdout: '' })
    expect(done.stderr).toContain(`Clients connect to ${id}/mcp. Only the gateway may reach ${upstream}.\n`)
    expect(done.stderr).toContain('To accept them, add "accept": ["aauth", "oauth"] to the entry in mcp')
    expect(done.stderr).toContain(`${tools.length} tools, 1 resource, 1 prompt, 2 permissions.`)
    const written = JSON.parse(readFileSync(file, 'utf8')) as object
    expect(written).toMatchObject({
      upstream,
      scopes: {
        'notes.read': 'See your data in notes',
        'notes.write': 'Create, change and delete your data in notes',
      },
      mcp: [
        {
          path: '/mcp',
          tools: Object.fromEntries(tools.map(({ name }) => [name, 'notes.write'])),
          resources: { 'note://*': 'notes.read' },
          prompts: { greet: 'notes.read' },
        },
      ],
    })
    expect(written).not.toHaveProperty('routes')

    await runInProcess('agent', 'keys', 'generate', '--output', join(folder, 'api-key.json'))
    expect(await runInProcess('gateway', 'check', '--config', file)).toMatchObject({ status: 0, stderr: '' })
    const gateway = startProgram(['gateway', 'start', '--config', file])
    await gateway.seen(/Protecting /)
    expect((await fetch(`${id}/mcp`, { method: 'POST', body: '{}' })).status).toBe(401)
    const agent = await newAgent([authServer])
    const bridge = await openClient('sessions', { url: `${id}/mcp`, folder: agent.folder })
    expect(await bridge.tools()).toEqual(tools.map(({ name }) => name))
    const call = bridge.call('hello', { name: 'Ada' })
    await expect.poll(() => pagesIn(bridge.stderr())).toHaveLength(1)
    decidesAt('grant').decide(pagesIn(bridge.stderr())[0] ?? '')
    expect(await call).toEqual({ text: 'hello Ada', isError: false })
    await bridge.close()
    expect((await gateway.stop()).status).toBe(0)
  })

  it('says what to do if there is no such server, or if it cannot be protected', async () => {
    const flags = ['--id', 'https://notes.example', '--auth-server', 'https://auth.example']
    const init = async (...more: string[]) => runInProcess('gateway', 'init', ...more, ...flags)
    const upstream = await openUnprotected(sessionEra())
    expect(JSON.parse((await init('--mcp', `${upstream}/mcp`)).stdout)).toMatchObject({ mcp: [{ path: '/mcp' }] })
    const other = `http://127.0.0.1:${await listenWith(createServer((_, outgoing) => void outgoing.writeHead(404).end()))}`
    const cases: [string[], number, RegExp][] = [
      [['--mcp', `http://127.0.0.1:${await freePort()}/mcp`], 3, /127\.0\.0\.1:\d+ did not respond: .*ECONNREFUSED/],
      [
        ['--mcp', `${other}/mcp`],
        1,
        /responded with status 404\. Check that http.*\/mcp is the server’s Streamable HTTP endpoint/,
      ],
      [['--mcp', upstream], 2, /--mcp must be the URL of the MCP server with its path, such as/],
      [['--mcp', `${upstream}/mcp?x`], 2, /--mcp must be the URL of the MCP server with its path/],
      [['--mcp', `${upstream}/%7Emcp`], 2, /--mcp: the path \/%7Emcp has %7E, an unnecessary escape/],
      [['--mcp', `${upstream}/mcp`, '--upstream', upstream], 2, /--mcp.*cannot be used with option '--upstream/],
      [['openapi.yaml', '--mcp', `${upstream}/mcp`], 2, /requires either an OpenAPI file or --mcp <url>/],
      [[], 2, /requires either an OpenAPI file or --mcp <url>/],
    ]
    for (const [given, status, stderr] of cases)
      expect(await init(...given), given.join(' ')).toMatchObject({
        status,
        stdout: '',
        stderr: expect.stringMatching(stderr) as string,
      })
  })
})
