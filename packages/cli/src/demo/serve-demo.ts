import { createClosers } from './closers.js'
import type { DemoParty } from './demo-world.js'
import { type PartyOptions, startParties } from './start-parties.js'

export interface ServeOptions extends PartyOptions {
  /** Called when everybody who was started answers at their identifiers. */
  onReady: (started: Readonly<Partial<Record<DemoParty, string>>>) => void
  /** Aborting it ends them. */
  signal: AbortSignal
}

/** Starts the parties and keeps them until the signal aborts; then closes everything. */
export async function serveDemo(options: ServeOptions): Promise<void> {
  const closers = createClosers()
  try {
    const { started, world } = await startParties(options, closers, async (consent, trace) =>
      trace.consentRequired(consent),
    )
    options.onReady(Object.fromEntries(started.map((party) => [party, world.ids[party]])))
    const { signal } = options
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  } finally {
    await closers.close()
  }
}
