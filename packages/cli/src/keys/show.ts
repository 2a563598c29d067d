import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { wrapText } from '../text/wrap-text.js'
import { readSigner } from './read-signer.js'

/** `countersign keys show <file>`: what of a private key is published, and its thumbprint. */
export const keysShow: Run = async (_options, terminal, file) => {
  const { jwk, thumbprint } = await readSigner(file, 'keys show')
  terminal.notify(wrapText('', `The thumbprint of the key is ${thumbprint}.`))
  terminal.write(`${JSON.stringify({ keys: [jwk] }, null, 2)}\n`)
  return exitStatus.done
}
