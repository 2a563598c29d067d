import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const script = new URL('../../assets/pages.js', import.meta.url)
const compiler = fileURLToPath(new URL('../../../../node_modules/.bin/tsc', import.meta.url))

it('type-checks on its own, as ES2020 in a browser', () => {
  const options = '--noEmit --allowJs --checkJs --strict --ignoreConfig --target es2020 --lib es2020,dom,dom.iterable'
  expect(execFileSync(compiler, [...options.split(' '), fileURLToPath(script)], { encoding: 'utf8' })).toBe('')
})

it('loads nothing, writes no markup and is small', () => {
  const source = readFileSync(script, 'utf8')
  expect(source).toMatch(/^\/\/ @ts-check$/m)
  expect(source).not.toMatch(/\bimport\b|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function/)
  expect(source.length).toBeLessThan(8500)
})
