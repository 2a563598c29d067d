import { expect, it } from 'vitest'
import { parseForms } from '../../src/demo/scripted-browser.js'

it('parses 1 MB of brackets quickly', () => {
  const { user } = process.cpuUsage()
  for (const part of ['<form ', '<input name="', '<!--', '<script>', `<form a='`, '&#x'])
    parseForms(part.repeat(1_000_000 / part.length))
  expect(process.cpuUsage().user - user, 'in microseconds').toBeLessThan(5_000_000)
})

it('selects the first option of a list without a selection, as browsers do', () => {
  const [form] = parseForms('<form><select name=duration><option value=1><option value=2></select></form>')
  expect(form?.controls.map(({ value, checked }) => [value, checked])).toEqual([
    ['1', true],
    ['2', false],
  ])
})

it.each([
  ['an option whose value is its text', '<form><select name=a><option>x<option selected> y </select></form>', 'y'],
  ['text of several lines', '<form><textarea name=a>\nb&amp;c</textarea></form>', 'b&c'],
  ['a page for browsers without scripts', '<form><noscript><input name=a value=1></noscript></form>', '1'],
  ['a form between the rows of a table', '<table><form><tr><td><input name=a value=1></td></tr></form></table>', '1'],
  ['no template', '<form><template><input name=a value=0></template><input name=a value=1></form>', '1'],
  ['HTML entities', '<form><input name=a value="&lpar;&#128;&notit;"></form>', '(€&notit;'],
])('parses %s as browsers do', (_case, page, value) => {
  const [form] = parseForms(page)
  const sent = form?.controls.filter(({ type, checked }) => type !== 'option' || checked)
  expect(sent).toMatchObject([{ name: 'a', value }])
})
