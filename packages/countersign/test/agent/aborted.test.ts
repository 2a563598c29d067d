import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createAgent } from 'countersign/agent'
import { expect, it, onTestFinished } from 'vitest'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** A server that never responds, or sends only the beginning of a response. */
async function openSilent(): Promise<{ origin: string; asked: () => number }> {
  let asked = 0
  const server = createServer((incoming, outgoing) => {
    asked++
    if (incoming.url === '/stream') outgoing.writeHead(200).write('first')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked }
}

async function openAgent() {
  return createAgent({
    id: 'http://127.0.0.1:21001',
    redirectUri: 'http://127.0.0.1:21001/callback',
    signer: await createSigner(await generatePrivateJwk({ kid: '1' })),
    authServers: [],
    allowInsecureLoopback: true,
  })
}

it.each(['/silent', '/stream'])(
  'a request to %s fails when it is aborted, even after garbage collection',
  async (path) => {
    const { origin, asked } = await openSilent()
    const agent = await openAgent()
    const abort = new AbortController()
    const text = agent.fetch(`${origin}${path}`, { signal: abort.signal }).then((response) => response.text())
    const failed = expect(text).rejects.toThrow('given up')
    await expect.poll(asked).toBe(1)
    for (let times = 0; times < 5; times++) {
      collectGarbage()
      await setTimeout(20)
    }
    abort.abort(new Error('given up'))
    await failed
  },
)
