import type { Context, Env, Input, MiddlewareHandler } from 'hono'
import type { MaybePromise } from '../lib/maybe-promise.js'
import type { AgentActions } from './agent-options.js'
import { type AppAgentOptions, createWebApp } from './web-app/create-web-app.js'
import type { Visit } from './web-app/visit.js'

/**
 * The agent of a web app in hono: each browser has a session of its own, and where its person must decide it is led there
 * and comes back to the page it was on.
 *
 * @throws TypeError for options that cannot work
 * @example
 * ```ts
 * const calendar = createAppAgent({ id: 'https://calendar.example', signer, authServers: ['https://auth.example'], store })
 * app.use(calendar.ownRoutes)
 * app.get('/events', calendar.page(async (c, { fetch }) => c.text(await (await fetch('https://api.example/events')).text())))
 * app.post('/sign-out', calendar.signOut)
 * ```
 */
export function createAppAgent(options: AppAgentOptions<Context>) {
  const { agent, isOwn, serve, makePage, signOut } = createWebApp(options)

  function visitOf(c: Context, cookies: string[]): Visit<Context> {
    const { pathname, search } = new URL(c.req.url)
    const header = (name: string) => c.req.header(name)
    const addCookie = (cookie: string) => void cookies.push(cookie)
    return { request: c, method: c.req.method, target: pathname + search, header, addCookie }
  }

  const ownRoutes: MiddlewareHandler = async function ownRoutes(c, next) {
    if (isOwn(c.req.path)) return serve(c.req.raw, c)
    await next()
    return undefined
  }

  /** A page, which may use the agent for this browser's session. What else the handler throws, this throws. */
  function page<E extends Env, P extends string, I extends Input>(
    handler: (c: Context<E, P, I>, agent: AgentActions) => MaybePromise<Response>,
  ) {
    return async function agentPage(c: Context<E, P, I>): Promise<Response> {
      const cookies: string[] = []
      const page = await makePage(visitOf(c, cookies), (actions) => handler(c, actions))
      return withCookies('made' in page ? page.made : page.answer, cookies)
    }
  }

  return { agent, ownRoutes, page, signOut: (c: Context) => signOut(visitOf(c, [])) }
}

/** The headers of what `fetch` answered cannot be set, so this is a response of its own. */
function withCookies(answer: Response, cookies: readonly string[]): Response {
  const response = new Response(answer.body, answer)
  for (const each of cookies) response.headers.append('set-cookie', each)
  if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'no-store')
  return response
}
