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
