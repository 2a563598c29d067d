import type { Tell } from '../lib/events.js'
import type { MaybePromise } from '../lib/maybe-promise.js'
import { documentResponse } from '../protocol/document-response.js'
import { tellAsked } from './tell-asked.js'

interface AnsweredPaths {
  /** What is published, by its URL. */
  documents: Readonly<Record<string, object>>
  /** Where a person comes back to; undefined: nobody does. */
  callback: { url: string; answer: (request: Request) => Promise<Response> } | undefined
  tell: Tell | undefined
}

interface Route {
  methods: string
  answer: (request: Request) => MaybePromise<Response>
}

/** Serves an agent's documents and its callback; anything else is 404. */
export function createAgentHandler({
  documents,
  callback,
  tell,
}: AnsweredPaths): (request: Request) => Promise<Response> {
  const routes = new Map<string, Route>()
  for (const [url, document] of Object.entries(documents))
    routes.set(new URL(url).pathname, { methods: 'GET, HEAD', answer: () => documentResponse(document) })
  // HEAD comes from what looks at links, never from a person.
  if (callback) routes.set(new URL(callback.url).pathname, { methods: 'GET', answer: callback.answer })
  async function answerAt(route: Route | undefined, request: Request): Promise<Response> {
    if (!route) return new Response('No such document.\n', { status: 404 })
    const { methods: allow, answer } = route
    if (allow.split(', ').includes(request.method)) return answer(request)
    return new Response(`Ask for it with ${allow}.\n`, { status: 405, headers: { allow } })
  }

  return async function agentHandler(request) {
    const { pathname } = new URL(request.url)
    const route = routes.get(pathname)
    const asked = { route: route ? pathname : 'none', method: request.method }
    const { response } = await tellAsked(tell, asked, async () => {
      const response = await answerAt(route, request)
      return { response, code: response.ok ? undefined : 'refused' }
    })
    return response
  }
}
