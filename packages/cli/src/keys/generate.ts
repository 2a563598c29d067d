import { type Algorithm, createSigner, generatePrivateJwk } from 'countersign'
import { usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { wrapText } from '../text/wrap-text.js'
import { writeNewFile } from './write-new-file.js'

/** `countersign keys generate`: a new private key in a file of its own. */
export const keysGenerate: Run = async ({ out, alg, kid }, terminal) => {
  if (typeof out !== 'string') throw usageError('keys generate needs --out <file>: the key is not printed.')
  if (kid !== undefined && (typeof kid !== 'string' || !/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(kid)))
    throw usageError('--kid takes 1 to 256 printable characters without quotes and backslashes.')
  const jwk = await generatePrivateJwk({
    algorithm: (alg as Algorithm | undefined) ?? 'ed25519',
    kid,
  })
  await writeNewFile(out, `${JSON.stringify(jwk, null, 2)}\n`, 'exists already')
  const { jwk: published, thumbprint } = await createSigner(jwk)
  terminal.notify(wrapText('', `The private key is in ${out}; its thumbprint is ${thumbprint}.`))
  terminal.write(`${JSON.stringify({ keys: [published] }, null, 2)}\n`)
  return exitStatus.done
}
