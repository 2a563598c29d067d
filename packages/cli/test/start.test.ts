import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../../test/free-port.js'

const packages = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(packages, 'cli', 'bin', 'countersign.js')

function run(...args: string[]) {
  const began = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, stdout, stderr, ms: performance.now() - began }
}

it('countersign --version takes at most four times as long as an empty node program', () => {
  const least = { nothing: Number.POSITIVE_INFINITY, version: Number.POSITIVE_INFINITY }
  for (let round = 0; round < 15; round++) {
    least.nothing = Math.min(least.nothing, run('-e', '0').ms)
    least.version = Math.min(least.version, run(bin, '--version').ms)
  }
  expect(least.version / least.nothing).toBeLessThan(4)
})

interface Manifest {
  name: string
  files: string[]
  dependencies?: Record<string, string>
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

/** Copies a package's run-time dependencies, recursively. */
function copyDependencies(from: string, to: string): void {
  for (const name of Object.keys(manifestIn(from).dependencies ?? {})) {
    const places = [from, join(packages, 'cli'), dirname(packages)].map((place) => join(place, 'node_modules', name))
    const place = places.find((candidate) => existsSync(candidate))
    if (!place || name === 'countersign' || existsSync(join(to, name))) continue
    cpSync(place, join(to, name), { recursive: true })
    copyDependencies(place, to)
  }
}

describe('without countersign-server', () => {
  let folder: string
  const countersign = (...args: string[]) => run(join(folder, 'countersign-cli', 'bin', 'countersign.js'), ...args)

  beforeAll(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'countersign-alone-')), 'node_modules')
    for (const name of ['cli', 'countersign']) {
      const from = join(packages, name)
      const manifest = manifestIn(from)
      for (const file of ['package.json', ...manifest.files.filter((file) => existsSync(join(from, file)))])
        cpSync(join(from, file), join(folder, manifest.name, file), { recursive: true })
      copyDependencies(from, folder)
    }
  })
  afterAll(() => rmSync(dirname(folder), { recursive: true, force: true }))

  it.each([
    'server start --config config.json',
    'server users list --db auth.db',
    'server keys list --db auth.db',
    'doctor --config config.json',
    'demo',
  ])('countersign %s prints the command that installs it', (command) => {
    const { status, stdout, stderr } = countersign(...command.split(' '))
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toBe(
      'This command requires the countersign-server package, which is not installed: npm install countersign-server\n',
    )
  })

  it.each([
    'server start',
    'server users add',
    'server keys rotate',
    'server agents list',
    'server grants revoke',
    'server audit export',
    'server db backup',
  ])('countersign %s --help still shows its flags', (command) => {
    const { status, stdout, stderr } = countersign(...command.split(' '), '--help')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain('  --config <file> ')
  })

  it('everything else works: help, keys, signatures, checks from outside, the demo’s agent', async () => {
    expect(countersign('--help')).toMatchObject({ status: 0, stderr: '' })
    expect(countersign('server', 'keys', 'generate-master')).toMatchObject({ status: 0, stderr: '' })
    expect(countersign('sign', 'https://api.example/data')).toMatchObject({ status: 0 })
    const unreachable = countersign('doctor', `http://127.0.0.1:${await freePort()}`)
    expect(unreachable).toMatchObject({ status: 1, stdout: expect.stringContaining('could not be fetched') })
    const agent = countersign(
      'demo',
      '--only',
      'agent',
      '--port',
      '0',
      '--resource-url',
      `http://127.0.0.1:${await freePort()}/data-auth`,
    )
    expect(agent).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('connection refused (nothing is listening there)'),
    })
  })
})
