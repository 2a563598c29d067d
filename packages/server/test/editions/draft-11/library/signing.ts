import type { SigningProfile } from 'countersign/signatures'
import { parseSignatureKey, serializeSignatureKey } from './signature-key.js'

/** The signing profile: no nonce, and the query is covered if there is one. */
export const signing: SigningProfile = {
  components: [
    { name: '@method', when: 'always' },
    { name: '@authority', when: 'always' },
    { name: '@path', when: 'always' },
    { name: '@query', when: 'query' },
    { name: 'content-type', when: 'body' },
    { name: 'content-digest', when: 'body' },
    { name: 'signature-key', when: 'always' },
  ],
  window: 60,
  nonceBytes: undefined,
  label: 'sig',
  parseKey: parseSignatureKey,
  serializeKey: serializeSignatureKey,
}
