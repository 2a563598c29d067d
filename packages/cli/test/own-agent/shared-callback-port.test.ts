import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { generatePrivateJwk } from 'countersign'
import { loopbackConsent } from 'countersign/node'
import { expect, it, onTestFinished } from 'vitest'
import { openAgentPort, portSecret } from '../../src/own-agent/shared-callback-port.js'

const newAgentKey = () => generatePrivateJwk({ kid: 'agent-1' })
const agentKeys = { signing: await newAgentKey() }

const newFolder = () => `/agents/${crypto.randomUUID()}`

async function openPort(path: string, name: string, keys = agentKeys) {
  const port = await openAgentPort({ path, keys })
  onTestFinished(port.close)
  port.serve(async () => new Response(name))
  return port
}

/** A program that responds to each path as the test defines, on the first port of an agent, or on any. */
async function openStranger(port: number, respond: (path: string) => Promise<string>): Promise<void> {
  const server = createServer((incoming, outgoing) => {
    void respond(incoming.url ?? '/').then((text) => outgoing.end(text))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
}

const firstPort = (folder: string) => 61_000 + (createHash('sha256').update(folder).digest().readUInt16BE() % 4500)
const portOf = (redirectUri: string) => Number(new URL(redirectUri).port)
const visit = async (redirectUri: string) => (await fetch(`${redirectUri}?state=x`)).text()

it('is the same for all processes of an agent; the first process binds it', async () => {
  const folder = newFolder()
  const first = await openPort(folder, 'first')
  const second = await openPort(folder, 'second')
  expect(second.redirectUri).toBe(first.redirectUri)
  expect(await visit(second.redirectUri)).toBe('first')
})

it('is bound by another process after the process that has it exits', async () => {
  const folder = newFolder()
  const first = await openPort(folder, 'first')
  const second = await openPort(folder, 'second')
  first.close()
  await expect.poll(() => visit(second.redirectUri).catch(() => 'unreachable'), { interval: 20 }).toBe('second')
})

// M08
it.each<[string, (folder: string) => Promise<unknown>]>([
  ['a program unrelated to the agent', (folder) => openStranger(firstPort(folder), async () => 'hello')],
  ['a process of another agent', async (folder) => openPort(folder, 'other', { signing: await newAgentKey() })],
  [
    'a program that relays the proof of a process',
    async (folder) => {
      await openStranger(firstPort(folder), async (path) => {
        const { origin } = new URL((await openPort(newFolder(), 'elsewhere')).redirectUri)
        return (await fetch(origin + path)).text()
      })
    },
  ],
])('is the next port if %s has the first', async (_what, occupy) => {
  const folder = newFolder()
  await occupy(folder)
  const port = await openPort(folder, 'here')
  expect(portOf(port.redirectUri)).toBe(firstPort(folder) + 1)
  const second = await openPort(folder, 'second')
  expect(second.redirectUri, 'for all of them').toBe(port.redirectUri)
  expect(await visit(port.redirectUri)).toBe('here')
})

it('is another port once an unrelated program takes the port of a process that exited', async () => {
  const folder = newFolder()
  const holder = await openAgentPort({ path: folder, keys: agentKeys })
  const second = await openPort(folder, 'second')
  const { redirectUri } = holder
  expect(second.redirectUri).toBe(redirectUri)
  holder.close()
  await openStranger(portOf(redirectUri), async () => 'stranger')
  const way = await second.way.open(async () => new Response(), { state: 'x' })
  expect(portOf(way.redirectUri)).toBe(firstPort(folder) + 1)
  expect(await visit(way.redirectUri)).toBe('second')
  expect(second.redirectUri).toBe(way.redirectUri)
})

it('shows a pending consent of a process with another port while that port belongs to the agent', async () => {
  const [port, other] = [await openPort(newFolder(), 'here'), await openPort(newFolder(), 'there')]
  const answer = async () => new Response()
  const way = await port.way.open(answer, { state: 'x', redirectUri: other.redirectUri })
  expect(way.redirectUri).toBe(other.redirectUri)
  way.close()
  other.close()
  await openStranger(portOf(other.redirectUri), async () => 'stranger')
  const moved = await port.way.open(answer, { state: 'x', redirectUri: other.redirectUri })
  expect(moved.redirectUri).toBe(port.redirectUri)
})

it('is recognized by a command that prompts in the terminal', async () => {
  const port = await openPort(newFolder(), 'bridge')
  const consent = loopbackConsent({ onConsent: () => undefined, secret: portSecret(agentKeys) })
  const answer = async () => new Response('terminal')
  const way = await consent.open(answer, { state: 'x', redirectUri: port.redirectUri })
  onTestFinished(() => way.close())
  expect(way.redirectUri).toBe(port.redirectUri)
  expect(await visit(way.redirectUri)).toBe('bridge')
})

it('redirects to a page once, even from a process that does not have the port', async () => {
  const folder = newFolder()
  for (const port of [await openPort(folder, 'first'), await openPort(folder, 'second')]) {
    const link = port.createOneTimeLink('https://auth.example/page')
    const followed = await fetch(link, { redirect: 'manual' })
    expect([followed.status, followed.headers.get('location')]).toEqual([303, 'https://auth.example/page'])
    expect((await fetch(link, { redirect: 'manual' })).status).toBe(410)
  }
})
