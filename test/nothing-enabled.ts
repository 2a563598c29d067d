import { AsyncResource } from 'node:async_hooks'
import { afterAll, expect, vi } from 'vitest'

/** How many instances of `AsyncLocalStorage` are enabled: Node 20 and 22 write the value of each to whatever is asynchronous. */
const enabled = () =>
  Object.getOwnPropertySymbols(new AsyncResource('test')).filter(({ description }) => description === 'kResourceStore')

// They make each promise slower, also those of the files that run later in the same process. Servers may still be closing.
afterAll(() =>
  vi.waitFor(() => expect(enabled(), 'AsyncLocalStorage instances that no one disabled').toHaveLength(0), 30_000),
)
