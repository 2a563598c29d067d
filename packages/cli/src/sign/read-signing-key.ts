import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { readSigner } from '../keys/read-signer.js'
import { wrapText } from '../text/wrap-text.js'

/** The key in a file, or a new one that is gone when the command ends. */
export async function readSigningKey(path: string | undefined, tell: (text: string) => void): Promise<Signer> {
  if (path !== undefined) return readSigner(path)
  const signer = await createSigner(await generatePrivateJwk())
  tell(wrapText('', `Signed with a new key that is not kept; its thumbprint is ${signer.thumbprint}.`))
  return signer
}
