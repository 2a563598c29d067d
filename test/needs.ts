import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync } from 'node:fs'
import { beforeEach, inject, TestRunner } from 'vitest'

/** A program that some tests need. */
interface Need {
  /** The Debian packages that contain it, or the command that installs it. */
  package: string | { command: string }
  isThere: () => boolean
}

/** Debian's Python, for which its packages are built. */
export const python = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'

/** The PostgreSQL programs for backups and replication. */
export const postgresTools = '/usr/lib/postgresql/17/bin'

/** Preloaded into a process, it gives that process a different clock. */
export const fakeTime = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketime.so.1`

/** A user other than root becomes root in a user namespace. */
export const namespace = [...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--net', '--mount', '--fork']

const starts = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).error === undefined
const succeeds = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0

const needs = {
  'a browser': { package: 'chromium-headless-shell fonts-liberation', isThere: () => Boolean(inject('chromium')) },
  'a clock for one process': { package: 'libfaketime', isThere: () => existsSync(fakeTime) },
  'accessibility engines': {
    package: { command: 'npm ci --prefix accessibility' },
    isThere: () => existsSync(new URL('../accessibility/node_modules', import.meta.url)),
  },
  'a network namespace': {
    package: 'util-linux iproute2',
    isThere: () => succeeds('unshare', ...namespace, 'ip', 'link', 'set', 'lo', 'up'),
  },
  'a terminal': { package: 'bsdutils', isThere: () => starts('script', '--version') },
  'a full disk': {
    package: 'util-linux (and run as root)',
    isThere: () =>
      process.getuid?.() === 0 && succeeds('unshare', '-m', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', '/mnt'),
  },
  bash: { package: 'bash', isThere: () => starts('bash', '--version') },
  caddy: { package: 'caddy', isThere: () => starts('caddy', 'version') },
  curl: { package: 'curl', isThere: () => starts('curl', '--version') },
  fish: { package: 'fish', isThere: () => starts('fish', '--version') },
  nginx: { package: 'nginx-light', isThere: () => starts('nginx', '-v') },
  openssl: { package: 'openssl', isThere: () => starts('openssl', 'version') },
  php: { package: 'php8.4-cli', isThere: () => starts('php', '-v') },
  pg_basebackup: { package: 'postgresql-17', isThere: () => existsSync(`${postgresTools}/pg_basebackup`) },
  'Python with cryptography': {
    package: 'python3-cryptography',
    isThere: () => succeeds(python, '-c', 'import cryptography.hazmat.primitives.asymmetric.ed25519'),
  },
  'Python with requests': { package: 'python3-requests', isThere: () => succeeds(python, '-c', 'import requests') },
  'Python with werkzeug': { package: 'python3-werkzeug', isThere: () => succeeds(python, '-c', 'import werkzeug') },
  setpriv: { package: 'util-linux', isThere: () => starts('setpriv', '--version') },
  'systemd-analyze': { package: 'systemd', isThere: () => starts('systemd-analyze', '--version') },
  'valkey-server': { package: 'valkey-server', isThere: () => starts('valkey-server', '--version') },
  zsh: { package: 'zsh', isThere: () => starts('zsh', '--version') },
} satisfies Record<string, Need>

export type NeedName = keyof typeof needs

const found = new Map<NeedName, boolean>()

function isFound(name: NeedName): boolean {
  const isThere = found.get(name) ?? needs[name].isThere()
  found.set(name, isThere)
  return isThere
}

/**
 * Whether this machine has everything named. Missing programs are listed after the last test, with the package to install.
 *
 * @throws {Error} In CI, where no test may be skipped
 */
export function has(...names: NeedName[]): boolean {
  const missing = names.filter((name) => !isFound(name))
  for (const name of missing) {
    const { package: from }: Need = needs[name]
    const line = `${name}: ${typeof from === 'string' ? `apt-get install ${from}` : from.command}`
    if (process.env.CI) throw new Error(`A test needs ${line}`)
    if (process.env.SKIPPED_TESTS) appendFileSync(process.env.SKIPPED_TESTS, `${line}\n`)
  }
  return missing.length === 0
}

/** Skips the running test if something is missing; outside of a test it only returns whether everything is available. */
export function need(...names: NeedName[]): boolean {
  const isThere = has(...names)
  if (!isThere) TestRunner.getCurrentTest()?.context.skip(`needs ${names.join(', ')}`)
  return isThere
}

/** Skips all tests of the file if something is missing. Hooks of the file must not use it then either. */
export function needInFile(...names: NeedName[]): boolean {
  const isThere = has(...names)
  if (!isThere) beforeEach(({ skip }) => skip(`needs ${names.join(', ')}`))
  return isThere
}
