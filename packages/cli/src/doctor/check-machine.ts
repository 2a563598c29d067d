import { spawnSync } from 'node:child_process'
import { existsSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { documentUrl } from 'countersign/discovery'
import { january } from 'countersign/editions'
import type { LoadedConfig } from 'countersign-server'
import { errorReason } from '../command/errors.js'
import { megabytes } from './check-backups.js'
import { checking, type Finding } from './finding.js'
import { askAt, type Place } from './origin.js'

/** Free space of the file systems that are written to. */
export function checkSpace(folders: readonly string[]): Finding[] {
  const report = checking('disk')
  return folders.filter(existsSync).map((folder) => {
    const { bavail, blocks, bsize } = statfsSync(folder)
    const free = bavail * bsize
    const share = Math.floor((100 * bavail) / Math.max(1, blocks))
    const found = `${megabytes(free)} MB are free where ${folder} is, ${share} %.`
    const mend = 'Make room: where nothing can be written, nobody signs in and no agent gets a token.'
    if (free < 256_000_000) return report.problem(found, mend)
    return free < 1_000_000_000 || share < 10 ? report.warning(found, mend) : report.ok(found)
  })
}

export function checkSynchronization(): Finding {
  const report = checking('clock')
  const { status, stdout, error } = spawnSync('timedatectl', ['show', '--property=NTPSynchronized', '--value'], {
    encoding: 'utf8',
    timeout: 3000,
  })
  if (error || status !== 0)
    return report.unknown('timedatectl does not tell whether it is set by NTP.', 'See to it that it is.')
  if (stdout.trim() === 'yes') return report.ok('It is set by NTP.')
  return report.warning(
    'It is not set by NTP.',
    'Turn that on (timedatectl set-ntp true): signatures live for a minute.',
  )
}

/** Whether a server answers where the configuration says. */
export async function checkRunning({ settings }: LoadedConfig): Promise<Finding[]> {
  const { issuer, listen, admin } = settings
  const mend = 'Start it (systemctl start countersign) and look into its log (journalctl -u countersign).'
  const report = checking('server')
  const findings: Finding[] = []
  const served = await statusOf(listen, new URL(documentUrl(january.documents.authServer, issuer)).pathname)
  findings.push(
    served === 200
      ? report.ok(`It answers at ${listen.host}, port ${listen.port}.`)
      : report.problem(`At ${listen.host}, port ${listen.port}, the answer is: ${served}.`, mend),
  )
  if (!admin)
    return [
      ...findings,
      checking('readiness').unknown('admin.port is not set.', 'Set it, and let what watches the server ask /readyz.'),
    ]
  const ready = await statusOf(admin, '/readyz')
  const readiness = checking('readiness')
  const mendReadiness =
    served === 200
      ? `It runs, and says why at http://${admin.host}:${admin.port}/readyz and in its log: it is ready again by itself when that is mended.`
      : mend
  findings.push(
    ready === 200
      ? readiness.ok('It takes writes and signs.')
      : readiness.problem(`/readyz answers: ${ready}.`, mendReadiness),
  )
  return findings
}

function statusOf({ host, port }: Place, path: string): Promise<number | string> {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return askAt({ host: reached, port }, path).then(({ status }) => status, errorReason)
}

/** Folders that grow: of the database, and of its copies where that is another file system. */
export function writtenFolders({ settings }: LoadedConfig, backups: string | undefined): string[] {
  const folder = dirname(settings.database)
  const deviceOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.dev
  return backups === undefined || deviceOf(backups) === deviceOf(folder) ? [folder] : [folder, backups]
}
