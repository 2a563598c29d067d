import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Plain JavaScript without types, which `npm run examples` runs as it stands in the document. */
const runPrograms: ReadonlySet<string> = new Set(
  ['examples', 'examples/models']
    .flatMap((folder) => readdirSync(join(root, folder)))
    .filter((name) => name.endsWith('.mjs')),
)

it('has call sites in the README and the documents that compile unchanged', () => {
  const documents = [
    'README.md',
    ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !name.startsWith('reference/api/'))
      .map((name) => join('docs', name)),
  ]
  const text = documents.map((document) => readFileSync(join(root, document), 'utf8')).join('\n')
  const blocks = [...text.matchAll(/^```(ts|js)(?: ([\w.-]+\.mjs))?\n([\s\S]*?)^```/gm)].filter(
    ([, , program]) => program === undefined || !runPrograms.has(program),
  )
  expect(blocks.length).toBeGreaterThanOrEqual(16)
  const folder = join(root, '.reports', 'readme')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [index, [, language, , code = '']] of blocks.entries())
    writeFileSync(join(folder, `example-${index}.${language === 'js' ? 'mjs' : 'ts'}`), code)
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions: {
      composite: false,
      declaration: false,
      declarationMap: false,
      noEmit: true,
      noUnusedLocals: false,
      allowJs: true,
      checkJs: true,
    },
    include: ['*.ts', '*.mjs'],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder],
    { encoding: 'utf8' },
  )
  expect(stdout).toBe('')
  expect(status).toBe(0)
})
