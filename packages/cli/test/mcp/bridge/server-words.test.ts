import { expect, it } from 'vitest'
import { events, openBridge, opening } from './at-hand.js'

it.each(['sessions', 'stateless'] as const)(
  'a server of the era “%s” takes back no question of the bridge’s',
  async (era) => {
    const { told, begin, ask } = openBridge((asked) => {
      const cancelled = (requestId: unknown) => ({ method: 'notifications/cancelled', params: { requestId } })
      if (asked.method !== 'tools/call') return opening[era](asked)
      return events(cancelled('countersign-1'), cancelled(2), { id: asked.id, result: { content: [] } })
    })
    await begin()
    expect(await ask('tools/call', { name: 'x' })).toMatchObject({ result: { content: [] } })
    expect(told.map(({ method }) => method)).not.toContain('notifications/cancelled')
  },
)
