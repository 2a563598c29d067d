/**
 * The agent of a web app in Express: `createAppAgent`, with a session for each browser.
 *
 * @packageDocumentation
 */

import type { NodeRequest } from '../../httpsig/receive-incoming.js'
import { mountHandler } from '../../node/mounted-listener.js'
import { type NodeResponse, sendResponse } from '../../node/send-response.js'
import { type AppAgentOptions, createWebApp, type PageAgent } from './create-web-app.js'
import { keepPage, nodeVisit } from './node-visit.js'

type Next = (error?: unknown) => void

/**
 * The agent of a web app in Express. Each browser has its own session. When its user must decide, the browser is redirected to the auth
 * server and returns to the page it was on. In TypeScript, write `createAppAgent<Request, Response>(…)` with Express’s types.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const calendar = createAppAgent({ id: 'https://calendar.example', signer, authServers: ['https://auth.example'], store })
 * app.use(calendar.ownRoutes)
 * app.get('/events', calendar.page(async (req, res, { fetch }) => res.send(await (await fetch('https://api.example/events')).text())))
 * app.post('/sign-out', calendar.signOut)
 * ```
 */
export function createAppAgent<R extends NodeRequest = NodeRequest, S extends NodeResponse = NodeResponse>(
  options: AppAgentOptions<R>,
) {
  const { agent, origin, isOwn, isOwnCookie, serve, makePage, signOut } = createWebApp(options)
  /** Mount it on the app itself, not on a router. */
  function ownRoutes(req: R, res: NodeResponse, next: Next): void {
    if (isOwn(nodeVisit(req, req).target)) void mountHandler((request) => serve(request, req), { origin })(req, res)
    else next()
  }

  /** A page handler that can use the agent of this browser's session. Any other errors it throws are passed to `next`. */
  function page<Q extends R, P extends S>(handler: (req: Q, res: P, agent: PageAgent) => unknown) {
    async function answer(req: Q, res: P): Promise<void> {
      const visit = { ...nodeVisit(req, req), addCookie: keepPage(res, isOwnCookie) }
      const page = await makePage(visit, (actions) => handler(req, res, actions))
      if ('answer' in page) await sendResponse(page.answer, res, visit.method)
    }
    return (req: Q, res: P, next: Next): void => void answer(req, res).catch(next)
  }

  async function leave(req: R, res: NodeResponse): Promise<void> {
    await sendResponse(await signOut(nodeVisit(req, req)), res, 'POST')
  }
  const signOutHandler = (req: R, res: NodeResponse, next: Next): void => void leave(req, res).catch(next)
  return { agent, ownRoutes, page, signOut: signOutHandler }
}
