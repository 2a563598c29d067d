import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

interface Term {
  find: string
  example: string
  write: string
  level: 'error' | 'warning'
  in?: readonly string[]
}

const script = resolve(import.meta.dirname, '../scripts/check-words.mjs')
const { terms } = (await import('../scripts/terms.mjs' as string)) as { terms: readonly Term[] }

/** A file for each kind of text, with a sentence on each line. */
const kinds: Readonly<Record<string, [file: string, line: (sentence: string) => string]>> = {
  markdown: ['page.md', (sentence) => sentence],
  comment: ['program.mjs', (sentence) => `// ${sentence}`],
  string: ['packages/api/src/messages.ts', (sentence) => `void '${sentence}'`],
  data: ['data.ts', (sentence) => `void '${sentence}'`],
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'check-words-'))
  spawnSync('git', ['init', '--quiet'], { cwd: folder })
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(file: string, text: string): void {
  mkdirSync(join(folder, file, '..'), { recursive: true })
  writeFileSync(join(folder, file), text)
}

function checkWords() {
  const { status, stdout } = spawnSync(process.execPath, [script, '--warnings'], { cwd: folder, encoding: 'utf8' })
  return { status, reports: stdout.trimEnd().split('\n') }
}

it('finds each term in its example, in the kinds of text to which it applies', () => {
  for (const [file, line] of Object.values(kinds))
    write(file, terms.map(({ example }) => `${line(example)}\n`).join(''))
  const { status, reports } = checkWords()
  expect(status).toBe(1)
  const found = terms.map(({ find, write, level }, index) => {
    const isFound = (file: string) =>
      reports.some(
        (report) =>
          report.startsWith(`${level === 'warning' ? 'warning: ' : ''}${file}:${index + 1}: `) &&
          report.endsWith(`: write ${write}`),
      )
    return [find, Object.keys(kinds).filter((kind) => isFound(kinds[kind]?.[0] ?? ''))]
  })
  expect(found).toEqual(terms.map((term) => [term.find, term.in ?? Object.keys(kinds)]))
})

it('reads titles of tests as strings, and no code', () => {
  const inTitles = terms.find(({ in: only }) => only?.includes('string') && !only.includes('data'))
  const example = inTitles?.example ?? ''
  expect(example).not.toBe('')
  write('page.md', `Text.\n\n\`\`\`sh\n${example}\n\`\`\`\n\nA \`${example}\`.\n`)
  write('some.test.ts', `it('works', () => {})\nit.each([1])('${example}', () => {})\n`)
  const { status, reports } = checkWords()
  expect(status).toBe(1)
  expect(new Set(reports.slice(0, -1).map((report) => /\S+:\d+/.exec(report)?.[0]))).toEqual(
    new Set(['some.test.ts:2']),
  )
})
