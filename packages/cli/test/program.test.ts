import { expect, it } from 'vitest'
import { startProgram } from './run-program.js'

const args = ['sidecar', '--allow-host', 'https://api.example']
const sentence = '--allow-host must be a host, such as api.example or api.example:8443, not https://api.example\n'

it('prints an error on one line if a program reads it', async () => {
  expect((await startProgram(args).finished).stderr).toBe(sentence)
})

it('prints an error in lines of at most 80 columns if a user reads it', async () => {
  const { stderr } = await startProgram(args, { person: () => undefined }).finished
  expect(stderr.replaceAll('\n', ' ').trimEnd()).toBe(sentence.trimEnd())
  expect(Math.max(...stderr.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80)
})
