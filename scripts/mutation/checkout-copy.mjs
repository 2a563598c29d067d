import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, join, relative } from 'node:path'

const packages = ['countersign', 'server', 'gateway', 'cli', 'create-countersign']

/** @throws Error if sources have changed since the last build, because the mutations would apply to other code */
export function requireFreshBuild(root) {
  const plan = execFileSync('npx', ['tsc', '-b', '--dry'], { cwd: root, encoding: 'utf8' })
  const stale = plan.split('\n').filter((line) => /would (?:be built|build)|out of date/i.test(line))
  if (stale.length > 0) throw new Error('The build is stale: run npm run build first.')
}

/**
 * Copies a checkout with its build output, so that mutations do not interfere with other test runs. Installed packages are linked, except
 * this repository's own, which are copied.
 */
export function copyCheckout(root, target) {
  rmSync(target, { recursive: true, force: true })
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' })
  const built = packages.map((name) => `packages/${name}/dist`)
  for (const path of [...listed.split('\0').filter((each) => each !== ''), ...built])
    if (existsSync(join(root, path))) cpSync(join(root, path), join(target, path), { recursive: true })
  for (const folder of ['.', ...packages.map((name) => `packages/${name}`), 'bench'])
    linkPackages(join(root, folder, 'node_modules'), join(target, folder, 'node_modules'))
}

function linkPackages(from, to) {
  if (!existsSync(from)) return
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) {
    const path = join(from, name)
    const isOwn = lstatSync(path).isSymbolicLink()
    if (name !== '.vite') symlinkSync(isOwn ? readlinkSync(path) : path, join(to, name))
  }
}

/** @returns {string[]} the built modules below `packages`, with `/`, in order */
export function builtFiles(root) {
  return packages
    .map((name) => join(root, 'packages', name, 'dist'))
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => relative(join(root, 'packages'), join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
}

/** @returns {string} SHA-256 of a text */
export function hashOf(text) {
  return createHash('sha256').update(text).digest('base64url')
}

/** @returns {Record<string, string[]>} for each built file, the files of its package that import it */
export function importersOf(root, files) {
  const importers = {}
  for (const file of files) {
    const text = readFileSync(join(root, 'packages', file), 'utf8')
    for (const [, specifier] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]*)['"]/g)) {
      const imported = join(dirname(file), specifier)
      importers[imported] = [...(importers[imported] ?? []), file]
    }
  }
  return importers
}

/** @returns {{ file: string, line: number }} the source position that a position of a built file comes from */
export function sourceOf(root, file, position) {
  const path = join(root, 'packages', file)
  const before = readFileSync(path, 'utf8').slice(0, position).split('\n')
  const map = new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')))
  const { originalSource, originalLine } = map.findEntry(before.length - 1, before.at(-1).length)
  if (originalSource === undefined) return { file, line: before.length }
  return { file: join(dirname(file), originalSource), line: originalLine + 1 }
}
