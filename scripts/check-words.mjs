// Checks Markdown, comments and strings against the list of terms in `terms.mjs`. Errors fail; `--warnings` prints the rest,
// `--count` the number of hits of each term.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseSync, Visitor } from 'oxc-parser'
import { terms } from './terms.mjs'

const { values } = parseArgs({
  options: { warnings: { type: 'boolean', default: false }, count: { type: 'boolean', default: false } },
})
const titleCall = /^(?:it|test|describe|bench)$/
const compiled = terms.map((term) => ({ ...term, pattern: new RegExp(`\\b(?:${term.find})\\b`, 'giu'), hits: 0 }))

const failures = []
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
for (const file of tracked.split('\n')) {
  if (!existsSync(file)) continue
  if (file.endsWith('.md')) check(file, 'markdown', proseOf(readFileSync(file, 'utf8')), 0)
  else if (/\.(?:tsx?|mjs|js)$/.test(file) && file !== 'scripts/terms.mjs')
    checkSource(file, readFileSync(file, 'utf8'))
}

/** The same text with code blanked out, so that positions stay. */
function proseOf(text) {
  const blank = (code) => code.replaceAll(/[^\n]/g, ' ')
  return text
    .replaceAll(/^( *)```[\s\S]*?^\1```/gm, blank)
    .replaceAll(/`[^`\n]+`/g, blank)
    .replaceAll(/\]\([^)\n]+\)/g, blank)
}

function checkSource(file, source) {
  const { program, comments } = parseSync(file, source)
  for (const { value, start } of comments) check(file, 'comment', proseOf(value), start + 2, source)
  if (/\/messages\/(?!en\/|parts\/)\w+\//.test(file)) return // In another language.
  // Strings outside of `src` are often data, such as a username, unless they are the title of a test.
  const titles = new Set()
  const kindOf = (node) => (file.includes('/src/') || titles.has(node) ? 'string' : 'data')
  new Visitor({
    CallExpression: ({ callee, arguments: [title] }) => {
      if (titleCall.test(nameOf(callee))) for (const part of title?.quasis ?? [title]) titles.add(part)
    },
    Literal: (node) =>
      typeof node.value === 'string' &&
      node.value.includes(' ') &&
      check(file, kindOf(node), node.value, node.start + 1, source),
    TemplateElement: (node) => check(file, kindOf(node), node.value.raw, node.start, source),
    JSXText: (node) => check(file, 'string', node.value, node.start, source),
  }).visit(program)
}

/** The name of the function that is called, such as `it` for `it(…)`, `it.skip(…)` and `it.each(…)(…)`. */
function nameOf(callee) {
  return callee.name ?? nameOf(callee.object ?? callee.callee ?? { name: '' })
}

function check(file, kind, text, start, source = text) {
  for (const term of compiled) {
    if (term.in && !term.in.includes(kind)) continue
    for (const { 0: found, index } of text.matchAll(term.pattern)) {
      term.hits += 1
      const line = source.slice(0, start + index).split('\n').length
      const report = `${file}:${line}: “${found}”: write ${term.write}`
      if (term.level === 'error') failures.push(report)
      else if (values.warnings) process.stdout.write(`warning: ${report}\n`)
    }
  }
}

if (values.count)
  for (const { find, hits, level } of compiled.toSorted((one, other) => other.hits - one.hits))
    process.stdout.write(`${String(hits).padStart(6)}  ${level.padEnd(7)}  ${find}\n`)
else for (const failure of failures) process.stdout.write(`${failure}\n`)
if (failures.length > 0) process.exitCode = 1
process.stdout.write(`words: ${failures.length} to rewrite\n`)
