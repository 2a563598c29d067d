import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runInProcess, startProgram } from '../run-program.js'

const headers = { 'signature-key': 'sig=jwt; jwt="x"', 'content-type': 'application/x-www-form-urlencoded' }
const request = { method: 'POST', url: 'https://auth.example/token?code=secret-1', headers, body: 'code=secret-1' }
const response = { status: 200, headers: { 'content-type': 'application/json' }, body: '{"refresh_token":"secret-2"}' }
const trace = JSON.stringify({ messages: [{ from: 'agent', to: 'auth-server', request, response, tokens: [] }] })

describe('countersign trace', () => {
  let folder: string
  let file: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'countersign-trace-'))
    file = join(folder, 'run.json')
    writeFileSync(file, trace)
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('prints the messages as text, and as a page of the edition in which they are signed', async () => {
    const text = await runInProcess('trace', file)
    expect(text).toMatchObject({ status: 0, stderr: '' })
    expect(text.stdout).toMatch(
      /^=+\n>>> AGENT REQUEST to https:\/\/auth\.example\/token[\s\S]*<<< AGENT RESPONSE from/,
    )
    const page = await runInProcess('trace', file, '--html')
    expect(page).toMatchObject({ status: 0, stderr: '' })
    expect(page.stdout).toContain('<p class="edition">AAuth, draft -11</p>')
    const other = await runInProcess('trace', file, '--html', '--edition', 'january')
    expect(other.stdout).toContain('<p class="edition">AAuth of January 2026</p>')
  })

  it('removes secrets unless they are asked for, and says which it did', async () => {
    for (const format of [[], ['--html']]) {
      const { stdout } = await runInProcess('trace', file, ...format)
      expect(stdout).not.toContain('secret-')
      const whole = await runInProcess('trace', file, ...format, '--secrets')
      expect(whole.stdout).toMatch(/secret-1[\s\S]*secret-2/)
    }
    expect((await runInProcess('trace', file, '--html')).stdout).toContain(
      'were removed, so that the page can be shared',
    )
    expect((await runInProcess('trace', file, '--html', '--secrets')).stdout).toContain('Do not share it')
  })

  it('reads standard input, and refuses what is not a trace', async () => {
    const piped = await startProgram(['trace', '-'], { input: trace }).finished
    expect(piped.stdout).toContain('>>> AGENT REQUEST')
    expect((await runInProcess('trace', join(folder, 'none.json'))).stderr).toContain('cannot be read (ENOENT)')
    expect((await runInProcess('trace', folder)).stderr).toContain('cannot be read (EISDIR)')
    writeFileSync(join(folder, 'other.json'), '{"messages":[1]}')
    const { status, stderr } = await runInProcess('trace', join(folder, 'other.json'))
    expect({ status, stderr: stderr.replaceAll(/\s+/g, ' ') }).toEqual({
      status: 2,
      stderr: 'This is not a trace: messages[0] is not an object. To make one: countersign demo --json > run.json ',
    })
  })

  it('does not fill a terminal with markup', async () => {
    for (const args of [
      ['trace', file, '--html'],
      ['demo', '--page'],
    ]) {
      const { status, stdout, stderr } = await startProgram(args, { screen: true }).finished
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toMatch(/Write the page to a file, and open that: countersign .* > \w+\.html/)
    }
  })
})
