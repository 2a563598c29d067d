import { openRedisMemory } from 'countersign-gateway/redis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../../../../test/free-port.js'
import { createValkey, hasValkey } from '../../../../test/valkey.js'

async function openMemory(url: string) {
  const events: string[] = []
  const options = { onLost: () => void events.push('lost'), onFound: () => void events.push('found') }
  const memory = await openRedisMemory(url, { id: 'https://api.example', ...options })
  onTestFinished(() => memory.close())
  return { memory, events }
}

describe.skipIf(!hasValkey())('the memory that gateways share', () => {
  it('can be used at once if the store is available', async () => {
    const valkey = await createValkey()
    onTestFinished(() => valkey.remove())
    await valkey.start()
    const { memory, events } = await openMemory(valkey.url)
    await memory.ready()
    expect(await memory.revokedTokens?.has('https://ps.example', 'j1')).toBe(false)
    expect(events).toEqual(['found'])
  })

  it('reports each loss of the store once', async () => {
    const valkey = await createValkey()
    onTestFinished(() => valkey.remove())
    await valkey.start()
    const { events } = await openMemory(valkey.url)
    const reported = ['found']
    for (let round = 0; round < 2; round += 1) {
      await valkey.stop('SIGTERM')
      await expect.poll(() => events, { timeout: 5000 }).toEqual([...reported, 'lost'])
      await valkey.start()
      await expect.poll(() => events, { timeout: 5000 }).toEqual([...reported, 'lost', 'found'])
      reported.push('lost', 'found')
    }
  })

  it('refuses until the store is available', async () => {
    const { memory, events } = await openMemory(`redis://127.0.0.1:${await freePort()}`)
    await expect(memory.ready(), 'at once, without waiting for a response').rejects.not.toThrow('no response')
    await expect(memory.revokedTokens?.has('https://ps.example', 'j1')).rejects.toMatchObject({ code: 'unavailable' })
    expect(events).toEqual(['lost'])
  })
})
