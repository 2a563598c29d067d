import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { need } from '../../../../test/needs.js'

type Manual = 'backup.md' | 'high-availability.md' | 'postgresql.md'

const textOf = (document: Manual) =>
  readFileSync(new URL(`../../../../docs/operate/${document}`, import.meta.url), 'utf8')

/** The commands of the first block under a heading of a document. Such a block has no name, since `scripts/run-docs.mjs` runs it. */
export function blockUnder(document: Manual, heading: string): string {
  const [, below = ''] = textOf(document).split(`\n## ${heading}\n`)
  const [, body] = /^```sh\n([\s\S]*?)^```$/m.exec(below) ?? []
  if (body === undefined) throw new Error(`${document} has no block under ${heading}`)
  return body
}

/** The commands of a named block of a document. */
export function blockOf(document: Manual, block: string): string {
  const manual = textOf(document)
  const [, body] = new RegExp(`^\`\`\`sh ${block}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(manual) ?? []
  if (body === undefined) throw new Error(`${document} has no block ${block}`)
  return body
}

/**
 * Runs commands for a whole machine here.
 *
 * @param stubs replacements for some of the commands, as text for `sh`, by name
 * @param shell the shell that runs them; an interactive shell continues after a command that fails
 */
export async function runBlock(
  commands: string,
  stubs: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = {},
  shell: readonly string[] = ['bash', '-euo', 'pipefail'],
): Promise<void> {
  need('bash')
  const folder = mkdtempSync(join(tmpdir(), 'countersign-manual-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  for (const [name, text] of Object.entries(stubs))
    writeFileSync(join(bin, name), `#!/bin/sh -e\n${text}\n`, { mode: 0o755 })
  const { PATH = '', ...others } = process.env
  const [program = '', ...flags] = shell
  const child = spawn(program, [...flags, '-c', commands], {
    cwd: folder,
    env: { ...others, ...env, PATH: [bin, env.PATH, PATH].filter(Boolean).join(delimiter) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      said += text.toString()
    })
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  if (status !== 0) throw new Error(`${commands}\nexited with ${status}: ${said}`)
}
