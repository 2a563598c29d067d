import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { openCallbackPort } from '../../../src/mcp/consent/callback-port.js'

async function openBridge(secret: string) {
  const folder = `/agents/${crypto.randomUUID()}`
  const port = await openCallbackPort({ folder, url: 'https://api.example/mcp', secret })
  onTestFinished(() => port.close())
  const desk = {
    decision: async () => 'open',
    note: () => undefined,
    isDenied: () => false,
    onAllowed: () => undefined,
  }
  port.serve(async () => new Response('heard'), desk as never)
  return port
}

/** A program that answers all it is asked as a test says. */
async function openStranger(answer: (path: string) => Promise<string>): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    void answer(incoming.url ?? '/').then((text) => outgoing.end(text))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`
}

const pageTo = (redirectUri: string) =>
  `https://auth.example/decide?${new URLSearchParams({ redirect_uri: redirectUri }).toString()}`

// M08
it('knows another bridge of its agent at a port from another program that took it', async () => {
  const [bridge, other] = await Promise.all([openBridge('a'), openBridge('a')])
  expect(await bridge.hear(pageTo(other.redirectUri))).toBe(true)
  expect(await bridge.hear(pageTo(other.redirectUri)), 'again').toBe(true)
  expect(await bridge.hear(pageTo((await openBridge('b')).redirectUri)), 'of another agent').toBe(false)
  const stranger = pageTo(await openStranger(async () => 'hello'))
  expect(await bridge.hear(stranger)).toBe(false)
  expect(await bridge.hear(stranger), 'again').toBe(false)
  const { origin } = new URL(other.redirectUri)
  const passing = await openStranger(async (path) => (await fetch(origin + path)).text())
  expect(await bridge.hear(pageTo(passing)), 'one that passes on what it is asked').toBe(false)
})

it('takes a port over that nobody has any more', async () => {
  const [bridge, other] = await Promise.all([openBridge('a'), openBridge('a')])
  await other.close()
  expect(await bridge.hear(pageTo(other.redirectUri))).toBe(true)
  expect(await (await fetch(`${other.redirectUri}?state=x`)).text()).toBe('heard')
})
