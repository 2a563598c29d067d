import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'publication-'))
const page = 'docs/introduction/releases.md'
const manifests = ['countersign', 'server', 'gateway', 'cli', 'create-countersign'].map(
  (name) => `packages/${name}/package.json`,
)
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version

const addresses = {
  repository: 'https://code.example/countersign',
  homepage: 'https://countersign.example/',
  bugs: 'https://code.example/countersign/issues',
  contact: 'security@countersign.example',
  keywords: ['aauth', 'agents'],
}

function publication(...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/publication.mjs'), ...args], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, problems: stderr.split('\n').filter((line) => line !== '') }
}

const read = (path: string) => readFileSync(join(folder, path), 'utf8')
const fill = (values: object) => writeFileSync(join(folder, 'publication.json'), JSON.stringify(values))

beforeEach(() => {
  for (const path of ['publication.json', 'CHANGELOG.md', page, ...manifests]) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    cpSync(join(root, path), join(folder, path))
  }
  writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n## ${version} – 2027-01-31\n`)
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('scripts/publication.mjs', () => {
  it('writes the addresses into every manifest and the contact into the page', () => {
    fill(addresses)
    expect(publication().status).toBe(1)
    expect(publication('--write')).toEqual({ status: 0, problems: [] })
    expect(JSON.parse(read('packages/server/package.json'))).toMatchObject({
      keywords: ['aauth', 'agents'],
      homepage: 'https://countersign.example/',
      bugs: { url: 'https://code.example/countersign/issues' },
      repository: { type: 'git', url: 'git+https://code.example/countersign.git', directory: 'packages/server' },
    })
    expect(read(page)).toContain('Write to <security@countersign.example>.')
    expect(publication('--release', `v${version}`)).toEqual({ status: 0, problems: [] })
  })

  it('omits what is empty', () => {
    fill(addresses)
    publication('--write')
    fill({ repository: '', homepage: '', bugs: '', contact: '', keywords: [] })
    publication('--write')
    for (const path of manifests)
      expect(Object.keys(JSON.parse(read(path)))).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/^(?:repository|homepage|bugs|keywords)$/)]),
      )
  })

  it.each(['repository', 'homepage', 'bugs', 'contact', 'keywords'])('refuses a release without %s', (name) => {
    fill({ ...addresses, [name]: name === 'keywords' ? [] : '' })
    publication('--write')
    expect(publication('--release', `v${version}`)).toEqual({
      status: 1,
      problems: [`publication.json: ${name} is empty; fill it in, and run node scripts/publication.mjs --write`],
    })
  })

  it('refuses a release of a version that the manifests and the changelog do not have', () => {
    fill(addresses)
    publication('--write')
    const { status, problems } = publication('--release', 'v99.0.0')
    expect(status).toBe(1)
    expect(problems).toContain(`packages/cli/package.json has version ${version}, but the tag is v99.0.0`)
    expect(problems).toContain(`packages/cli/package.json depends on countersign ${version}, not 99.0.0`)
    expect(problems).toContain('CHANGELOG.md has no section "## 99.0.0 – <date>"')
  })

  it.each([{ homepage: 'http://countersign.example/' }, { contact: 'nowhere' }])('refuses %j', (values) => {
    fill({ ...addresses, ...values })
    publication('--write')
    expect(publication().status).toBe(1)
  })
})
