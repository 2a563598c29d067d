import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import { requirePackage } from '../command/require-package.js'
import type { Run } from '../command/run.js'
import { type NetworkFlags, readNetworkFlags } from '../flags/network-flags.js'
import { requireIdentifierFlag } from '../flags/require-identifier-flag.js'
import { examineOutside } from './outside/examine-outside.js'
import { type Examination, renderFindings } from './render-findings.js'

interface DoctorFlags extends Pick<NetworkFlags, 'allowNetwork'> {
  config?: string
  backups?: string
  json?: true
}

/** `countersign doctor`: what is wrong with a deployment, and how to mend it. */
export const doctorCommand: Run = async (options, terminal, subject) => {
  const flags: DoctorFlags = options
  const { config, backups } = flags
  if (subject === '' && config === undefined)
    throw usageError('Say what to check: the URL of an auth server, --config <file> on its machine, or both.')
  if (backups !== undefined && config === undefined) throw usageError('--backups needs --config.')
  const examinations: Examination[] = []
  if (subject !== '') {
    const issuer = requireIdentifierFlag('It', subject, 'allowed')
    const isInside = config !== undefined
    const findings = await examineOutside(issuer, { network: readNetworkFlags(flags), isInside, tell: terminal.notify })
    examinations.push({ subject: issuer, from: 'outside', findings })
  }
  if (config !== undefined) {
    requirePackage('countersign-server')
    const { examineInside } = await import('./inside/examine-inside.js')
    const findings = await examineInside({ config, backups, env: terminal.env })
    examinations.push({ subject: config, from: 'inside', findings })
  }
  const shown = () => renderFindings(examinations)
  terminal.write(flags.json ? `${JSON.stringify(examinations, null, 2)}\n` : shown())
  const isIll = examinations.some(({ findings }) => findings.some(({ outcome }) => outcome === 'problem'))
  return isIll ? exitStatus.refused : exitStatus.done
}
