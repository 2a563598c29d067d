import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createLogoCache } from '../../src/outbound/logo-cache.js'

it('shares the fetches by network: made-up agents of one network leave the logos of others', async () => {
  const now = () => 1_800_000_000
  const storage = sqliteStorage(':memory:', { sweepInterval: 0, now })
  onTestFinished(() => storage.close())
  const fetched: string[] = []
  const keeper = createLogoCache({
    fetch: async (url) => {
      fetched.push(new URL(url).hostname)
      return new Response(null, { status: 404 })
    },
    reEncode: async () => ({ refusal: 'none' }),
    // Whatever agent is named, its logo may be fetched.
    storage: {
      ...storage,
      claimLogo: async () => true,
      keepLogo: async () => true,
      findLogos: async () => new Map(),
    },
    issuer: 'https://auth.example',
    logoIdOf: () => 'id',
    now,
    background: { run: (work) => void work(), ending: false },
    onError: (error) => {
      throw error
    },
  })
  for (let index = 0; index < 60; index++) {
    const agent = `https://a${index}.evil.example`
    keeper.note(agent, `${agent}/logo.png`, `2001:db8:1:${index}::1`)
  }
  for (const name of ['honest', 'other']) {
    const agent = `https://${name}.example`
    keeper.note(agent, `${agent}/logo.png`, '198.51.100.1')
  }
  await vi.waitFor(() => expect(fetched).toContain('other.example'), { timeout: 30_000 })
  expect(fetched.indexOf('honest.example')).toBeLessThanOrEqual(3)
  expect(fetched.length).toBeLessThanOrEqual(10)
})

const uri = 'https://agent.example/logo.png'

/** Notes an agent with a logo. Returns everything that the server did, once it did what is expected. */
async function note(scene: {
  uri?: string | undefined
  response?: Response
  outcome?: object
  isClaimed?: boolean
  stored?: boolean
  isEnding?: boolean
}) {
  const did: unknown[] = []
  const { isEnding = false, isClaimed = true } = scene
  const keeper = createLogoCache({
    fetch: async (url: string) => {
      did.push(['fetch', url])
      if (!scene.response) throw new TypeError('unreachable')
      return scene.response
    },
    reEncode: async () => scene.outcome ?? { refusal: 'none' },
    storage: {
      claimLogo: async (claimed: unknown) => {
        did.push(['claim', claimed])
        return isClaimed
      },
      keepLogo: async (kept: unknown) => did.push(['keep', kept]),
      findLogos: async () => new Map(scene.stored ? [['https://agent.example', 'id']] : []),
      removeLogo: async (agent: unknown) => did.push(['remove', agent]),
    },
    issuer: 'https://auth.example',
    logoIdOf: (agent: string, image: Uint8Array) => `${agent} ${image.length}`,
    now: () => 1_800_000_000,
    background: { run: (work: () => unknown) => void work(), ending: isEnding },
    onError: (error: unknown) => did.push(['error', error]),
  } as unknown as Parameters<typeof createLogoCache>[0])
  keeper.note('https://agent.example', 'uri' in scene ? scene.uri : uri, '192.0.2.1')
  // A job is done in a few turns of the event loop.
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve))
  return did
}

const claimed = ['claim', { agent: 'https://agent.example', uri, maxAge: 86_400, retryAfter: 600 }]
const kept = (logo: unknown) => ['keep', { agent: 'https://agent.example', uri, logo }]
const png = () => new Response(new Uint8Array(4), { headers: { 'content-type': 'image/png' } })

it.each<[string, Parameters<typeof note>[0], unknown[]]>([
  [
    'is fetched',
    { response: png(), outcome: { image: new Uint8Array(3) } },
    [claimed, ['fetch', uri], kept({ id: 'https://agent.example 3', image: new Uint8Array(3) })],
  ],
  ['cannot be decoded', { response: png() }, [claimed, ['fetch', uri], kept(null)]],
  ['is missing', { response: new Response(null, { status: 404 }) }, [claimed, ['fetch', uri], kept(null)]],
  ['cannot be reached', {}, [claimed, ['fetch', uri]]],
  ['is known', { isClaimed: false }, [claimed]],
  ['is due as the server closes', { isEnding: true }, []],
  ['is no longer named', { uri: undefined, stored: true }, [['remove', 'https://agent.example']]],
  ['was never named', { uri: undefined }, []],
  ['is at this server', { uri: 'https://auth.example/logo.png', stored: true }, [['remove', 'https://agent.example']]],
])('if a logo %s, the server does what it should', async (_what, scene, did) => {
  expect(await note(scene)).toEqual(did)
})
