import { expect, it } from 'vitest'
import { parseForms } from '../../src/demo/page-form.js'

it('reads 1 MB of brackets in no time', () => {
  const started = performance.now()
  for (const part of ['<form ', '<input name="', '<!--', '<script>', `<form a='`, '&#x'])
    parseForms(part.repeat(1_000_000 / part.length))
  expect(performance.now() - started).toBeLessThan(5000)
})

it('takes the first option of a list without a choice for chosen, as browsers do', () => {
  const [form] = parseForms('<form><select name=duration><option value=1><option value=2></select></form>')
  expect(form?.controls.map(({ value, checked }) => [value, checked])).toEqual([
    ['1', true],
    ['2', false],
  ])
})
