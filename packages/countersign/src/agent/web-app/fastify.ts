/**
 * The agent of a web app in Fastify: `createAppAgent`, with a session for each browser.
 *
 * @packageDocumentation
 */

import type { FastifyReplyLike, FastifyRequestLike } from '../../node/fastify-like.js'
import { mountHandler } from '../../node/mounted-listener.js'
import { type AppAgentOptions, createWebApp, type PageAgent } from './create-web-app.js'
import { keepPage, nodeVisit } from './node-visit.js'

type AppRequest = Pick<FastifyRequestLike, 'raw'>

/**
 * The agent of a web app in Fastify. Each browser has its own session. When its user must decide, the browser is redirected to the auth
 * server and returns to the page it was on. In TypeScript, write `createAppAgent<FastifyRequest, FastifyReply>(…)`.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const calendar = createAppAgent({ id: 'https://calendar.example', signer, authServers: ['https://auth.example'], store })
 * app.addHook('onRequest', calendar.ownRoutes)
 * app.get('/events', calendar.page(async (request, reply, { fetch }) => (await fetch('https://api.example/events')).text()))
 * app.post('/sign-out', calendar.signOut)
 * ```
 */
export function createAppAgent<R extends AppRequest = AppRequest, S extends FastifyReplyLike = FastifyReplyLike>(
  options: AppAgentOptions<R>,
) {
  const { agent, origin, isOwn, isOwnCookie, serve, makePage, signOut } = createWebApp(options)

  /** An `onRequest` hook. */
  async function ownRoutes(request: R, reply: FastifyReplyLike): Promise<void> {
    if (!isOwn(nodeVisit(request, request.raw).target)) return
    reply.hijack()
    void mountHandler((web) => serve(web, request), { origin })(request.raw, reply.raw)
  }

  /** A page handler that can use the agent of this browser's session. Any other errors it throws are rethrown. */
  function page<Q extends R, P extends S>(handler: (request: Q, reply: P, agent: PageAgent) => unknown) {
    return async function agentPage(request: Q, reply: P): Promise<unknown> {
      const visit = { ...nodeVisit(request, request.raw), addCookie: keepPage(reply.raw, isOwnCookie) }
      const page = await makePage(visit, (actions) => handler(request, reply, actions))
      return 'made' in page ? page.made : send(page.answer, reply)
    }
  }

  const leave = async (request: R, reply: FastifyReplyLike) =>
    send(await signOut(nodeVisit(request, request.raw)), reply)
  return { agent, ownRoutes, page, signOut: leave }
}

async function send(answer: Response, reply: FastifyReplyLike): Promise<unknown> {
  reply.code(answer.status)
  for (const [name, value] of answer.headers) reply.header(name, value)
  return reply.send(await answer.text())
}
