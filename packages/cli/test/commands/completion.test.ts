// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of the shell
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { need } from '../../../../test/needs.js'
import { runInProcess } from '../run-program.js'

const scriptFor = async (shell: string) => (await runInProcess('completion', shell)).stdout

/** What bash completes after these words, of which the last is incomplete. */
async function completed(...words: string[]): Promise<string[]> {
  const body = 'COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _countersign; printf "%s\\n" "${COMPREPLY[@]}"'
  const script = `${await scriptFor('bash')}\n${body}`
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', 'countersign', ...words], { encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter(Boolean)
}

it.each<[line: string, expected: string[]]>([
  ['ser', ['server']],
  ['server users e', ['edit', 'enable']],
  ['server users add --e', ['--email']],
  ['agent keys generate --alg r', ['rsa-pss-sha512']],
  ['fetch --home server --auth', ['--auth-server']],
  ['fetch -o ', []],
  ['completion f', ['fish']],
])('completes "countersign %s" in bash', async (line, expected) => {
  need('bash')
  expect(await completed(...line.split(' '))).toEqual(expected)
})

it('completes commands in fish', async () => {
  need('fish')
  const script = `${await scriptFor('fish')}\ncomplete -C 'countersign server us'`
  expect(spawnSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' }).stdout).toMatch(/^users\t/)
})

it('is valid zsh', async () => {
  need('zsh')
  const { status, stderr } = spawnSync('zsh', ['-fn'], { input: await scriptFor('zsh'), encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

it.each(['zsh', 'fish'])('has every command and flag for %s, each text in quotes', async (shell) => {
  const script = await scriptFor(shell)
  for (const word of ['finish-restore', 'remove-passkeys', 'consent-timeout', 'ecdsa-p256-sha256'])
    expect(script).toContain(word)
  // A quote in a description would end the word.
  expect(script).toContain(shell === 'zsh' ? "user'\\''s" : "user\\'s")
})

it('knows no other shell', async () => {
  const { status, stderr } = await runInProcess('completion', 'tcsh')
  expect(status).toBe(2)
  expect(stderr).toContain('bash, zsh, fish')
})
