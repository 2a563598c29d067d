import { AAuthError } from 'countersign/resource'
import { checkRequest, createRouteTable, type Route } from 'countersign-gateway'
import { describe, expect, it } from 'vitest'
import { both, openOAuthResource } from '../oauth-stage.js'

const table = createRouteTable([{ method: '*', path: '/*', require: 'none' }])

function judge(rawTarget: string, rawHeaders: readonly string[], judging = table): void {
  try {
    checkRequest({ method: 'GET', rawTarget, rawHeaders }, { table: judging, otherwise: 'refuse' })
  } catch (error) {
    if (!(error instanceof AAuthError)) throw error
  }
}

/** CPU time for one head in milliseconds, the minimum of several batches. */
function costOf(rawTarget: string, rawHeaders: readonly string[], judging = table): number {
  for (let times = 0; times < 50; times++) judge(rawTarget, rawHeaders, judging)
  const costs = Array.from({ length: 15 }, () => {
    const before = process.cpuUsage()
    for (let times = 0; times < 10; times++) judge(rawTarget, rawHeaders, judging)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 10_000
  })
  return Math.min(...costs)
}

const lines = (count: number, line: (at: number) => [string, string]) =>
  Array.from({ length: count }, (_, at) => line(at)).flat()

// G45
describe('an unsigned head is judged in at most 1 ms of CPU time', () => {
  it.each<[string, string[]]>([
    [
      'with dropped names and a long Signature-Input',
      [...lines(900, (at) => [`a_${at}`, '1']), 'Signature-Input', '"b";'.repeat(4700)],
    ],
    [
      'with ordinary names and a long Signature-Input',
      [...lines(900, (at) => [`a-${at}`, '1']), 'Signature-Input', '"b";'.repeat(4700)],
    ],
    [
      'with a Signature-Input of quotes',
      [...lines(900, (at) => [`a_${at}`, '1']), 'Signature-Input', '"'.repeat(18_000)],
    ],
    [
      'with many Signature-Input lines',
      [...lines(500, (at) => [`a_${at}`, '1']), ...lines(490, (at) => ['Signature-Input', `"q${at}" "r" "s"`])],
    ],
    ['with many addresses', lines(900, (at) => [`X-Real-IP-${at}`, '1'])],
    ['with names that begin like an override', lines(900, (at) => [`x-http-http-origin-originally-${at}`, '1'])],
    ['with one long name', [`x${'http'.repeat(7500)}`, '1']],
    ['with one long name of separators', ['_'.repeat(30_000), '1']],
    ['with a Connection of commas', ['Connection', ','.repeat(30_000)]],
    ['with a Connection of names', ['Connection', 'ab,'.repeat(10_000)]],
    ['with many Connection lines', lines(900, () => ['Connection', 'a,b,c,d,e,f,g,h'])],
    ['with a long Transfer-Encoding', ['Transfer-Encoding', ','.repeat(30_000)]],
  ])('%s', (_, rawHeaders) => {
    expect(costOf('/v1/x', ['Host', 'api.example', ...rawHeaders])).toBeLessThanOrEqual(1)
  })

  it.each(['&', '%&', '%25&', 'x&', 'x=&', '%252525', '%252525&', 'http', '_method%', '/;'])(
    'with a query of %s',
    (part) => {
      const query = part.repeat(Math.floor(8100 / part.length))
      expect(costOf(`/v1/x?${query}`, ['Host', 'api.example'])).toBeLessThanOrEqual(1)
    },
  )
})

// G45
describe('a head with letters that expand when folded is judged in at most 2 ms of CPU time', () => {
  const strict = createRouteTable([
    { method: '*', path: '/admin/*', require: 'authorization', scope: 'admin' },
    { method: '*', path: '/*', require: 'none', fallback: true },
  ])
  const letters = '%EF%B7%BA'.repeat(6)
  const numbered = (count: number, part: (at: number) => string) => Array.from({ length: count }, (_, at) => part(at))

  it.each([
    ['in the query', `/x?${numbered(100, (at) => `/${letters}${at}`).join('&')}`],
    ['in the query, by an accent', `/x?${numbered(100, (at) => `/${'a'.repeat(60)}%C3%A9${at}`).join('&')}`],
    ['below scripts', `/a.php/b.php/${`${letters}/`.repeat(140)}x`],
    ['below scripts, all different', `/a.php/b.php/${numbered(130, (at) => `${letters}${at}/`).join('')}x`],
  ])('%s', (_, target) => expect(costOf(target, ['Host', 'api.example'], strict)).toBeLessThanOrEqual(2))
})

it('a table of 1,000 routes loads in at most 200 ms of CPU time, and judges a path in at most 0.2 ms', () => {
  const routes = Array.from({ length: 250 }, (_, at): Route[] => [
    { method: 'GET', path: `/api/v1/list-${at}`, require: 'identity' },
    { method: 'POST', path: `/api/v1/list-${at}`, require: 'authorization', scope: 'write' },
    { method: 'GET', path: `/api/v1/list-${at}/{id}`, require: 'identity' },
    { method: 'GET', path: `/api/v1/list-${at}/{id}/items/*`, require: 'authorization', scope: `list-${at}` },
  ]).flat()
  const loads = Array.from({ length: 3 }, () => {
    const before = process.cpuUsage()
    createRouteTable(routes)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  expect(Math.min(...loads)).toBeLessThan(200)
  expect(costOf('/api/v1/list-249/7/items/x/y', ['Host', 'api.example'], createRouteTable(routes))).toBeLessThan(0.2)
})

describe('a Connection header', () => {
  it('of more than 1024 characters is rejected', () => {
    const judged = (value: string) => () =>
      checkRequest(
        { method: 'GET', rawTarget: '/v1/x', rawHeaders: ['Host', 'api.example', 'Connection', value] },
        { table, otherwise: 'refuse' },
      )
    expect(judged(`close, ${','.repeat(1017)}`)).not.toThrow()
    expect(judged(`close, ${','.repeat(1018)}`)).toThrow(/Connection is longer than 1024 characters/)
  })
})

// G45
it.each([
  '%&',
  ';',
  '%61&',
  'access&',
  'a=%&',
  '%252525',
  '%61%63%63%65%73%73&',
  'access%5f',
  'access_token_x&',
  '%20',
])('a head at an OAuth endpoint with a query of %s is judged in at most 1 ms of CPU time', async (part) => {
  const endpoint = openOAuthResource().oauthEndpoint({ path: '/mcp' })
  // Node.js accepts heads of up to 16 KiB.
  const rawTarget = `/mcp?${part.repeat(Math.floor(15_000 / part.length))}`
  const received = { method: 'GET', rawTarget, rawHeaders: ['Host', 'api.example'], body: () => new Uint8Array(0) }
  const verify = () => endpoint.verify(received, { require: 'identity', accept: both }).catch(() => undefined)
  for (let times = 0; times < 30; times++) await verify()
  const costs: number[] = []
  for (let batch = 0; batch < 15; batch++) {
    const before = process.cpuUsage()
    for (let times = 0; times < 10; times++) await verify()
    const { user, system } = process.cpuUsage(before)
    costs.push((user + system) / 10_000)
  }
  expect(Math.min(...costs)).toBeLessThanOrEqual(1)
})
