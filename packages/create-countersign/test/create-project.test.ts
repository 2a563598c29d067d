import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { requireNewFolder, templates, writeProject } from '../src/create-project.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const program = join(root, 'packages/create-countersign/bin/create-countersign.js')
const reports = join(root, '.reports')
mkdirSync(reports, { recursive: true })
/** Within this repository, so that the projects find its packages. */
const tmp = mkdtempSync(join(reports, 'create-'))
const packages = join(tmp, 'tarballs')
const names = ['script', 'web', 'api', 'mcp'] as const
let cwd: string

mkdirSync(packages)
writeFileSync(join(packages, 'countersign-0.1.0.tgz'), '')
beforeEach(() => {
  cwd = mkdtempSync(join(tmp, 'work-'))
})
afterAll(() => rmSync(tmp, { recursive: true }))

/** Runs the command without a terminal. */
function create(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const npm = (folder: string, ...args: string[]) =>
  spawnSync('npm', args, { cwd: folder, encoding: 'utf8', env: { ...process.env, npm_config_offline: 'true' } })

describe('create-countersign', () => {
  it.each(names)(
    'creates a project from the template %s whose types and tests pass, and that prints JSON',
    (template) => {
      const { status, stdout } = create('mine', '--template', template, '--packages', packages, '--no-install')
      expect([status, stdout]).toEqual([0, expect.stringContaining('npm test')])
      expect(readdirSync(cwd)).toEqual(['mine'])
      const folder = join(cwd, 'mine')
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      expect(manifest).toMatchObject({
        name: 'mine',
        private: true,
        dependencies: { countersign: `file:${join(packages, 'countersign-0.1.0.tgz')}` },
      })
      expect(readFileSync(join(folder, 'README.md'), 'utf8')).toMatch(/^# mine\n/)
      const key = join(folder, templates[template].key)
      expect(statSync(key).mode & 0o777).toBe(0o600)
      expect(readFileSync(join(folder, '.gitignore'), 'utf8').split('\n')).toContain(templates[template].key)
      expect(JSON.parse(npm(folder, 'run', '-s', 'try').stdout)).toMatchObject({ user: expect.any(String) })
      const tests = npm(folder, 'test')
      expect([tests.status, tests.stdout]).toEqual([0, expect.stringMatching(/^# pass [1-9]\d*\n# fail 0$/m)])
    },
  )

  it('names packages in the versions that this repository is tested with', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const library = JSON.parse(readFileSync(join(root, 'packages/countersign/package.json'), 'utf8'))
    const tested = { ...library.devDependencies, ...devDependencies, countersign: library.version }
    for (const name of names) {
      const path = join(root, 'packages/create-countersign/templates', name, 'package.json')
      const { dependencies, devDependencies } = JSON.parse(readFileSync(path, 'utf8'))
      expect(tested).toMatchObject({ ...dependencies, ...devDependencies })
    }
  })

  it.each(['', '.', '..', '../up', '/tmp/there', 'Mine', 'a b', '.hidden', 'end.', 'x'.repeat(101), 'ü', '-x', 'a\nb'])(
    'refuses the name %j',
    (name) => expect(() => requireNewFolder(name, cwd)).toThrow('cannot be the name of a project'),
  )

  it.each(['countersign', 'hono', 'typescript', 'node_modules'])('refuses %s, which the project needs', (name) => {
    expect(() => requireNewFolder(name, cwd)).toThrow('is a package that the project needs')
  })

  it('refuses to touch a file, a folder, or a dangling link with that name', () => {
    mkdirSync(join(cwd, 'folder'))
    writeFileSync(join(cwd, 'file'), '')
    symlinkSync('nowhere', join(cwd, 'link'))
    for (const name of ['folder', 'file', 'link']) {
      const { status, stderr } = create(name, '--template', 'api', '--packages', packages, '--no-install')
      expect([status, stderr]).toEqual([1, expect.stringContaining(`${name} already exists, and nothing was changed.`)])
    }
    expect(readdirSync(cwd).sort()).toEqual(['file', 'folder', 'link'])
  })

  it('does not replace a folder that appears while the project is written', () => {
    const folder = join(cwd, 'mine')
    const project = writeProject({ folder, template: 'api', packages })
    mkdirSync(folder)
    expect(() => project.finish()).toThrow('already exists')
    project.discard()
    expect(readdirSync(cwd)).toEqual(['mine'])
    expect(readdirSync(folder)).toEqual([])
  })

  it.each([
    [['mine'], 'Pass a name and --template'],
    [['--template', 'api'], 'Pass a name and --template'],
    [['mine', 'yours', '--template', 'api'], 'A project has one name, not 2'],
    [['mine', '--template', 'apo'], 'There is no template "apo". Choose one of script, web, api, mcp.'],
    [['mine', '--template', 'toString'], 'There is no template "toString".'],
    [['mine', '--template', 'api', '--colour'], "Unknown option '--colour'"],
    [['mine', '--template', 'api', '--no-install'], 'Countersign is not on npm yet. Pass --packages'],
    [['mine', '--template', 'api', '--packages', '.'], 'must contain exactly one countersign-<version>.tgz'],
    [['mine', '--template', 'api', '--packages', 'nowhere'], 'must contain exactly one countersign-<version>.tgz'],
  ])('refuses %j, says why, and leaves nothing behind', (args, message) => {
    const { status, stderr } = create(...args)
    expect([status, stderr]).toEqual([1, expect.stringContaining(message)])
    expect(stderr).not.toMatch(/\n {4}at /)
    expect(readdirSync(cwd)).toEqual([])
  })

  it('prints its usage', () => {
    const { status, stdout } = create('--help')
    expect([status, stdout]).toEqual([0, expect.stringContaining('--template TEMPLATE')])
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
  })

  it('creates nothing if npm install fails', () => {
    const { status, stderr } = create('mine', '--template', 'api', '--packages', packages)
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('npm install failed: see above. Nothing was created.'),
    ])
    expect(existsSync(join(cwd, 'mine'))).toBe(false)
    expect(readdirSync(cwd)).toEqual([])
  })
})
