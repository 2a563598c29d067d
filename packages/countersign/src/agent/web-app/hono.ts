/**
 * The agent of a web app in Hono: `createAppAgent`, with a session for each browser.
 *
 * @packageDocumentation
 */

import type { Context, Env, Input, MiddlewareHandler } from 'hono'
import type { MaybePromise } from '../../lib/maybe-promise.js'
import { type AppAgentOptions, createWebApp, type PageAgent } from './create-web-app.js'
import { type PageHead, withHead } from './page-head.js'
import type { Visit } from './visit.js'

/**
 * The agent of a web app in Hono. Each browser has its own session. When its user must decide, the browser is redirected to the auth server
 * and returns to the page it was on.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const calendar = createAppAgent({ id: 'https://calendar.example', signer, authServers: ['https://auth.example'], store })
 * app.use(calendar.ownRoutes)
 * app.get('/events', calendar.page(async (c, { fetch }) => c.text(await (await fetch('https://api.example/events')).text())))
 * app.post('/sign-out', calendar.signOut)
 * ```
 */
export function createAppAgent(options: AppAgentOptions<Context>) {
  const { agent, isOwn, isOwnCookie, serve, makePage, signOut } = createWebApp(options)

  function visitOf(c: Context, addCookie: Visit<Context>['addCookie']): Visit<Context> {
    const { pathname, search } = new URL(c.req.url)
    const header = (name: string) => c.req.header(name)
    return { request: c, method: c.req.method, target: pathname + search, header, addCookie }
  }

  const ownRoutes: MiddlewareHandler = async function ownRoutes(c, next) {
    if (isOwn(c.req.path)) return serve(c.req.raw, c)
    await next()
    return undefined
  }

  /** A page handler that can use the agent of this browser's session. Any other errors it throws are rethrown. */
  function page<E extends Env, P extends string, I extends Input>(
    handler: (c: Context<E, P, I>, agent: PageAgent) => MaybePromise<Response>,
  ) {
    return async function agentPage(c: Context<E, P, I>): Promise<Response> {
      const head: PageHead = { cookies: [], isOwnCookie }
      const addCookie = (cookie: string) => void head.cookies.push(cookie)
      const page = await makePage(visitOf(c, addCookie), (actions) => handler(c, actions))
      return withHead('made' in page ? page.made : page.answer, head)
    }
  }

  return { agent, ownRoutes, page, signOut: (c: Context) => signOut(visitOf(c, () => undefined)) }
}
