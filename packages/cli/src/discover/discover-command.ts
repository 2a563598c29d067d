import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { type NetworkFlags, readNetworkFlags } from '../flags/network-flags.js'
import { requireIdentifierFlag } from '../flags/require-identifier-flag.js'
import { checkIdentifier } from './check-identifier.js'
import { renderIdentifierReport } from './render-identifier-report.js'

interface DiscoverFlags extends NetworkFlags {
  json?: true
}

const statuses = { ok: exitStatus.done, refused: exitStatus.refused, unreachable: exitStatus.network } as const

/** `countersign discover <identifier>`: what it publishes, what is wrong with it, and how to mend it. */
export const discoverCommand: Run = async (options, terminal, subject) => {
  const flags: DiscoverFlags = options
  const [origin, document] = subject.split('/.well-known/')
  if (document !== undefined) throw usageError(`Give the identifier, ${origin}, and not the address of a document.`)
  const identifier = requireIdentifierFlag('It', subject, 'allowed')
  const report = await checkIdentifier(identifier, readNetworkFlags(flags), terminal.notify)
  terminal.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : renderIdentifierReport(report))
  return statuses[report.outcome]
}
