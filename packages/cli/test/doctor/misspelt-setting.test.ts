import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { runInProcess } from '../run-program.js'

it('asks what a misspelt setting was meant to be, without a full stop after the question', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'config.json')
  writeFileSync(file, JSON.stringify({ issuer: 'https://auth.example', oauth: { clietns: [] } }))
  const { stdout } = await runInProcess('doctor', '--config', file)
  expect(stdout).toMatch(/did you mean\s+oauth\.clients\?\s/)
})
