import { createServer } from 'node:http'
import { createGateway, createSubrequestGateway } from 'countersign-gateway'
import { listening } from './listening.mjs'
import { startNginx } from './nginx.mjs'
import { createPlainProxy } from './plain-proxy.mjs'
import { scope } from './world.mjs'

const loopback = '127.0.0.1'
const routes = ['/events', '/stream'].map((path) => ({ method: 'GET', path, require: 'authorization', scope }))

/** The proxies between the client and the API. The first two are the baselines for the gateway. */
export const proxies = [
  {
    name: 'plain proxy',
    isProxy: true,
    keepsStreams: true,
    start: ({ apiPort }) => listening(createPlainProxy(apiPort)),
  },
  {
    name: 'plain proxy + one raw verification',
    isProxy: true,
    start: ({ apiPort, rawVerify }) => listening(createPlainProxy(apiPort, rawVerify)),
  },
  {
    name: 'gateway',
    isProxy: true,
    keepsStreams: true,
    of: 'plain proxy + one raw verification',
    goal: 0.6,
    start: ({ apiPort, limitedResource: resource }) =>
      listening(createGateway({ resource, upstream: `http://${loopback}:${apiPort}`, routes }).server),
  },
  {
    name: nginxName(),
    isProxy: true,
    of: 'plain proxy + one raw verification',
    async start({ apiPort, limitedResource: resource }) {
      const asked = createSubrequestGateway({ resource, routes, proxy: 'nginx', trustProxy: [loopback] })
      const { port, server } = await listening(asked.server)
      return { server, ...(await startNginx({ verifyPort: port, apiPort })) }
    },
  },
]

/** Skipped if nginx is not installed. */
export function nginxName() {
  return 'nginx asking gateway --verify-only'
}

/** The API behind the proxies: returns the response of the bare server, and event streams that stay open. */
export function startApi(answer) {
  return listening(
    createServer((incoming, outgoing) => {
      if (!incoming.url.startsWith('/stream')) return answer(incoming, outgoing)
      outgoing.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      outgoing.write(`data: ${'x'.repeat(100)}\n\n`)
    }),
  )
}
