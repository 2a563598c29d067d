import type { RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import type { Route } from 'countersign-gateway'
import { describeOracle } from './describe-oracle.js'
import { files, list, pages, users } from './known-tables.js'
import { colonSegment, mountedRows, writtenPath } from './mounted-rows.js'
import { type RouterUnderTest, runByListener } from './router-under-test.js'

/** Common to versions 4 and 5; version 4 has different types. */
interface FastifyApp {
  route(options: {
    method: string[]
    url: string
    handler: (request: unknown, reply: FastifyReply) => unknown
  }): unknown
  ready(): PromiseLike<unknown>
  routing: RequestListener
}
interface FastifyReply {
  send(body: string): unknown
}
type CreateFastify = (options: object) => FastifyApp

const require = createRequire(import.meta.url)
const fastify4 = require('fastify-4') as CreateFastify
const fastify5 = require('fastify') as CreateFastify

/** Fastify with find-my-way 8 (version 4) or 9 (version 5). */
function fastifyRouter(name: string, create: CreateFastify, options: object, ignoresCase = false): RouterUnderTest {
  return {
    name,
    ignoresCase,
    mount: (routes) => runByListener((report) => openFastify(create, options, routes, report)),
  }
}

async function openFastify(
  create: CreateFastify,
  options: object,
  routes: readonly Route[],
  report: (row: number) => void,
): Promise<RequestListener> {
  const app = create({ exposeHeadRoutes: false, ...options })
  for (const mounted of mountedRows(routes)) {
    const url = writtenPath(mounted, { segment: colonSegment, rest: '/*' })
    const handler = (_: unknown, reply: FastifyReply) => {
      report(mounted.row)
      return reply.send('')
    }
    app.route({ method: [...mounted.methods], url, handler })
  }
  await app.ready()
  return app.routing
}

const lenient = { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true }
const routers = [
  fastifyRouter('Fastify 4', fastify4, {}),
  fastifyRouter('Fastify 4, lenient', fastify4, lenient, true),
  fastifyRouter('Fastify 5', fastify5, {}),
  fastifyRouter('Fastify 5, lenient', fastify5, { routerOptions: { ...lenient, useSemicolonDelimiter: true } }, true),
]

const known = { router: 'Fastify 4', runs: 0 }
// G51
describeOracle('Fastify', {
  routers,
  known: [
    {
      ...known,
      finding: 'a query after ;',
      routes: users,
      targets: ['/users/7;/avatar', '/users/7;x/avatar', '/users/7;a=b/avatar'],
    },
    { ...known, finding: 'a query after ;', routes: users, method: 'DELETE', runs: 1, targets: ['/users/7;/avatar'] },
    { ...known, finding: 'a file before ;', routes: files, targets: ['/files/secret.pdf;.jpg', '/files/secret;.jpg'] },
    { ...known, finding: 'G50', routes: list, runs: 1, targets: ['/users/', '/users/?7'] },
    {
      ...known,
      router: 'Fastify 5',
      finding: 'G50',
      routes: pages,
      runs: 1,
      targets: [`/pages/${'a'.repeat(101)}`],
    },
  ],
})
