import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { has } from '../../../../test/needs.js'
import { blockOf } from './manual.js'

const files = new URL('../../../../docs/deployment/', import.meta.url)
const names = readdirSync(files).filter((name) => /\.(?:service|timer)$/.test(name))

const skips = !has('systemd-analyze')

/** The units of the manual in a folder, with this machine’s node. */
function writeUnits(change = (unit: string) => unit): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-units-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of names) {
    const unit = change(readFileSync(new URL(name, files), 'utf8'))
    // systemd-analyze also checks that the program exists.
    const node = existsSync('/usr/bin/node') ? '/usr/bin/node' : process.execPath
    writeFileSync(join(folder, name), unit.replaceAll('/usr/bin/node', node))
  }
  return folder
}

function analyze(...args: string[]) {
  const env = { ...process.env, SYSTEMD_COLORS: '0', SYSTEMD_PAGER: 'cat' }
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8', env })
  return { status, stdout, stderr }
}

const verify = (folder: string) => analyze('verify', '--man=no', ...names.map((name) => join(folder, name)))

/** The maximum exposure out of 10, times 10. */
const exposed = {
  'countersign.service': 20,
  'countersign@.service': 20,
  'countersign-gateway.service': 20,
  'countersign-backup.service': 10,
} as const
const judged = Object.keys(exposed) as (keyof typeof exposed)[]
const judge = (folder: string, name: keyof typeof exposed) =>
  analyze('security', '--offline=yes', `--threshold=${exposed[name]}`, join(folder, name))

it.skipIf(skips)('systemd reports no problem with the units of the manual', () => {
  expect(names).toHaveLength(5)
  expect(verify(writeUnits())).toEqual({ status: 0, stdout: '', stderr: '' })
  const misspelt = verify(writeUnits((unit) => unit.replace('NoNewPrivileges', 'NoNewPrivilege')))
  expect(misspelt.stderr).toContain('NoNewPrivilege')
})

it.skipIf(skips).each(judged)('%s has few privileges beyond what it needs', (name) => {
  expect(judge(writeUnits(), name)).toMatchObject({ status: 0 })
  const open = writeUnits((unit) => unit.replaceAll(/^(?:SystemCallFilter|Protect\w+)=.*\n/gm, ''))
  expect(judge(open, name).status).not.toBe(0)
})

/** The settings of a unit, without comments. */
const settingsOf = (name: string) => readFileSync(new URL(name, files), 'utf8').replaceAll(/^#.*\n/gm, '')

it('the unit for one server and the template unit differ in their names and ports only', () => {
  const own = /^Environment=COUNTERSIGN_LISTEN_PORT=808%i COUNTERSIGN_ADMIN_PORT=908%i\n/m
  expect(settingsOf('countersign@.service')).toMatch(own)
  expect(settingsOf('countersign@.service').replace(own, '').replace(' server %i\n', ' server\n')).toBe(
    settingsOf('countersign.service'),
  )
  const named = blockOf('high-availability.md', 'two-servers').match(/\S+\.service/g) ?? []
  expect(named).toEqual(['countersign.service', 'countersign@0.service', 'countersign@1.service'])
  for (const name of named) expect(names).toContain(name.replace(/@\d/, '@'))
})

it('the gateway has no more privileges than the auth server, runs as another user, and reloads its configuration', () => {
  const settings = settingsOf('countersign-gateway.service')
  const confining =
    /^(?:NoNew|Capability|Ambient|Lock|Private|Protect|Remove|Restrict(?!ed)|SystemCall|UMask|Limit|Kill)\w*=.*$/gm
  const ofServer = settingsOf('countersign.service').match(confining)
  expect(ofServer?.length).toBeGreaterThan(20)
  expect(settings.match(confining)).toEqual(ofServer)
  expect(settings).toContain('User=countersign-gateway\n')
  expect(settings).toContain('ExecReload=/bin/kill -HUP $MAINPID\n')
  // It spools in a folder that it may write to.
  const [, folder = ''] = /^Environment=TMPDIR=(.*)$/m.exec(settings) ?? []
  expect(`/var/cache/${/^CacheDirectory=(.*)$/m.exec(settings)?.[1]}`).toBe(folder)
})

it.each(['countersign.service', 'countersign-gateway.service'])(
  '%s is restarted indefinitely, and not too often',
  (name) => {
    const settings = settingsOf(name)
    for (const line of ['Restart=on-failure', 'StartLimitIntervalSec=0', 'RestartPreventExitStatus=2'])
      expect(settings).toContain(`${line}\n`)
    expect(Number(/^RestartSec=(\d+)$/m.exec(settings)?.[1])).toBeGreaterThanOrEqual(5)
  },
)
