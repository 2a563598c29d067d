import { createSubrequestGateway } from 'countersign-gateway'
import { expect, it } from 'vitest'
import { openResource, resourceSigner } from '../../../countersign/test/resource/events-resource.js'

const resource = openResource()
const valid = { resource, routes: [], proxy: 'nginx', trustProxy: ['127.0.0.1'] } as const
const create = (change: object) => createSubrequestGateway({ ...valid, ...change } as never)

it.each<[object, string]>([
  [{ cors: { origins: '*' } }, 'createSubrequestGateway has no option cors'],
  [{ mcp: [] }, 'createSubrequestGateway has no option mcp'],
  [{ mcpSessions: undefined }, 'createSubrequestGateway has no option mcpSessions'],
  [{ other: 1 }, 'createSubrequestGateway has no option other'],
  [{ accept: ['aauth', 'oauth'] }, 'accept: subrequests cannot accept OAuth access tokens'],
  [{ accept: undefined }, 'accept: subrequests cannot accept OAuth access tokens'],
  [{ resource: { ...resource, protectedResource: {} } }, 'accept: subrequests cannot accept OAuth access tokens'],
  [{ resource: undefined }, 'resource must be the result of createResource'],
  [{ limits: { maxBody: 1 } }, 'limits of createSubrequestGateway has no option maxBody'],
  [{ limits: { connections: 0 } }, 'limits.connections must be a number greater than 0'],
  ...['apache', undefined, 'toString'].map((proxy): [object, string] => [
    { proxy },
    'proxy must be one of nginx, caddy',
  ]),
  ...[[], '127.0.0.1', undefined].map((trustProxy): [object, string] => [
    { trustProxy },
    'trustProxy must contain the proxy’s address: all other callers are refused',
  ]),
  [{ assertion: { signer: resourceSigner } }, 'assertion.audience must identify the API'],
  [{ routes: undefined }, 'routes must be a list'],
  [{ upstream: { matches: 'decoded' } }, "upstream.matches can only be 'raw'"],
])('%j is refused: %s', (change, problem) => {
  expect(() => create(change)).toThrow(problem)
  const { use } = create({})
  expect(() => use({ ...valid, ...change } as never)).toThrow(problem)
})

it.each<object>([
  {},
  { proxy: 'caddy' },
  { limits: { connections: 4, connectionsPerAddress: 1 } },
  { assertion: { signer: resourceSigner, audience: 'http://127.0.0.1:3000' } },
  { upstream: { matches: 'raw' }, otherwise: 'pass', frontController: true, onEvent: () => undefined },
])('%j is accepted', (change) => {
  expect(() => create(change)).not.toThrow()
})
