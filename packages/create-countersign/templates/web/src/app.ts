import { AgentError } from 'countersign/agent'
import { createAppAgent } from 'countersign/agent/hono'
import { Hono } from 'hono'

/** A web app that reads the events of the user in each browser. */
export function createApp(api: string, options: Parameters<typeof createAppAgent>[0]): Hono {
  const calendar = createAppAgent({ about: { name: 'My calendar app' }, ...options })
  const app = new Hono()
  app.use(calendar.ownRoutes) // /.well-known/aauth-agent, /jwks.json, /callback

  app.get('/', (c) =>
    c.html('<a href="/events">My events</a> <form method="post" action="/sign-out"><button>Sign out</button></form>'),
  )
  app.get(
    '/events',
    calendar.page(async (c, { fetch }) => {
      const response = await fetch(api) // for the user of this browser, who decides at the auth server first
      return response.ok ? c.json(await response.json()) : c.text('The API refused the request.', 502)
    }),
  )
  app.post('/sign-out', calendar.signOut)

  app.onError((error, c) => {
    if (error instanceof AgentError && error.code === 'access_denied')
      return c.text('Your events were not shared with this app.', 403)
    console.error(error.message)
    return c.text('Your events are not available right now. Please try again later.', 502)
  })
  return app
}
