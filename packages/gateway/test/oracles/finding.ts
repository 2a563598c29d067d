import type { Need, Route } from 'countersign-gateway'
import type { TriedRequest } from './router-under-test.js'

/** A request for which a router runs a route that requires more than the gateway required. */
export class Finding extends Error {
  readonly tried: Tried

  constructor({ router, ran, need, ...tried }: Found) {
    const { frontController, routes, request } = tried
    super(
      [
        `${router} runs more than the gateway required.`,
        `  table${frontController ? ' of a front controller' : ''}:`,
        ...routes.map((route) => `    ${textOf(route)}`),
        `  request:  ${request.method} ${request.target}`,
        `  required: ${need.routes.map(textOf).join(' and ')}`,
        `  ran:      ${textOf(ran)}`,
      ].join('\n'),
    )
    this.tried = tried
  }
}

interface Tried {
  frontController: boolean
  routes: readonly Route[]
  request: TriedRequest
}

interface Found extends Tried {
  router: string
  ran: Route
  need: Need
}

function textOf({ method, path, ...rest }: Route): string {
  return `${method} ${path} ${JSON.stringify(rest)}`
}

/** The same finding without the routes that it does not need. */
export async function withFewerRoutes(
  finding: Finding,
  find: (tried: Tried) => Promise<Finding | undefined>,
): Promise<Finding> {
  const { tried } = finding
  for (const route of tried.routes) {
    const fewer = await find({ ...tried, routes: tried.routes.filter((each) => each !== route) })
    if (fewer) return withFewerRoutes(fewer, find)
  }
  return finding
}
