// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of the shell
import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { runInProcess } from '../run-program.js'

const scriptFor = async (shell: string) => (await runInProcess('completion', shell)).stdout

/** Whether a shell is installed. */
const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0

/** What bash completes after these words, of which the last is incomplete. */
async function completed(...words: string[]): Promise<string[]> {
  const body = 'COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); _countersign; printf "%s\\n" "${COMPREPLY[@]}"'
  const script = `${await scriptFor('bash')}\n${body}`
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', 'countersign', ...words], { encoding: 'utf8' })
  expect(stderr).toBe('')
  return stdout.split('\n').filter(Boolean)
}

it.skipIf(!has('bash')).each<[line: string, expected: string[]]>([
  ['ser', ['server']],
  ['server users e', ['edit', 'enable']],
  ['server users add --e', ['--email']],
  ['agent keys generate --alg r', ['rsa-pss-sha512']],
  ['fetch --home server --auth', ['--auth-server']],
  ['fetch -o ', []],
  ['completion f', ['fish']],
])('completes "countersign %s" in bash', async (line, expected) => {
  expect(await completed(...line.split(' '))).toEqual(expected)
})

it.skipIf(!has('fish'))('completes commands in fish', async () => {
  const script = `${await scriptFor('fish')}\ncomplete -C 'countersign server us'`
  expect(spawnSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' }).stdout).toMatch(/^users\t/)
})

it.skipIf(!has('zsh'))('is valid zsh', async () => {
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
