import { expect, it } from 'vitest'
import { openMetrics } from '../../src/network/listen-with-admin.js'

it('there are metrics only with an admin port, from which they can be read', async () => {
  expect(await openMetrics({}, {})).toBeUndefined()
  const metrics = await openMetrics({ admin: { port: 9464 } }, { process: false })
  expect(metrics?.registry.getMetricsAsArray()).not.toEqual([])
})
