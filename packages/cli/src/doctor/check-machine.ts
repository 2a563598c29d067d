import { spawnSync } from 'node:child_process'
import { existsSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { documentUrl } from 'countersign/discovery'
import { january } from 'countersign/editions'
import type { LoadedConfig } from 'countersign-server/operate'
import { errorReason } from '../command/errors.js'
import { megabytes } from './check-backups.js'
import { checking, type Finding } from './finding.js'
import { getAt, type Place } from './origin.js'

/** Checks the free space on the file systems that are written to. */
export function checkSpace(folders: readonly string[]): Finding[] {
  const report = checking('disk')
  return folders.filter(existsSync).map((folder) => {
    const { bavail, blocks, bsize } = statfsSync(folder)
    const free = bavail * bsize
    const share = Math.floor((100 * bavail) / Math.max(1, blocks))
    const found = `${megabytes(free)} MB are free on the disk that contains ${folder} (${share} %).`
    const fix = 'Free up space: once the disk is full, no one can sign in and agents get no tokens.'
    if (free < 256_000_000) return report.problem(found, fix)
    return free < 1_000_000_000 || share < 10 ? report.warning(found, fix) : report.ok(found)
  })
}

export function checkSynchronization(): Finding {
  const report = checking('clock')
  const { status, stdout, error } = spawnSync('timedatectl', ['show', '--property=NTPSynchronized', '--value'], {
    encoding: 'utf8',
    timeout: 3000,
  })
  if (error || status !== 0)
    return report.unknown(
      'timedatectl does not report whether the clock is synchronized with NTP.',
      'Make sure that the clock is synchronized with NTP.',
    )
  if (stdout.trim() === 'yes') return report.ok('The clock is synchronized with NTP.')
  return report.warning(
    'The clock is not synchronized with NTP.',
    'Turn synchronization on (timedatectl set-ntp true): signatures are valid for only a minute.',
  )
}

/** Checks that a server responds at the configured address. */
export async function checkRunning({ settings }: LoadedConfig): Promise<Finding[]> {
  const { issuer, listen, admin } = settings
  const fix = 'Start the server (systemctl start countersign), and check its log (journalctl -u countersign).'
  const report = checking('server')
  const findings: Finding[] = []
  const served = await statusOf(listen, new URL(documentUrl(january.documents.authServer, issuer)).pathname)
  findings.push(
    served === 200
      ? report.ok(`The server responds at ${listen.host}, port ${listen.port}.`)
      : report.problem(`The response at ${listen.host}, port ${listen.port} is: ${served}.`, fix),
  )
  if (!admin)
    return [
      ...findings,
      checking('readiness').unknown('admin.port is not set.', 'Set it, and configure your monitoring to poll /readyz.'),
    ]
  const ready = await statusOf(admin, '/readyz')
  const readiness = checking('readiness')
  const mendReadiness =
    served === 200
      ? `The server is running, and reports the reason at http://${admin.host}:${admin.port}/readyz and in its log. It becomes ready again on its own once the problem is fixed.`
      : fix
  findings.push(
    ready === 200
      ? readiness.ok('The server can write to its database, and can sign.')
      : readiness.problem(`/readyz returns: ${ready}.`, mendReadiness),
  )
  return findings
}

function statusOf({ host, port }: Place, path: string): Promise<number | string> {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return getAt({ host: reached, port }, path).then(({ status }) => status, errorReason)
}

/** Folders that grow: the database folder, and the backup folder if it is on another file system. */
export function writtenFolders({ settings }: LoadedConfig, backups: string | undefined): string[] {
  const folder = dirname(settings.database)
  // Whether a folder can be accessed is reported by the checks of what is in it.
  const deviceOf = (path: string) => (existsSync(path) ? statSync(path, { throwIfNoEntry: false })?.dev : undefined)
  return backups === undefined || deviceOf(backups) === deviceOf(folder) ? [folder] : [folder, backups]
}
