import { expect, it } from 'vitest'
import { safeTerminal } from '../../src/terminal/terminal.js'

function recorded(colour: boolean) {
  const written: (string | Uint8Array)[] = []
  const notified: string[] = []
  const terminal = safeTerminal({
    write: (text) => void written.push(text),
    notify: (text) => void notified.push(text),
    readInput: async () => new Uint8Array(),
    asking: { output: process.stderr, input: process.stdin },
    output: process.stdout,
    colour,
    env: {},
    onStop: () => () => undefined,
  })
  return { terminal, written, notified }
}

it('escapes terminal control characters in responses and notes, except tabs and line feeds', () => {
  const { terminal, written, notified } = recorded(false)
  terminal.write('a\tb\n\u001b[1mc\u009bd\u202ee\u{e0041}é👍')
  terminal.notify('f\u0007\u2066')
  expect(written).toEqual(['a\tb\n\\u001b[1mc\\u009bd\\u202ee\\udb40\\udc41é👍'])
  expect(notified).toEqual(['f\\u0007\\u2066'])
})

it('allows the codes that highlight a title if colors are supported, and no others', () => {
  const { terminal, written } = recorded(true)
  terminal.write('\u001b[1mTITLE\u001b[0m\u001b[2J\u001b[31m')
  expect(written).toEqual(['\u001b[1mTITLE\u001b[0m\\u001b[2J\\u001b[31m'])
})

it('writes bytes unchanged', () => {
  const { terminal, written } = recorded(false)
  terminal.write(Buffer.from('\u202e'))
  expect(written).toEqual([Buffer.from('\u202e')])
})
