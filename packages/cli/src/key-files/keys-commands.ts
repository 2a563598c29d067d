import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { type Algorithm, createSigner, generatePrivateJwk } from 'countersign'
import { publishedJwk } from 'countersign/tokens'
import { CommandError, errorCode, exitStatus, usageError } from '../command/errors.js'
import { type EditionName, loadEdition } from '../editions/load-edition.js'
import { readSigner } from '../flags/key-flags.js'
import type { Run } from '../terminal/terminal.js'
import { wrapText } from '../terminal/text.js'

/** `countersign agent keys generate`: generates a private key in a new file. */
export const keysGenerate: Run = async ({ output, alg, kid, edition, json }, terminal) => {
  if (typeof output !== 'string')
    throw usageError('agent keys generate requires --output <file>: the key is not printed.')
  if (kid !== undefined && (typeof kid !== 'string' || !/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(kid)))
    throw usageError('--kid must be 1 to 256 printable ASCII characters, without double quotes or backslashes.')
  const { jose } = (await loadEdition(edition as EditionName | undefined)).protocol.documents.agent
  const algorithm = (alg as Algorithm | undefined) ?? 'ed25519'
  if (jose.algRequired && jose.names[algorithm].length === 0)
    throw usageError(`--alg ${algorithm} is not part of edition ${String(edition)}: use ed25519 or ecdsa-p256-sha256.`)
  const jwk = await generatePrivateJwk({ algorithm, kid })
  await writeNewFile(output, `${JSON.stringify(jwk, null, 2)}\n`, 'already exists')
  const { jwk: published, thumbprint } = await createSigner(jwk)
  const jwks = { keys: [publishedJwk(published, jose)] }
  if (!json) terminal.notify(wrapText('', `The private key is in ${output}; its thumbprint is ${thumbprint}.`))
  terminal.write(`${JSON.stringify(json ? { file: output, thumbprint, jwks } : jwks, null, 2)}\n`)
  return exitStatus.done
}

/** `countersign server keys generate-master`: generates the 32 random bytes that encrypt the keys in the database. */
export const keysGenerateMaster: Run = async ({ output, json }, terminal) => {
  const masterKey = randomBytes(32).toString('base64url')
  if (typeof output !== 'string') {
    terminal.write(`${json ? JSON.stringify({ masterKey }) : masterKey}\n`)
    return exitStatus.done
  }
  await writeNewFile(
    output,
    `${masterKey}\n`,
    'already exists and may contain a database’s master key; nothing was changed',
  )
  const advice = `The master key is in ${output}. Store a copy separately from the database: without the key, no one can decrypt the keys in the database.`
  terminal.write(`${json ? JSON.stringify({ file: output }) : advice}\n`)
  return exitStatus.done
}

/** `countersign agent keys show <file>`: prints the public part of a private key, and its thumbprint. */
export const keysShow: Run = async (_options, terminal, file) => {
  const { jwk, thumbprint } = await readSigner(file, 'agent keys show')
  terminal.notify(wrapText('', `The key’s thumbprint is ${thumbprint}.`))
  terminal.write(`${JSON.stringify({ keys: [jwk] }, null, 2)}\n`)
  return exitStatus.done
}

/** Writes a file that only its owner can read. @throws CommandError if the file exists (with the given reason) or cannot be written */
export async function writeNewFile(path: string, text: string, whyKept: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    const code = errorCode(cause)
    const why = code === 'EEXIST' ? whyKept : `cannot be written (${code})`
    throw new CommandError(`${path} ${why}.`, { cause })
  }
}
