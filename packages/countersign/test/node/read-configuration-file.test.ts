import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { readConfigurationFile } from '../../src/node/read-configuration-file.js'

/** Reads a file with this name and text; resolves to its content, or to the message of the error. */
async function read(name: string, text: string): Promise<unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-configuration-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, name)
  writeFileSync(path, text)
  return readConfigurationFile(path).catch((error: Error) => error.message.replaceAll(path, name))
}

it.each<[string, string[]]>([
  ['{"a":1,"b":2}', []],
  ['{"a":{"b":1},"b":1}', []],
  ['{"a":{"b":[{"c":1}],"c":2},"c":[{"c":1},{"c":"c"}]}', []],
  [String.raw`{"a":"\"a\":{","b":"}"}`, []],
  ['{"a":1,"a":2}', ['a']],
  ['{"a":{"b":{}},"a":2}', ['a']],
  [String.raw`{"a":1,"\u0061":2}`, ['a']],
  ['{"routes":[{"path":1},{"x":[1,2],"path":1,"path":2}]}', ['routes[1].path']],
  ['{"a":[[],[{"b":1,"b":2}]],"c":{"d":1,"d":2}}', ['a[1][0].b', 'c.d']],
  ['{"a":[{}],"a":[{"b":1,"b":2,"b":3}]}', ['a', 'a[0].b', 'a[0].b']],
])('finds the members that occur twice in %s: %j', async (text, repeated) => {
  const content = await read('app.json', text)
  if (repeated.length === 0) expect(content).toEqual(JSON.parse(text))
  else expect(String(content).match(/[\w[\].]+(?=: occurs twice: keep one)/g), 'names them all').toEqual(repeated)
})

it.each<[string, string, string | RegExp]>([
  ['app.yaml', 'a: 1', 'must end in .json, .js, .mjs, .ts, .mts'],
  ['app.json', '[]', 'must contain an object'],
  ['app.json', 'null', 'must contain an object'],
  ['app.json', '7', 'must contain an object'],
  ['app.json', '{"a":', 'cannot be read: '],
  ['app.mjs', 'export default []', 'must have an object as its default export'],
  ['app.mjs', 'export const a = {}', 'must have an object as its default export'],
  ['app.mjs', 'throw new Error("not today")', 'cannot be read: not today'],
  ['app.mjs', 'throw "not today"', 'cannot be read: not today'],
])('refuses %s with %s: %s', async (name, text, problem) => {
  expect(await read(name, text)).toContain(`the file: ${problem}`)
})

it('reads the default export of a module, and refuses a file that does not exist', async () => {
  expect(await read('app.mjs', 'export default { a: [1] }')).toEqual({ a: [1] })
  await expect(readConfigurationFile(join(tmpdir(), 'no-such-file.json'))).rejects.toThrow('the file: does not exist')
})
