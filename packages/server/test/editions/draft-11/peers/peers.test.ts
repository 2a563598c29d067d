import { describe, it } from 'vitest'
import { startOurAgent, startOurPersonServer, startOurResource } from './our-parties.js'
import { openPeerNetwork, type PeerNetwork } from './peer-network.js'
import { packagesFolder, startMockin, startPeerAgent, startPeerResource } from './peer-programs.js'
import { expectAsRecorded, type Pair, rowId } from './peer-table.js'

const ids = { agent: 'https://agent.example', resource: 'https://api.example', personServer: 'https://ps.example' }

const post = { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } }

/** The requests of an agent, by what they try. */
const requests: Readonly<Record<string, { path: string; init?: object; settings?: object }>> = {
  'agent token': { path: '/identity' },
  'agent token, with a query': { path: '/identity?a=1' },
  'agent token, with a body': { path: '/identity', init: post },
  'session token': { path: '/session' },
  'person token': { path: '/person' },
  'person token, after consent': {
    path: '/person',
    settings: { person_requirement: 'interaction', auto_approve: false },
  },
  'auth token': { path: '/data' },
}

const pairs: readonly Pair[] = [
  { agent: 'countersign', resource: 'countersign', personServer: 'countersign', settings: 'default' },
  { agent: 'countersign', resource: 'countersign', personServer: 'mockin', settings: 'default' },
  { agent: 'countersign', resource: 'august', personServer: 'mockin', settings: 'default' },
  { agent: 'countersign', resource: 'august', personServer: 'mockin', settings: 'interop' },
  { agent: 'countersign', resource: 'august', personServer: 'countersign', settings: 'default' },
  { agent: 'august', resource: 'countersign', personServer: 'mockin', settings: 'default' },
  { agent: 'august', resource: 'countersign', personServer: 'mockin', settings: 'interop' },
  { agent: 'august', resource: 'countersign', personServer: 'countersign', settings: 'default' },
  { agent: 'august', resource: 'countersign', personServer: 'countersign', settings: 'interop' },
  { agent: 'august', resource: 'august', personServer: 'countersign', settings: 'interop' },
  { agent: 'august', resource: 'august', personServer: 'mockin', settings: 'default' },
]

/** Whether a pair can try a request: our person server always asks. */
const canTry = ({ personServer }: Pair, name: string) => personServer === 'mockin' || name !== 'person token'

const runnable = pairs.filter(
  ({ agent, resource }) => packagesFolder !== undefined || (agent !== 'august' && resource !== 'august'),
)
const cases = runnable.flatMap((pair) =>
  Object.entries(requests)
    .filter(([name]) => canTry(pair, name))
    .map(([name, request]) => [rowId(pair, name), pair, request] as const),
)

/** Starts a person server. Returns what the user does with a page. */
async function startPersonServer(network: PeerNetwork, pair: Pair, settings: object | undefined) {
  if (pair.personServer === 'countersign')
    return startOurPersonServer(network, ids.personServer, pair.settings === 'interop')
  const configure = await startMockin(network, ids.personServer)
  if (settings) await configure(settings)
  return async (page: string) => void (await network.fetch(page))
}

describe('draft -11 with peers', () => {
  it.each(cases)('%s', async (id, pair, { path, init, settings }) => {
    const network = await openPeerNetwork()
    const { resource, personServer } = ids
    const isInterop = pair.settings === 'interop'
    const open = await startPersonServer(network, pair, settings)
    if (pair.resource === 'august') await startPeerResource(network, resource, personServer)
    else await startOurResource(network, resource, personServer, isInterop)
    const onPage = (page: string) => void (page.startsWith(resource) ? network.fetch(page) : open(page))
    const startAgent = pair.agent === 'august' ? startPeerAgent : startOurAgent
    const send = await startAgent(network, { id: ids.agent, personServer, onPage, isInterop })
    expectAsRecorded(id, await send(resource + path, init), network.messages)
  })
})
