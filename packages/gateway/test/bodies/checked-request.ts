import { createRouteTable, type Route } from 'countersign-gateway'

const anyone: Route = { method: 'POST', path: '/x', require: 'none' }

/** An unsigned request whose head was accepted, and routes that require more than its own. */
export function checkedRequest(stricter: readonly Route[], own = anyone, rawTarget = '/x') {
  const need = {
    routes: [own],
    level: 'none',
    scope: undefined,
    maxBody: undefined,
    acceptsOAuth: false,
    isBodyUnseen: false,
  } as const
  const rules = { table: createRouteTable([own, ...stricter]), otherwise: 'refuse' } as const
  return { head: { method: 'POST', rawTarget, rawHeaders: [] }, need, rules }
}
